"""A folder of audio -> a folder of latents, which goes on where an earlier run was stopped."""

import os
import re
import socket
import time
from pathlib import Path

from musika_tf import durations, lock
from musika_tf.collection import scan
from musika_tf.collection.table import USED, Table
from musika_tf.encode import latents_file
from musika_tf.encode.job import Job, Outcome
from musika_tf.errors import writing
from musika_tf.gan.latents import read_latents

_TEMPORARY = re.compile(r"\..+\.npz\.(?:(?P<host>.+)-)?(?P<process>\d+)")
_STALE_SECONDS = 3600  # writing one takes seconds
_MOST_NAMED = 3  # files in a line


def encode_folder(audio_dir, out_dir, encode_all, model_id, config, report=print):
    """Encodes every audio file below `audio_dir` to `out_dir/<same path>.npz`; what is done is skipped.

    See `latents_file` for what a file holds. Signals that one lacks, or has from another extractor than is used now,
    are added; audio that was replaced since is encoded again.

    Args:
      audio_dir: folder or file.
      out_dir: made where missing; no other program may write to it at the same time.
      encode_all: function of a list of Jobs to an iterable of their Outcomes, in any order.
      model_id: identity of the autoencoder.
      config: its AutoencoderConfig.
      report: called with the lines of each file, in the order of their names.

    Returns:
      table.Table of all files, with what was done to each, or why not; and the seconds of audio that were encoded.

    Raises:
      UserError: no audio there; `out_dir` can't be written, is in use, or holds latents of another model.
    """
    rows = scan.headers(audio_dir, config.sample_rate, config.window_samples)
    jobs = [Job(row, str(latents_file.target_of(row, out_dir))) for row in rows if row.status == USED]
    table, seconds = Table(), 0.0
    with lock.held(Path(out_dir) / ".lock", f"--out_dir={out_dir}"):
        found = prepare_folder(out_dir, model_id)
        outcomes = in_order(jobs, encode_all(jobs))
        for row in rows:
            outcome = next(outcomes) if row.status == USED else Outcome(row)
            table.rows.append(outcome.row)
            seconds += outcome.encoded_seconds
            for line in outcome.lines:
                report(line)
    if line := _without_audio(found, jobs, out_dir):
        report(line)
    return table, seconds


def prepare_folder(out_dir, model_id):
    """The paths of the latents in a folder, which is made where missing; half-written files of dead runs are removed.
    UserError: the folder can't be made, or holds latents of another model, or a damaged file."""
    out_dir, found = Path(out_dir), []
    with writing(out_dir, "give another --out_dir"):
        out_dir.mkdir(parents=True, exist_ok=True)
        for path in sorted(out_dir.rglob("*")):
            if _is_stale(path):
                path.unlink(missing_ok=True)
            elif path.suffix == ".npz" and path.is_file():
                latents_file.check_model(path, read_latents(path, ["model_id"])["model_id"], model_id)
                found.append(path)
    return found


def _without_audio(found, jobs, out_dir):
    """A line on the `found` latents whose audio isn't there any more, or ""."""
    targets = {Path(job.target) for job in jobs}
    lost = [str(path.relative_to(out_dir)) for path in found if path not in targets]
    if not lost:
        return ""
    more = f" and {len(lost) - _MOST_NAMED} more" * (len(lost) > _MOST_NAMED)
    return (
        f"{out_dir}: latents of audio that isn't there any more, {', '.join(lost[:_MOST_NAMED])}{more}; "
        "train_gan.py learns from them, too: remove them where that isn't wanted"
    )


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


def in_order(jobs, outcomes):
    """Outcomes in the order of their jobs, each as soon as those before it are there."""
    waiting, position = {}, 0
    for outcome in outcomes:
        waiting[outcome.row.file] = outcome
        while position < len(jobs) and jobs[position].row.file in waiting:
            yield waiting.pop(jobs[position].row.file)
            position += 1


def throughput(audio, seconds):
    """A line on how fast `audio` seconds were encoded, "" where nothing was: hours of audio in an hour."""
    if not audio:
        return ""
    return (
        f"encoded {durations.spoken(audio)} of audio in {durations.spoken(seconds)}: "
        f"{audio / seconds:.1f} hours of audio per hour"
    )
