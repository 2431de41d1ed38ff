"""A folder of audio -> a folder of latents."""

import contextlib
import logging
import os
from pathlib import Path

import numpy as np

from musika_tf.audio import files
from musika_tf.conditioning import extraction
from musika_tf.conditioning.signal import centres
from musika_tf.errors import UserError
from musika_tf.gan.data import read_latents

logger = logging.getLogger(__name__)


def encode_collection(audio_dir, out_dir, encode, model_id, config, signals=(), report=print, signal_source="auto"):
    """Encodes every audio file below `audio_dir` to `out_dir/<same path>.npz`; what is done is skipped.

    A file holds `latents` float32 `[n, 2 * latent_size]`, `n_samples` (at `sample_rate`), `sample_rate`, `source`
    (the path below audio_dir), `model_id`, and for each signal `conditioning_<signal>` float32 `[n, channels]`,
    `extractor_<signal>` and `confidence_<signal>`. Signals that a file lacks, or has from another extractor than is
    used now, are added to it; its latents stay.

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
      The lines of the files that could not be encoded.

    Raises:
      UserError: no audio there, `out_dir` can't be written, or it holds latents of another model.
    """
    paths = files.find_audio(audio_dir)
    root = Path(audio_dir) if Path(audio_dir).is_dir() else Path(audio_dir).parent
    failures = []
    for path in paths:
        source = path.relative_to(root)
        target = Path(out_dir) / source.with_name(source.name + ".npz")
        done = _done(target, model_id)
        try:
            choices = extraction.choose(signals, path, signal_source)
            missing = [choice for choice in choices if not choice.is_in(done)]
            if done and not missing:
                report(f"{source}: done before")
                continue
            arrays, added = _complete(path, done, missing, encode, config)
        except UserError as error:
            failures.append(str(error))
            report(str(error))
            continue
        _save(target, {**arrays, "source": str(source), "model_id": model_id})
        report(f"{source}: {added}")
        for choice in missing:
            extraction.report_doubt(choice, arrays, source, report)
    return failures


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


def _complete(path, done, missing, encode, config):
    """The arrays of a file: those done before, or its latents, and the signals that are missing; what was added."""
    waveform = files.read(path, sample_rate=config.sample_rate)
    if not len(waveform):
        raise UserError(f"{path}: no samples; give audio that is not empty")
    if not done:
        latents = np.asarray(encode(waveform), np.float32)
        sizes = {"n_samples": np.int64(len(waveform)), "sample_rate": np.int64(config.sample_rate)}
        arrays, added = {"latents": latents, **sizes}, f"{len(latents)} latents"
    elif int(done.get("n_samples", -1)) != len(waveform):
        raise UserError(f"{path}: has changed since it was encoded; remove its .npz")
    else:
        arrays, added = done, f"added {', '.join(choice.name for choice in missing)}"
    heard = extraction.at_signal_rate(waveform, config.sample_rate)
    times = centres(len(arrays["latents"]), config.latents_per_second)
    for choice in missing:
        try:
            arrays = arrays | choice.arrays(heard, times)
        except UserError as error:
            raise UserError(f"{path}: {error}") from error
    return arrays, added


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
