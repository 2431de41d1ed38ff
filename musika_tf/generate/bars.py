"""Whole bars: how long they are, and at which tempo a length holds them. Bar 1 of a piece begins at time 0."""

import math
from fractions import Fraction

from musika_tf.conditioning import tempo
from musika_tf.conditioning.signals import SIGNALS
from musika_tf.errors import UserError

_BAR = 60 * SIGNALS["beat"].beats_per_bar  # a bar's seconds times BPM
_FIRST_GUESS = 125.0  # BPM, without a wish


def has_clock(metadata):
    """Whether the model follows a beat clock."""
    return any(row["name"] == "beat" for row in metadata["conditioning"])


def seconds_of(bars, bpm):
    """Seconds that bars take at a tempo, an exact Fraction."""
    return bars * _BAR / Fraction(bpm)


def bars_in(seconds, bpm):
    """Bars that a length holds at a tempo, an exact Fraction."""
    return Fraction(seconds) * Fraction(bpm) / _BAR


def nearest_tempo(seconds, bpm, span):
    """(bars, BPM) of the tempo nearest to a wish (`bpm`, or None) at which a length holds a whole number of bars;
    `span` is (lowest, highest) BPM. UserError where there is none; it names the nearest lengths that have one."""
    low, high = span
    wish = _FIRST_GUESS if bpm is None else bpm
    most, least = int(seconds * high / _BAR), int(-(-seconds * low // _BAR))
    least = max(least, 1)
    if least <= most:
        near = math.floor(seconds * wish / _BAR)  # a piece may be long: there are too many to try all
        candidates = [(n, _BAR * n / seconds) for n in sorted({min(max(near + i, least), most) for i in (-1, 0, 1, 2)})]
        return min(candidates, key=lambda candidate: abs(candidate[1] - wish))
    # Rounded inwards, or they would not do themselves.
    lengths = [math.floor(1000 * _BAR * most / low) / 1000] * (most > 0)
    lengths.append(math.ceil(1000 * _BAR * (most + 1) / high) / 1000)
    raise UserError(
        f"--loop: {float(seconds):g}s hold no whole number of bars at {low:g}-{high:g} BPM; "
        f"the nearest that do: {' or '.join(f'{length:.3f}s' for length in lengths)}"
    )


def check_whole(n_samples, rate, bpm, metadata):
    """UserError where `n_samples` at `rate` Hz are more than a sample off a whole number of bars at a tempo; it names
    lengths and tempos nearby that are not."""
    bars = bars_in(Fraction(n_samples, rate), bpm)
    below, above = math.floor(bars), math.ceil(bars)
    if any(n > 0 and abs(seconds_of(n, bpm) * rate - n_samples) <= 1 for n in (below, above)):
        return
    seconds, (low, high) = n_samples / rate, tempo.span(metadata)
    around = [n for n in (below, above) if n > 0]
    lengths = [f"--length={float(seconds_of(n, bpm)):.6f}".rstrip("0").rstrip(".") for n in around]
    tempos = [_BAR * n / seconds for n in around if low <= _BAR * n / seconds <= high]
    instead = [*lengths, *(f"--bpm={tempo:.10g}" for tempo in tempos), f"--bars={round(bars) or 1}"]
    raise UserError(
        f"--loop: {round(seconds, 3):g}s at {bpm:g} BPM are {float(bars):.6g} bars; take {', '.join(instead[:-1])}, "
        f"or {instead[-1]} in place of --length"
    )
