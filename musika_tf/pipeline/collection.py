"""A folder of audio -> a folder of latents."""

import contextlib
import json
import logging
import os
from pathlib import Path

import numpy as np

from musika_tf.audio import files
from musika_tf.errors import UserError
from musika_tf.gan.data import read_latents

logger = logging.getLogger(__name__)


def encode_collection(audio_dir, out_dir, encode, model_id, config, signals=(), report=print):
    """Encodes every audio file below `audio_dir` to `out_dir/<same path>.npz`; what is done is skipped.

    A file holds `latents` float32 `[n, 2 * latent_size]`, `n_samples` (at `sample_rate`), `sample_rate`, `source`
    (the path below audio_dir), `model_id`, and `conditioning_<signal>` float32 `[n, channels]` for each signal.

    Args:
      audio_dir: folder or file.
      out_dir: folder, made where missing.
      encode: function of a waveform float32 `[samples, 2]` to latents.
      model_id: identity of the autoencoder.
      config: AutoencoderConfig.
      signals: conditioning signals, read from the grid in `<name>.json` beside each audio file.
      report: called with one line per file.

    Returns:
      The lines of the files that could not be encoded.

    Raises:
      UserError: no audio there, or `out_dir` holds latents of another model.
    """
    paths = files.find_audio(audio_dir)
    root = Path(audio_dir) if Path(audio_dir).is_dir() else Path(audio_dir).parent
    failures = []
    for path in paths:
        source = path.relative_to(root)
        target = Path(out_dir) / source.with_name(source.name + ".npz")
        try:
            if target.exists() and _is_done(target, model_id, signals):
                report(f"{source}: done before")
                continue
            arrays = _encode_file(path, encode, config, signals)
        except UserError as error:
            if target.exists():
                raise  # the folder is another model's: nothing in it is touched
            failures.append(str(error))
            report(str(error))
            continue
        _save(target, {**arrays, "source": str(source), "model_id": model_id})
        report(f"{source}: {len(arrays['latents'])} latents")
    return failures


def _is_done(target, model_id, signals):
    done = read_latents(target)
    if done["model_id"] != model_id:
        raise UserError(
            f"{target}: latents of model {done['model_id']}, this is {model_id}; give another --out_dir or remove them"
        )
    return all(f"conditioning_{signal.name}" in done for signal in signals)


def _encode_file(path, encode, config, signals):
    waveform = files.read(path, sample_rate=config.sample_rate)
    if not len(waveform):
        raise UserError(f"{path}: no samples; give audio that is not empty")
    latents = np.asarray(encode(waveform), np.float32)
    arrays = {"latents": latents, "n_samples": np.int64(len(waveform)), "sample_rate": np.int64(config.sample_rate)}
    if signals:
        grid = read_grid(path)
        times = (np.arange(len(latents)) + 0.5) / config.latents_per_second
        arrays |= {f"conditioning_{signal.name}": signal.from_grid(grid, times) for signal in signals}
    return arrays


def read_grid(audio_path):
    """The grid of a rendered track, from the `.json` beside it; UserError names what is missing."""
    path = Path(audio_path).with_suffix(".json")
    try:
        grid = json.loads(path.read_text())
        return {name: float(grid[name]) for name in ("bpm", "first_beat_seconds")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: tempo and beat are read from here, a JSON object with bpm and first_beat_seconds; "
            "tools/render_corpus.py writes such files"
        ) from error


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
