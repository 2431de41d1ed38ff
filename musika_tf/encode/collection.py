"""A folder of audio -> a folder of latents, which goes on where an earlier run was stopped."""

import functools
import os
import re
import socket
import time
from pathlib import Path

from musika_tf import npz
from musika_tf.collection import scan
from musika_tf.collection.table import USED, Table
from musika_tf.encode.encoding import Job, Outcome, check_model, teller
from musika_tf.errors import UserError
from musika_tf.workers import Death

_TEMPORARY = re.compile(r"\..+\.npz\.(?:(?P<host>.+)-)?(?P<process>\d+)")
_STALE_SECONDS = 3600  # writing one takes seconds


def encode_collection(audio_dir, out_dir, encode_all, model_id, config, report=print):
    """Encodes every audio file below `audio_dir` to `out_dir/<same path>.npz`; what is done is skipped.

    A file holds `latents` float32 `[n, 2 * latent_size]`, `n_samples` (at `sample_rate`), `sample_rate`, `source`
    (the path below audio_dir), `model_id`, `flags` (those of its table.Row), and for each signal
    `conditioning_<signal>` float32 `[n, channels]`, `extractor_<signal>` and `confidence_<signal>`. Signals that a file
    lacks, or has from another extractor than is used now, are added to it; its latents stay.

    Args:
      audio_dir: folder or file.
      out_dir: folder, made where missing.
      encode_all: function of a list of Jobs to an iterable of their Outcomes, in any order.
      model_id: identity of the autoencoder.
      config: its AutoencoderConfig.
      report: called with the lines of each file, in the order of their names.

    Returns:
      table.Table of all files, with what was done to each, or why not; and the seconds of audio that were encoded.

    Raises:
      UserError: no audio there, `out_dir` can't be written, or it holds latents of another model.
    """
    rows = scan.headers(audio_dir, config.sample_rate, config.window_samples)
    jobs = [Job(row, str(target_of(row, out_dir))) for row in rows if row.status == USED]
    prepare_folder(out_dir, model_id)
    table, seconds, outcomes = Table(), 0.0, in_order(jobs, encode_all(jobs))
    for row in rows:
        outcome = next(outcomes) if row.status == USED else Outcome(row)
        table.add(outcome.row)
        seconds += outcome.encoded_seconds
        for line in outcome.lines:
            report(line)
    return table, seconds


def scan_collection(audio_dir, config, show_progress=False):
    """The table.Table of a collection as it will be encoded, without encoding it."""
    return scan.scan(audio_dir, config.sample_rate, config.window_samples, show_progress=show_progress)


def target_of(row, out_dir):
    """Where the latents of a file go."""
    return Path(out_dir) / f"{row.file}.npz"


def prepare_folder(out_dir, model_id):
    """Makes sure, before any work, that a folder takes the latents of a model; removes half-written files of dead runs.

    Raises:
      UserError: the folder can't be made, or holds latents of another model, or a damaged file.
    """
    out_dir = Path(out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        for path in sorted(out_dir.rglob("*")):
            if _is_stale(path):
                path.unlink(missing_ok=True)
            elif path.suffix == ".npz" and path.is_file():
                check_model(path, _model_of(path), model_id)
    except OSError as error:
        raise UserError(f"{out_dir}: can't be written ({error.strerror}); give another --out_dir") from error


def _model_of(path):
    """The model whose latents a file holds, without reading them."""
    try:
        return str(npz.read(path, ["model_id"])["model_id"])
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: no latents that encode.py wrote ({error}); remove it, and its audio is encoded again"
        ) from error


def _is_stale(path):
    """Whether it is the temporary file of a run that is no more."""
    found = _TEMPORARY.fullmatch(path.name)
    if not found:
        return False
    process = int(found["process"])
    if found["host"] == socket.gethostname():
        return process == os.getpid() or not _is_alive(process)
    return time.time() - path.stat().st_mtime > _STALE_SECONDS


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def by_workers(recipe, crew, jobs):
    """Outcomes of jobs that several processes share, in the order in which they are done.

    Args:
      recipe: encoding.Recipe, by which each of them loads the model.
      crew: workers.Crew.
      jobs: list of Job.

    Raises:
      UserError: no worker is left, or what stops one stops all: the disk is full.
    """
    n_done, cause = 0, ""
    for job, told in crew.each(functools.partial(teller, recipe), jobs):
        if isinstance(told, Death):
            cause = told.cause
            if job is None:  # before it had one
                continue
            told = Outcome(job.row.left_out("failed", f"its worker {cause}; the same command tries it again"))
        n_done += 1
        yield told
    if n_done < len(jobs):
        raise UserError(f"the last worker {cause}; {n_done} of {len(jobs)} files are done, the same command goes on")


def in_order(jobs, outcomes):
    """Outcomes in the order of their jobs, each as soon as those before it are there."""
    waiting, position = {}, 0
    for outcome in outcomes:
        waiting[outcome.source] = outcome
        while position < len(jobs) and jobs[position].source in waiting:
            yield waiting.pop(jobs[position].source)
            position += 1


def throughput(audio, seconds):
    """A line on how fast `audio` seconds were encoded, "" where nothing was: hours of audio in an hour."""
    from musika_tf import durations

    if not audio:
        return ""
    return (
        f"encoded {durations.spoken(audio)} of audio in {durations.spoken(seconds)}: "
        f"{audio / seconds:.1f} hours of audio per hour"
    )
