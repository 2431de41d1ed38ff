"""Contrast: what decoder 2 leaves out because it is unsure of it, given back.

A network that minimises a mean error decides for the mean of what may be, so its level-1 latents vary less than those
of music: loud is softer, bright is duller. After the training they are moved away from their mean by one factor. That
costs nothing, and brings what is heard nearer to music of every kind (docs/results.md, "Contrast").
"""

import dataclasses
import json
import math

import numpy as np

from musika_tf import atomic, json_file
from musika_tf.errors import UserError

_FILE = "contrast.json"


@dataclasses.dataclass(frozen=True)
class Contrast:
    """Level-1 latents that decoder 2 made -> the same `factor` times as far from `centre`, their mean in music."""

    factor: float
    centre: tuple  # float [level1_size]

    def __call__(self, level1):
        """A tensor `[..., level1_size]` -> one like it."""
        shift = (1.0 - self.factor) * np.array(self.centre)
        return level1 * self.factor + shift.astype(level1.dtype.as_numpy_dtype)

    @classmethod
    def measured(cls, factor, autoencoder, spectra):
        """With the mean of what an Autoencoder makes of log magnitudes, an iterable of `[b, frames, bins]`; None for a
        factor of 1, which changes nothing."""
        if factor == 1.0:
            return None
        plain = dataclasses.replace(autoencoder, contrast=None)
        level1 = (plain.decode2(plain.encode2(plain.encode1(s))).numpy() for s in spectra)
        means = [np.mean(x, axis=(0, 1), dtype=np.float64) for x in level1]
        return cls(factor, tuple(np.mean(means, axis=0).tolist()))

    @classmethod
    def of(cls, described, size):
        """That of `dataclasses.asdict`, for `size` numbers a frame; ValueError where it is none."""
        if not isinstance(described, dict) or set(described) != {"factor", "centre"}:
            raise ValueError("contrast has no factor and centre")
        factor, centre = described["factor"], described["centre"]
        if not isinstance(centre, (list, tuple)) or len(centre) != size:
            raise ValueError(f"contrast has no centre of {size} numbers")
        if not all(type(value) in (int, float) and math.isfinite(value) for value in (factor, *centre)):
            raise ValueError("contrast is no number")
        return cls(float(factor), tuple(map(float, centre)))


def write(contrast, directory):
    """Stores it, or None, beside the checkpoints whose decoder 2 it is of."""
    path = directory / _FILE
    if contrast is None:
        path.unlink(missing_ok=True)
    else:
        atomic.write_text(path, json.dumps(dataclasses.asdict(contrast)))


def read(directory, size):
    """What `write` left there, or None; UserError where it is damaged."""
    path = directory / _FILE
    if not path.is_file():
        return None
    try:
        return Contrast.of(json_file.read(path), size)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it, and run train_ae.py --phase=4 again") from error
