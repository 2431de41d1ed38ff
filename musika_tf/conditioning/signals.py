"""The signals that can steer generation, each a value or a few per latent.

A signal knows its name, unit and channels, reads itself off a piece, and can be drawn for a piece that nobody
steers. Positions are latents on the infinite line; signals are sampled at a latent's centre.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from musika_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Tempo:
    """Beats per minute, constant within a piece."""

    name = "tempo"
    unit = "BPM"
    n_channels = 1

    def from_grid(self, grid, times):
        """`times` float64 `[n]` seconds -> float32 `[n, 1]` from a corpus' own grid (a dict with `bpm`)."""
        return np.full([len(times), 1], grid["bpm"], np.float32)

    def from_bpm(self, bpm, times):
        """The signal of a piece at `bpm` (scalar tensor): float32 `[n, 1]`."""
        return tf.cast(tf.fill([tf.shape(times)[0], 1], bpm), tf.float32)


@dataclasses.dataclass(frozen=True)
class Beat:
    """A clock: cosine and sine of the phase within the bar, and of its harmonics up to the sixteenth notes.

    Bar, half bar, beat, eighth and sixteenth: a network then need not multiply angles to place an off-beat.
    """

    name = "beat"
    unit = "cosine and sine of bar phase"
    n_channels = 10
    beats_per_bar = 4
    harmonics = (1, 2, 4, 8, 16)

    def from_grid(self, grid, times):
        """`times` float64 `[n]` seconds -> float32 `[n, 10]` from a grid with `bpm` and `first_beat_seconds`."""
        beats = (np.asarray(times) - grid["first_beat_seconds"]) * grid["bpm"] / 60.0
        return self._clock(tf.constant(beats, tf.float64)).numpy()

    def from_bpm(self, bpm, times):
        """The clock of a piece at `bpm` whose first bar starts at time 0: float32 `[n, 10]`."""
        return self._clock(times * tf.cast(bpm, tf.float64) / 60.0)

    def _clock(self, beats):
        bars = beats / self.beats_per_bar
        phase = (bars - tf.floor(bars)) * (2.0 * math.pi)  # float64: exact for days
        angles = phase[:, None] * tf.constant(self.harmonics, tf.float64)[None]
        return tf.cast(tf.concat([tf.cos(angles), tf.sin(angles)], axis=-1), tf.float32)


SIGNALS = {signal.name: signal for signal in (Tempo(), Beat())}


def parse(text):
    """`"tempo,beat"` -> the signals of these names, in this order; UserError lists the valid ones."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in SIGNALS:
            raise UserError(f"--conditioning={text}: no signal {name!r}; there are {', '.join(SIGNALS)}")
    return [SIGNALS[name] for name in names]
