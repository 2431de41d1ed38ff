"""A folder of audio -> a folder of latents."""

import contextlib
import logging
import os
from pathlib import Path

import numpy as np

from musika_tf.audio import files, scan
from musika_tf.audio.levels import Levels
from musika_tf.audio.table import LEFT_OUT, USED, Table, printable
from musika_tf.conditioning import extraction
from musika_tf.conditioning.signal import centres
from musika_tf.errors import UserError
from musika_tf.gan.data import read_latents
from musika_tf.native import silent_stderr

logger = logging.getLogger(__name__)


def encode_collection(audio_dir, out_dir, encode, model_id, config, signals=(), report=print, signal_source="auto"):
    """Encodes every audio file below `audio_dir` to `out_dir/<same path>.npz`; what is done is skipped.

    A file holds `latents` float32 `[n, 2 * latent_size]`, `n_samples` (at `sample_rate`), `sample_rate`, `source`
    (the path below audio_dir), `model_id`, `flags` (those of its table.Row), and for each signal
    `conditioning_<signal>` float32 `[n, channels]`, `extractor_<signal>` and `confidence_<signal>`. Signals that a file
    lacks, or has from another extractor than is used now, are added to it; its latents stay.

    Args:
      audio_dir: folder or file.
      out_dir: folder, made where missing.
      encode: function of a waveform float32 `[samples, 2]` to latents.
      model_id: identity of the autoencoder.
      config: AutoencoderConfig.
      signals: conditioning signals.
      report: called with one line per file.
      signal_source: where signals come from, one of extraction.SOURCES.

    Returns:
      scan.Table of all files, with what was done to each, or why not.

    Raises:
      UserError: no audio there, `out_dir` can't be written, or it holds latents of another model.
    """
    table = Table()
    for row in scan.headers(audio_dir, config.sample_rate, config.window_samples):
        if row.status == USED:
            row = _encoded(row, out_dir, encode, model_id, config, signals, report, signal_source)
        if row.status == LEFT_OUT:
            report(row.line())
        table.add(row)
    return table


def scan_collection(audio_dir, config, show_progress=False):
    """The scan.Table of a collection as it will be encoded, without encoding it."""
    return scan.scan(audio_dir, config.sample_rate, config.window_samples, show_progress=show_progress)


def target_of(row, out_dir):
    """Where the latents of a file go."""
    return Path(out_dir) / f"{row.file}.npz"


def _encoded(row, out_dir, encode, model_id, config, signals, report, signal_source):
    """Encodes one file; its row with what its samples said, or why it is left out."""
    target = target_of(row, out_dir)
    done = _done(target, model_id)
    try:
        choices = extraction.choose(signals, row.path, signal_source)
        missing = [choice for choice in choices if not choice.is_in(done)]
        if done and not missing:
            report(printable(f"{row.file}: done before"))
            return row.remembered(done.get("flags", ()))
        arrays, added, row = _complete(row, done, missing, encode, config)
    except UserError as error:
        return scan.refused(row, error)
    _save(target, {**arrays, "source": row.file, "model_id": model_id})
    report(printable(f"{row.file}: {added}"))
    for choice in missing:
        extraction.report_doubt(choice, arrays, row.file, report)
    return row


def _done(target, model_id):
    """The arrays of an `.npz` that is there already, or none; UserError where they are another model's."""
    if not target.exists():
        return {}
    done = read_latents(target)
    if done["model_id"] != model_id:
        raise UserError(
            f"{target}: latents of model {done['model_id']}, this is {model_id}; give another --out_dir or remove them"
        )
    return done


def _complete(row, done, missing, encode, config):
    """The arrays of a file: those done before, or its latents, and the signals that are missing; what was added; row"""
    levels = Levels()
    with silent_stderr():  # decoders report on damaged files
        waveform = files.read(row.path, sample_rate=config.sample_rate, watch=levels.add)
    row = row.heard(levels)
    if not done:
        latents = np.asarray(encode(waveform), np.float32)
        sizes = {"n_samples": np.int64(len(waveform)), "sample_rate": np.int64(config.sample_rate)}
        arrays, added = {"latents": latents, **sizes}, f"{len(latents)} latents"
    elif int(done["n_samples"]) != len(waveform):
        raise UserError(f"{row.path}: has changed since it was encoded; remove its .npz")
    else:
        arrays, added = done, f"added {', '.join(choice.name for choice in missing)}"
    arrays = arrays | {"flags": np.array(row.flags, np.str_)}
    heard = extraction.at_signal_rate(waveform, config.sample_rate)
    times = centres(len(arrays["latents"]), config.latents_per_second)
    for choice in missing:
        try:
            arrays = arrays | choice.arrays(heard, times)
        except UserError as error:
            raise UserError(f"{row.path}: {error}") from error
    return arrays, added, row


def _save(target, arrays):
    """Writes an `.npz` under its name only when it is whole."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)
        os.replace(temporary, target)
    except OSError as error:
        raise UserError(
            f"{target}: can't be written ({error.strerror}); free space or give another --out_dir"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
