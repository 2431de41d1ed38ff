"""Latents of a collection as training batches."""

import dataclasses
import logging
import os
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf.errors import UserError

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class LatentPieces:
    """The encoded pieces that are long enough, in memory (about 20 MB an hour) or memory-mapped.

    latents: list of float32 `[n, latent_size]`; conditioning: list of float32 `[n, n_conditioning]`, as stored;
    extractors: what read each signal off the pieces, by its name.
    """

    latents: list
    conditioning: list
    model_id: str
    extractors: dict = dataclasses.field(default_factory=dict)

    @property
    def n_latents(self):
        return sum(len(piece) for piece in self.latents)

    def statistics(self):
        """Mean and deviation per channel, both sides pooled since they are swapped at random: `[latent_size]` each.

        Piece by piece and in float64, whether or not all of them would fit into memory.
        """
        n = 2 * self.n_latents
        mean = sum(_both_sides(piece).sum(axis=0) for piece in self.latents) / n
        variance = sum(np.square(_both_sides(piece) - mean).sum(axis=0) for piece in self.latents) / n
        return np.tile(mean, 2).astype(np.float32), np.tile(np.sqrt(variance), 2).astype(np.float32)

    def conditioning_statistics(self):
        """Mean and deviation per conditioning channel: `[n_conditioning]` each."""
        every = np.concatenate(self.conditioning)
        return every.mean(axis=0), every.std(axis=0)


def _both_sides(piece):
    """`[n, 2 size]` of left and right -> float64 `[2 n, size]`."""
    return np.concatenate(np.split(np.asarray(piece, np.float64), 2, axis=1))


def load_pieces(latents_dir, signals, min_latents, cache_dir=None):
    """The `.npz` files that encode.py wrote.

    Args:
      latents_dir: folder, searched recursively.
      signals: the conditioning signals that every file must hold (conditioning.signal.Signal).
      min_latents: pieces shorter than this are left out, as are digital silence and those of whose signals the
        extractor was unsure; each is named in a warning.
      cache_dir: folder for one file with all latents, which is memory-mapped, for collections that memory can't hold;
        signals stay in memory.

    Raises:
      OSError: the folder can't be read.
      UserError: no usable file, a missing signal, several extractors of one, or latents of several models; names
        the file.
    """
    if os.path.isdir(latents_dir):
        os.listdir(latents_dir)  # an error where it can't be read, in which rglob would find nothing
    paths = sorted(Path(latents_dir).rglob("*.npz"))
    if cache_dir is None:
        pieces = LatentPieces([], [], "")
        for latents, conditioning in each_piece(paths, signals, min_latents, pieces):
            pieces.latents.append(latents)
            pieces.conditioning.append(conditioning)
    else:
        from musika_tf.gan import shard

        pieces = shard.pieces(paths, signals, min_latents, cache_dir)
    if not pieces.latents:
        raise UserError(
            f"--latents_dir={latents_dir}: {len(paths)} .npz files, none of {min_latents} latents or more"
            f"{' with clear signals' if signals else ''}; encode longer audio with encode.py"
        )
    return pieces


def each_piece(paths, signals, min_latents, known):
    """Reads files one by one; arguments and errors as `load_pieces`.

    Args:
      known: LatentPieces, whose model_id and extractors are entered as they are found.

    Yields:
      (latents, conditioning) of each piece that is used.
    """
    latent_size = None
    for path in paths:
        data = read_latents(path)
        known.model_id = known.model_id or data["model_id"]
        if data["model_id"] != known.model_id:
            raise UserError(
                f"{path}: latents of model {data['model_id']} among those of {known.model_id}; encode them apart"
            )
        latents = data["latents"]
        if _is_useless(path, data, min_latents) or _is_doubtful(path, data, signals):
            continue
        latent_size = latent_size or latents.shape[1]
        if latents.shape[1] != latent_size or latent_size % 2:
            raise UserError(
                f"{path}: latents of {latents.shape[1]} numbers among those of {latent_size}; "
                "remove it and encode the audio again"
            )
        conditioning = _channels(path, data, signals)
        _check_extractors(path, data, signals, known.extractors)
        yield latents, conditioning


def read_latents(path):
    """One file of encode.py.

    Returns:
      Dict: `latents` float32 `[n, latent_size]` and `conditioning_...` `[n, k]`, finite; `model_id` and `extractor_...`
      as text; `n_samples`, `sample_rate` and `confidence_...`, arrays of one number.

    Raises:
      UserError: it is missing, damaged, or no such file; pickled objects are never read.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: _checked(name, file[name]) for name in file.files}
        for name in ("latents", "model_id"):
            if name not in data:
                raise ValueError(f"{name} is missing")
    except DAMAGE as error:
        reason = str(error).splitlines() or [type(error).__name__]
        raise UserError(f"{path}: no latents that encode.py wrote ({reason[0]}); encode the audio again") from error
    return data


# What NumPy and zipfile raise over bytes that are no .npz, or one that was damaged.
DAMAGE = (OSError, ValueError, TypeError, LookupError, EOFError, AttributeError, RuntimeError, SyntaxError)
DAMAGE += (MemoryError, OverflowError, struct.error, tokenize.TokenError, zipfile.BadZipFile, zlib.error)


def _checked(name, array):
    """An array of an `.npz`, as what it is by its name; ValueError where it is not."""
    kind = name.split("_")[0]
    if kind in ("latents", "conditioning"):
        if array.ndim != 2 or array.dtype.kind != "f" or (kind == "latents" and array.dtype != np.float32):
            raise ValueError(f"{name} are {array.dtype} {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} are not all finite")
        return array
    if name == "model_id" or kind == "extractor":
        if array.ndim or array.dtype.kind != "U":
            raise ValueError(f"{name} is {array.dtype} {array.shape}")
        return str(array)
    if name == "flags" and (array.ndim != 1 or array.dtype.kind != "U"):
        raise ValueError(f"{name} are {array.dtype} {array.shape}")
    numbers = {"n_samples": "iu", "sample_rate": "iu", "confidence": "f"}.get(name if kind != "confidence" else kind)
    if numbers and (array.ndim or array.dtype.kind not in numbers):
        raise ValueError(f"{name} is {array.dtype} {array.shape}")
    return array


def _channels(path, data, signals):
    columns = [np.zeros([len(data["latents"]), 0], np.float32)]
    for signal in signals:
        stored = data.get(f"conditioning_{signal.stored_name}")
        if stored is None:
            wanted = ",".join(dict.fromkeys(signal.stored_name for signal in signals))
            raise UserError(f"{path}: has no signal {signal.name!r}; encode with --conditioning={wanted}")
        if len(stored) != len(data["latents"]):
            raise UserError(f"{path}: {len(stored)} values of {signal.name!r}; remove it and encode the audio again")
        picked = signal.pick(stored)
        if picked.shape[1] != signal.n_channels:
            raise UserError(
                f"{path}: {picked.shape[1]} channels of {signal.name!r}, which has {signal.n_channels}; "
                "remove it and encode the audio again"
            )
        columns.append(picked)
    return np.concatenate(columns, axis=1)


def _is_useless(path, data, min_latents):
    """Whether a piece is too short to train with, or digital silence (which older files don't tell)."""
    n_latents = len(data["latents"])
    if n_latents < min_latents:
        logger.warning("%s: left out, its %d latents are fewer than the %d of a span", path, n_latents, min_latents)
        return True
    if "silent" in data.get("flags", ()):
        logger.warning("%s: left out, it is digital silence", path)
        return True
    return False


def _is_doubtful(path, data, signals):
    """Whether an extractor was too unsure of a piece to train with what it said."""
    for signal in signals:
        confidence = float(data.get(f"confidence_{signal.stored_name}", 1.0))
        if confidence < signal.least_confidence:
            logger.warning("%s: left out, its %s is not clear (confidence %.2f)", path, signal.name, confidence)
            return True
    return False


def _check_extractors(path, data, signals, known):
    """Enters the extractors of a file in `known`; refuses those of other files, since they measure differently."""
    for signal in signals:
        extractor = str(data.get(f"extractor_{signal.stored_name}", signal.first_extractor))
        if known.setdefault(signal.name, extractor) != extractor:
            raise UserError(
                f"{path}: {signal.name} by {extractor} among files where it is by {known[signal.name]}; run encode.py "
                "over all of them again, on one machine and with one --signal_source (grid, audio)"
            )


def batches(pieces, length, batch_size, seed, first_batch=0, part=(0, 1)):
    """Endless batches of random spans; batch i is a pure function of (pieces, seed, i).

    Each span comes from one piece, drawn in proportion to the starts that it offers, with left and right
    swapped at random.

    Args:
      pieces: LatentPieces.
      length: latents of a span.
      batch_size: spans per batch.
      seed: integer.
      first_batch: number of batches to leave out.
      part: (i, n): the i-th of n equal parts of each batch only, for one of n workers.

    Returns:
      tf.data.Dataset of float32 `[batch / n, length, latent_size]` and `[batch / n, length, n_conditioning]`.
    """
    starts = np.array([len(piece) - length + 1 for piece in pieces.latents])
    ends = np.cumsum(starts)
    half = pieces.latents[0].shape[1] // 2
    share = batch_size // part[1]
    rows = slice(part[0] * share, (part[0] + 1) * share)

    def draw(index):
        rng = np.random.default_rng([seed, index])
        spans, signals = [], []
        for flat in rng.integers(ends[-1], size=batch_size):
            piece = int(np.searchsorted(ends, flat, side="right"))
            start = int(flat - (ends[piece] - starts[piece]))
            span = pieces.latents[piece][start : start + length]
            spans.append(np.roll(span, half, axis=1) if rng.integers(2) else span)
            signals.append(pieces.conditioning[piece][start : start + length])
        return np.stack(spans[rows]), np.stack(signals[rows])

    def load(index):
        latents, conditioning = tf.numpy_function(draw, [index], [tf.float32, tf.float32], stateful=False)
        latents.set_shape([share, length, 2 * half])
        conditioning.set_shape([share, length, pieces.conditioning[0].shape[1]])
        return latents, conditioning

    return tf.data.Dataset.range(first_batch, np.iinfo(np.int64).max).map(load).prefetch(4)
