"""Latents of a collection as training batches, out of memory or out of one memory-mapped file.

That is in a folder named by the paths, sizes and times of the `.npz` files, and by what was asked of them.

    latents-<digest>/latents.f32         float32 [n, latent_size], piece after piece
                     conditioning.f32    float32 [n, n_conditioning], in step
                     index.json          lengths of the pieces, sizes, model, extractors
"""

import hashlib
import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf import json_file
from musika_tf.errors import UserError
from musika_tf.gan.latents import LatentPieces, each_piece

logger = logging.getLogger(__name__)

_VERSION = 1
_INDEX = "index.json"


def load_pieces(latents_dir, signals, min_latents, cache_dir=None):
    """The `.npz` files that encode.py wrote.

    Args:
      latents_dir: folder, searched recursively.
      signals: that every file must hold.
      min_latents: shorter pieces are left out, as are digital silence and unclear signals, each with a warning.
      cache_dir: folder for one memory-mapped file with all latents, for collections that memory can't hold.

    Raises:
      OSError: the folder can't be read.
      UserError: no usable file, a missing signal, several extractors of one, or latents of several models.
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
        pieces = _from_cache(paths, signals, min_latents, cache_dir)
    if not pieces.latents:
        raise UserError(
            f"--latents_dir={latents_dir}: {len(paths)} .npz files, none of {min_latents} latents or more"
            f"{' with clear signals' if signals else ''}; encode longer audio with encode.py"
        )
    return pieces


def _from_cache(paths, signals, min_latents, cache_dir):
    """The LatentPieces of `.npz` files, out of the cache; arguments and errors as `load_pieces`."""
    folder = Path(cache_dir) / f"latents-{_digest(paths, signals, min_latents)}"
    found = _opened(folder)
    if found is None:
        logger.info("--cache_dir=%s: gathering the latents of %d files, once", cache_dir, len(paths))
        try:
            _make(folder, paths, signals, min_latents)
        except OSError as error:
            raise UserError(
                f"--cache_dir={cache_dir}: can't be written ({error.strerror}); make room or name another folder"
            ) from error
        found = _opened(folder)
    return found


def _digest(paths, signals, min_latents):
    """32 hex digits of all that the pieces depend on."""
    asked = [_VERSION, min_latents, *(signal.name for signal in signals)]
    stats = ((path, path.stat() if path.exists() else None) for path in paths)
    made_from = [(str(path.resolve()), stat and stat.st_size, stat and stat.st_mtime_ns) for path, stat in stats]
    return hashlib.sha256(repr((asked, made_from)).encode(errors="surrogateescape")).hexdigest()[:32]


def _make(folder, paths, signals, min_latents):
    """Reads all files once; the folder takes its name when it is complete."""
    known, lengths, sizes = LatentPieces([], [], ""), [], (0, 0)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        with (
            open(partial / "latents.f32", "wb") as latents_file,
            open(partial / "conditioning.f32", "wb") as signals_file,
        ):
            for latents, conditioning in each_piece(paths, signals, min_latents, known):
                np.ascontiguousarray(latents, np.float32).tofile(latents_file)
                np.ascontiguousarray(conditioning, np.float32).tofile(signals_file)
                lengths.append(len(latents))
                sizes = latents.shape[1], conditioning.shape[1]
        index = {"lengths": lengths, "sizes": sizes, "model_id": known.model_id, "extractors": known.extractors}
        (partial / _INDEX).write_text(json.dumps(index))
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _opened(folder):
    """The LatentPieces in a folder of the cache, or None where it is missing or damaged."""
    try:
        index = json_file.read(folder / _INDEX)
        lengths, sizes = index["lengths"], index["sizes"]
        n = sum(lengths)
        names = "latents.f32", "conditioning.f32"
        found = LatentPieces([], [], index["model_id"], index["extractors"])
        whole = all((folder / f).stat().st_size == 4 * n * size for f, size in zip(names, sizes, strict=True))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    if not whole:
        return None
    if lengths:
        latents = np.memmap(folder / "latents.f32", np.float32, "r", shape=(n, sizes[0]))
        conditioning = np.fromfile(folder / "conditioning.f32", np.float32).reshape(n, sizes[1])
        cuts = np.cumsum(lengths)[:-1]
        found.latents, found.conditioning = np.split(latents, cuts), np.split(conditioning, cuts)
    return found


def batches(pieces, length, batch_size, seed, first_batch=0, part=(0, 1)):
    """Endless batches of random spans; batch i is a pure function of (pieces, seed, i).

    Each span comes from one piece, drawn in proportion to the starts that it offers; half are mirrored.

    Args:
      length: latents of a span.
      first_batch: batches to leave out.
      part: (i, n): the i-th of n equal parts of each batch only, for one of n workers.

    Returns:
      tf.data.Dataset of float32 `[batch / n, length, latent_size]` and `[batch / n, length, n_conditioning]`.
    """
    starts = np.array([len(piece) - length + 1 for piece in pieces.latents])
    ends = np.cumsum(starts)
    channels = pieces.latents[0].shape[1]
    share = batch_size // part[1]
    rows = slice(part[0] * share, (part[0] + 1) * share)

    def draw(index):
        rng = np.random.default_rng([seed, index])
        spans, signals = [], []
        for flat in rng.integers(ends[-1], size=batch_size):
            piece = int(np.searchsorted(ends, flat, side="right"))
            start = int(flat - (ends[piece] - starts[piece]))
            span = pieces.latents[piece][start : start + length]
            spans.append(pieces.mirror(span) if rng.integers(2) else span)
            signals.append(pieces.conditioning[piece][start : start + length])
        return np.stack(spans[rows]), np.stack(signals[rows])

    def load(index):
        latents, conditioning = tf.numpy_function(draw, [index], [tf.float32, tf.float32], stateful=False)
        latents.set_shape([share, length, channels])
        conditioning.set_shape([share, length, pieces.conditioning[0].shape[1]])
        return latents, conditioning

    return tf.data.Dataset.range(first_batch, np.iinfo(np.int64).max).map(load).prefetch(4)
