"""What every conditioning signal can do.

| word | meaning |
|---|---|
| unit | of users, of the metadata, of `parse_user` and `draw` |
| stored | what encode.py writes into an .npz; `to_units` converts it |
| extractor | what read the signal off a piece: "madmom", "librosa", "grid" ...; never mixed |
| facts | the dict in the `.json` beside a rendered track, which knows the truth |
| span | what training saw of a signal: mean, deviation, lowest and highest per channel |
"""

import dataclasses
import functools
import logging

import numpy as np

from musika_tf.errors import UserError

logger = logging.getLogger(__name__)

SAMPLE_RATE = 44_100  # of what extractors hear
GRID = "grid"  # the extractor of what a corpus itself knows


def centres(n_latents, latents_per_second):
    """Seconds of the latents' centres, float64 `[n_latents]`."""
    return (np.arange(n_latents) + 0.5) / latents_per_second


def column(values):
    """`[n]` as the signal of one channel: float32 `[n, 1]`."""
    return np.asarray(values, np.float32)[:, None]


def is_number(value):
    """Whether a JSON value can be seconds or BPM."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9


def is_positive(value):
    """Whether it is such a number above 0."""
    return is_number(value) and value > 1e-3


def are_numbers(value):
    """Whether it is a list of such numbers."""
    return isinstance(value, list) and all(map(is_number, value))


@functools.cache
def warn_once(warning):
    """Logs a warning the first time that it is given."""
    logger.warning(warning)


@dataclasses.dataclass(frozen=True)
class Extracted:
    """A signal read off a piece: `stored` float32 `[n, k]`, its `extractor`, and how sure that is, 0..1."""

    stored: np.ndarray
    extractor: str
    confidence: float = 1.0


@dataclasses.dataclass(frozen=True)
class Span:
    """What training saw of a signal, in its unit, `[channels]` each."""

    mean: object
    deviation: object
    lowest: object
    highest: object


@dataclasses.dataclass(frozen=True)
class Signal:
    """One signal of a model. Its fields are what training fixed; for encode.py they are empty."""

    # Plain class attributes, no fields:
    name = ""
    unit = ""
    legal = (-np.inf, np.inf)  # values that mean anything, in the unit
    n_channels = 1
    grid_keys = {}  # the facts that `from_grid` needs -> function that checks the value
    least_confidence = 0.0  # pieces below are no use for training
    draw_row = 0  # of Stream.CONDITIONING, one per signal: part of every piece's identity, never change it

    @property
    def flag(self):
        """The flag of generate.py that steers it."""
        return self.name

    @property
    def stored_name(self):
        """Its name in an `.npz`: `conditioning_<this>`, `extractor_<this>`, `confidence_<this>`."""
        return self.name

    def extractor_in(self, arrays):
        """What read it, by the arrays of an `.npz`; old files had grids alone and did not say so."""
        return str(arrays.get(f"extractor_{self.stored_name}", GRID))

    def extractor(self):
        """Name of what `extract` uses on this machine; UserError names the extra to install where there is nothing."""
        raise NotImplementedError

    def extract(self, audio, times):
        """Reads the signal off a piece: an Extracted; UserError where it has no such signal (no beat, too short).

        Args:
          audio: float32 `[samples, 2]` at 44.1 kHz, or a Recording.
          times: float64 `[n]`, seconds of the latents' centres.
        """
        raise NotImplementedError

    def from_grid(self, facts, times):
        """The signal by the facts of a rendered track, float32 `[n, n_channels]`."""
        raise NotImplementedError

    def pick(self, stored):
        """This signal's channels `[n, n_channels]` of the stored array `[n, k]`."""
        return stored

    def fitted(self, pieces, latents_per_second):
        """The signal with what it learns from the training pieces' stored channels, a list of `[n, c]`."""
        return self

    def adapted(self, pieces, latents_per_second):
        """As `fitted`, of the pieces of a fine-tuning: in the unit that the networks know."""
        return self.fitted(pieces, latents_per_second)

    def restored(self, row):
        """The signal as a row of the metadata describes it."""
        known = {field.name: row[field.name] for field in dataclasses.fields(self) if field.name in row}
        return dataclasses.replace(self, **known)

    def to_units(self, stored):
        """Stored channels `[n, c]` in the unit of the metadata."""
        return stored

    def facts(self):
        """Its own JSON values in the metadata, beside name, unit, channels, range and extractor."""
        return {}

    def parse_user(self, text, span=None, total_seconds=None):
        """What a user asked for: a function of times float64 `[n]` to float32 `[n, n_channels]` in the unit.

        Its attribute `text` asks for the same again. UserError where it is malformed, or out of the trained range.

        Args:
          text: the value of the signal's flag.
          span: Span of the model; None allows every legal value.
          total_seconds: length of the piece, None without end.
        """
        raise NotImplementedError

    def draw(self, style_seed, times, span, bpm):
        """The signal that a style draws: float32 tensor `[n, n_channels]` in the unit, pure in style and time.

        Args:
          style_seed: int64 scalar.
          times: float64 tensor `[n]`, seconds.
          span: Span of the model.
          bpm: float32 scalar, the tempo of the piece.
        """
        return self.held(style_seed, times, span, *self.usual(span))

    def usual(self, span):
        """(centre, spread) of the one value that `draw` holds."""
        raise NotImplementedError

    def drawing(self, span):
        """How `draw` does it, as JSON can hold it, for players that have no TensorFlow; docs/export.md."""
        centre, spread = map(float, self.usual(span))
        return {"kind": "held", "row": self.draw_row, "centre": centre, "spread": spread}

    def held(self, style_seed, times, span, centre, spread):
        """One value, `[n, 1]` for n `times`: normal around `centre`, cut at one deviation (`spread`) and at `span`."""
        import tensorflow as tf

        from musika_tf.randomness import Stream, truncated_normal_rows

        offset = truncated_normal_rows(style_seed, Stream.CONDITIONING, self.draw_row, 1, 1, 1.0)[0, 0]
        value = tf.clip_by_value(centre + spread * offset, span.lowest[0], span.highest[0])
        return tf.fill([tf.shape(times)[0], 1], value)


def check_range(values, span, legal, flag, text, unit):
    """Refuses `values` outside of what training saw, or without a span of what is legal; UserError."""
    low, high = (float(np.min(span.lowest)), float(np.max(span.highest))) if span else legal
    slack = 1e-6 * max(abs(low), abs(high), 1e-3) if np.isfinite([low, high]).all() else 0.0  # stored as float32
    wrong = [value for value in np.ravel(values) if not low - slack <= value <= high + slack]
    if wrong:
        which = "the range that this model was trained on" if span else "what there is"
        raise UserError(f"--{flag}={text}: {wrong[0]:g} is outside of {which}, {low:.4g} to {high:.4g} {unit}".rstrip())
