"""A bundle -> audio files, in parts, with what it takes to make each file again in its comment tag."""

import dataclasses
import re
import secrets

import numpy as np
import tensorflow as tf

from musika_tf.audio.writer import AudioWriter
from musika_tf.errors import UserError

_PART_WINDOWS = 8  # windows per call of the bundle: long enough that its neighbours cost little


@dataclasses.dataclass(frozen=True)
class Piece:
    """Which part of which piece: with the model, all that its samples depend on."""

    seed: int
    style_seed: int
    start_sample: int
    n_samples: int
    truncation: float = 2.0

    def comment(self, metadata):
        """The comment tag: model, seeds, range."""
        return (
            f"musika_tf model={metadata['name']} id={metadata['autoencoder_id']} steps={metadata.get('steps', 0)} "
            f"seed={self.seed} style_seed={self.style_seed} truncation={self.truncation!r} "
            f"start_sample={self.start_sample} n_samples={self.n_samples}"
        )


def read_comment(comment):
    """The Piece of a comment tag; UserError where it is not ours."""
    values = dict(re.findall(r"(\w+)=(\S+)", comment or ""))
    try:
        whole = {name: int(values[name]) for name in ("seed", "style_seed", "start_sample", "n_samples")}
        return Piece(**whole, truncation=float(values["truncation"]))
    except (KeyError, ValueError) as error:
        raise UserError(f"comment {comment!r}: not of a file that generate.py wrote") from error


def random_seed():
    """A seed for a piece nobody has heard, short enough to write down."""
    return secrets.randbelow(10**6)


def waveforms(loaded, metadata, piece):
    """Renders a piece in consecutive parts.

    Args:
      loaded: a loaded bundle.
      metadata: its metadata.
      piece: Piece.

    Yields:
      float32 `[samples, 2]`; together exactly `piece.n_samples`.
    """
    per_latent = metadata["samples_per_latent"]
    part = _PART_WINDOWS * metadata["window"]
    first = piece.start_sample // per_latent
    end = -(-(piece.start_sample + piece.n_samples) // per_latent)
    unsteered = tf.zeros([0, 0])
    for latent in range(first, end, part):
        count = min(part, end - latent)
        waveform = loaded.generate(
            tf.constant(piece.seed, tf.int64),
            tf.constant(piece.style_seed, tf.int64),
            tf.constant(latent, tf.int64),
            tf.constant(count, tf.int32),
            tf.constant(piece.truncation, tf.float32),
            unsteered,
        ).numpy()
        begin = max(piece.start_sample - latent * per_latent, 0)
        yield waveform[begin : piece.start_sample + piece.n_samples - latent * per_latent]


def write(path, loaded, metadata, piece, progress=lambda done: None):
    """Renders a piece into an audio file that appears when it is complete.

    Args:
      path: .wav, .flac or .ogg.
      loaded: a loaded bundle.
      metadata: its metadata.
      piece: Piece.
      progress: called with the samples done so far.
    """
    with AudioWriter(path, metadata["sample_rate"], piece.comment(metadata)) as writer:
        for waveform in waveforms(loaded, metadata, piece):
            writer.write(np.ascontiguousarray(waveform))
            progress(writer.n_samples)
