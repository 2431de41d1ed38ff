"""Latents of a collection as training batches."""

import dataclasses
import logging
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf.errors import UserError

logger = logging.getLogger(__name__)


@dataclasses.dataclass
class LatentPieces:
    """The encoded pieces that are long enough, in memory (about 20 MB an hour).

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
        """Mean and deviation per channel, both sides pooled since they are swapped at random: `[latent_size]` each."""
        every = np.concatenate(self.latents)
        sides = np.concatenate(np.split(every, 2, axis=1))
        return np.tile(sides.mean(axis=0), 2), np.tile(sides.std(axis=0), 2)

    def conditioning_statistics(self):
        """Mean and deviation per conditioning channel: `[n_conditioning]` each."""
        every = np.concatenate(self.conditioning)
        return every.mean(axis=0), every.std(axis=0)


def load_pieces(latents_dir, signals, min_latents):
    """Reads the `.npz` files that encode.py wrote.

    Args:
      latents_dir: folder, searched recursively.
      signals: the conditioning signals that every file must hold (conditioning.signal.Signal).
      min_latents: pieces shorter than this are left out, as are digital silence and those of whose signals the
        extractor was unsure; each is named in a warning.

    Raises:
      UserError: no usable file, a missing signal, several extractors of one, or latents of several models; names
        the file.
    """
    pieces = LatentPieces([], [], "")
    paths = sorted(Path(latents_dir).rglob("*.npz"))
    for path in paths:
        data = read_latents(path)
        pieces.model_id = pieces.model_id or data["model_id"]
        if data["model_id"] != pieces.model_id:
            raise UserError(
                f"{path}: latents of model {data['model_id']} among those of {pieces.model_id}; encode them apart"
            )
        if _is_useless(path, data, min_latents) or _is_doubtful(path, data, signals):
            continue
        pieces.latents.append(data["latents"])
        pieces.conditioning.append(_channels(path, data, signals))
        _check_extractors(path, data, signals, pieces.extractors)
    if not pieces.latents:
        raise UserError(
            f"--latents_dir={latents_dir}: {len(paths)} .npz files, none of {min_latents} latents or more"
            f"{' with clear signals' if signals else ''}; encode longer audio with encode.py"
        )
    return pieces


def read_latents(path):
    """One file of encode.py as a dict of arrays, `model_id` as text; UserError names a file that is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            data = {name: file[name] for name in file.files}
        data["model_id"] = str(data["model_id"])
        if data["latents"].ndim != 2 or data["latents"].dtype != np.float32:
            raise ValueError(f"latents are {data['latents'].dtype} {data['latents'].shape}")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"{path}: no latents that encode.py wrote ({error}); encode the audio again") from error
    return data


def _channels(path, data, signals):
    columns = [np.zeros([len(data["latents"]), 0], np.float32)]
    for signal in signals:
        stored = data.get(f"conditioning_{signal.stored_name}")
        if stored is None:
            wanted = ",".join(dict.fromkeys(signal.stored_name for signal in signals))
            raise UserError(f"{path}: has no signal {signal.name!r}; encode with --conditioning={wanted}")
        if len(stored) != len(data["latents"]):
            raise UserError(f"{path}: {len(stored)} values of {signal.name!r}; remove it and encode the audio again")
        columns.append(signal.pick(stored))
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


def batches(pieces, length, batch_size, seed, first_batch=0):
    """Endless batches of random spans; batch i is a pure function of (pieces, seed, i).

    Each span comes from one piece, drawn in proportion to the starts that it offers, with left and right
    swapped at random.

    Returns:
      tf.data.Dataset of float32 `[batch, length, latent_size]` and `[batch, length, n_conditioning]`.
    """
    starts = np.array([len(piece) - length + 1 for piece in pieces.latents])
    ends = np.cumsum(starts)
    half = pieces.latents[0].shape[1] // 2

    def draw(index):
        rng = np.random.default_rng([seed, index])
        spans, signals = [], []
        for flat in rng.integers(ends[-1], size=batch_size):
            piece = int(np.searchsorted(ends, flat, side="right"))
            start = int(flat - (ends[piece] - starts[piece]))
            span = pieces.latents[piece][start : start + length]
            spans.append(np.roll(span, half, axis=1) if rng.integers(2) else span)
            signals.append(pieces.conditioning[piece][start : start + length])
        return np.stack(spans), np.stack(signals)

    def load(index):
        latents, conditioning = tf.numpy_function(draw, [index], [tf.float32, tf.float32], stateful=False)
        latents.set_shape([batch_size, length, 2 * half])
        conditioning.set_shape([batch_size, length, pieces.conditioning[0].shape[1]])
        return latents, conditioning

    return tf.data.Dataset.range(first_batch, np.iinfo(np.int64).max).map(load).prefetch(4)
