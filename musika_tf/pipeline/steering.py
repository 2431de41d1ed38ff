"""What a piece asks of its signals: functions of time in place of what the style draws by itself."""

import dataclasses

import numpy as np
import tensorflow as tf

from musika_tf.conditioning.signals import SIGNALS
from musika_tf.errors import UserError

_SECONDS_PER_MINUTE = 60
_FIRST_GUESS = 125.0  # BPM of a model with a clock and no tempo


@dataclasses.dataclass(frozen=True)
class Steering:
    """Signals by hand.

    Attributes:
      bpm: tempo in beats per minute, for `tempo` and `beat`.
    """

    bpm: float

    def rows(self, drawn, times, conditioning):
        """The piece's conditioning.

        Args:
          drawn: float32 `[n, k]`, what the style draws.
          times: seconds of the latents' centres, float64 `[n]`; in a loop from 0 to its length.
          conditioning: the metadata's list of signals, in the order of the channels.

        Returns:
          float32 `[n, k]` in the units of the metadata.
        """
        rows = np.array(drawn)
        for name, channels in channels_by_name(conditioning).items():
            if name in ("tempo", "beat"):
                rows[:, channels] = SIGNALS[name].from_bpm(self.bpm, times)
        return rows

    def text(self):
        """The steering as words of a comment tag, `name=value` with spaces between them."""
        return f"bpm={self.bpm!r}"

    @classmethod
    def from_values(cls, values):
        """The Steering of a comment tag's dict of values, None where they hold none; ValueError where they are bad."""
        return cls(float(values["bpm"])) if "bpm" in values else None


def channels_by_name(conditioning):
    """The slice of channels of each signal in the metadata's list."""
    slices, first = {}, 0
    for row in conditioning:
        slices[row["name"]] = slice(first, first + row["channels"])
        first += row["channels"]
    return slices


def drawn_bpm(loaded, metadata, style_seed):
    """The tempo that a style draws for itself, in BPM, or None for a model without a tempo."""
    tempo = channels_by_name(metadata["conditioning"]).get("tempo")
    if tempo is None:
        return None
    first = loaded.signals(tf.constant(style_seed, tf.int64), tf.constant(0, tf.int64), tf.constant(1))
    return float(first[0, tempo.start])


def whole_bars(seconds, bpm, span, where="--loop"):
    """The tempo nearest to a wish at which a length holds a whole number of bars.

    Args:
      seconds: the length.
      bpm: the wish, or None.
      span: lowest and highest tempo, in BPM.
      where: flag for the error.

    Returns:
      (bars, BPM).

    Raises:
      UserError: no tempo in the span does.
    """
    bar = _SECONDS_PER_MINUTE * SIGNALS["beat"].beats_per_bar  # a bar's seconds times BPM
    low, high = span
    wish = _FIRST_GUESS if bpm is None else bpm
    most, least = int(seconds * high / bar), int(-(-seconds * low // bar))
    candidates = [(n, bar * n / seconds) for n in range(max(least, 1), most + 1)]
    if candidates:
        return min(candidates, key=lambda candidate: abs(candidate[1] - wish))
    lengths = [bar * most / low] * (most > 0) + [bar * (most + 1) / high]
    raise UserError(
        f"{where}: {float(seconds):g}s hold no whole number of bars at {low:g}-{high:g} BPM; "
        f"the nearest that do: {' or '.join(f'{length:.3f}s' for length in lengths)}"
    )


def tempo_span(conditioning):
    """(lowest, highest) BPM that training saw; a model without a tempo takes what a clock can be drawn at."""
    for row in conditioning:
        if row["name"] == "tempo":
            return tuple(row["range"])
    return 120.0, 130.0


def has_beat(metadata):
    """Whether the model follows a clock."""
    return any(row["name"] == "beat" for row in metadata["conditioning"])
