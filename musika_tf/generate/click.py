"""A metronome over the music: short decaying sine bursts, higher and louder on the first beat of a bar.

Beat k begins at sample round(k * 60 * rate / bpm) of the piece, in whole numbers: any range has the clicks of the
whole.
"""

import math
from fractions import Fraction

import numpy as np

from musika_tf.audio.limiter import KNEE, limit
from musika_tf.conditioning.signals import SIGNALS
from musika_tf.generate import loops

_BEATS_PER_BAR = SIGNALS["beat"].beats_per_bar
_SECONDS = 0.05  # of a burst, shorter than any beat
_DECAY_SECONDS = 0.012
_BEAT, _ACCENT = (1500.0, 0.5), (2250.0, 0.7)  # Hz and peak: above what a mix holds there


def onset(beat, bpm, rate):
    """The sample at which a beat begins; beat 0 begins at time 0."""
    return math.floor(Fraction(beat * 60 * rate) / Fraction(bpm) + Fraction(1, 2))


def burst(rate, accent):
    """One click, float32 `[samples]`."""
    hertz, peak = _ACCENT if accent else _BEAT
    times = (np.arange(int(_SECONDS * rate)) + 0.5) / rate
    fade = np.minimum((_SECONDS - times) / (_SECONDS / 4), 1.0)  # to nothing, or its end would be a click of its own
    return (peak * fade * np.exp(-times / _DECAY_SECONDS) * np.sin(2.0 * np.pi * hertz * times)).astype(np.float32)


def clicks(start, end, bpm, rate, loop_samples=0):
    """The metronome of samples `start` .. `end - 1`, which may be negative: float32 `[end - start]`. The piece repeats
    after `loop_samples`; 0: never."""
    if not loop_samples:
        return _line(start, end, bpm, rate)
    parts = [_line(*inside, bpm, rate) for inside in loops.rounds(start, end, loop_samples)]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _line(start, end, bpm, rate):
    samples = np.zeros(end - start, np.float32)
    bursts = {accent: burst(rate, accent) for accent in (False, True)}
    beat = math.floor((start - int(_SECONDS * rate)) * Fraction(bpm) / (60 * rate))  # its click may reach in
    while (first := onset(beat, bpm, rate)) < end:
        click = bursts[beat % _BEATS_PER_BAR == 0]
        low, high = max(first, start), min(first + len(click), end)
        if low < high:
            samples[low - start : high - start] += click[low - first : high - first]
        beat += 1
    return samples


def mixed(music, metronome):
    """Music `[n, 2]` with a metronome `[n]` on both sides, below 1; unchanged where the metronome is silent."""
    both = music + metronome[:, None]
    # Music that is louder than the limiter's knee has been through it: only what the click adds is bent.
    return limit(both, np.maximum(np.abs(music), np.float32(KNEE))).numpy()
