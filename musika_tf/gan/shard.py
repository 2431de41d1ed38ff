"""All latents of a collection in one file that is memory-mapped: the pages that a batch needs are read, and no more.

A folder in the cache holds them, named by what they were made from: the paths, sizes and times of modification of the
`.npz` files, and what was asked of them.

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

from musika_tf import json_file
from musika_tf.errors import UserError
from musika_tf.gan import data

logger = logging.getLogger(__name__)

_VERSION = 1
_INDEX = "index.json"


def pieces(paths, signals, min_latents, cache_dir):
    """The LatentPieces of `.npz` files, out of the cache; arguments and errors as `data.load_pieces`."""
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
    known, lengths, sizes = data.LatentPieces([], [], ""), [], (0, 0)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        with (
            open(partial / "latents.f32", "wb") as latents_file,
            open(partial / "conditioning.f32", "wb") as signals_file,
        ):
            for latents, conditioning in data.each_piece(paths, signals, min_latents, known):
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
        found = data.LatentPieces([], [], index["model_id"], index["extractors"])
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
