"""What a user asks of a model -> its conditioning channels at any latent of the line.

    steering = steer({"tempo": "132", "note_density": "0:0.1,30s:0.8"}, metadata, style_seed=7, total_seconds=237)
    conditioning = steering(positions)      # int64 [n] -> float32 [n, k], for the bundle's `generate`
    conditioning = steering.at(times)       # the same at any seconds, for loops

A pure function of time: streams, excerpts, workers and loops see the same curve. What nobody asks for, the style draws,
as the bundle does by itself.
"""

import dataclasses

import numpy as np

from musika_tf.conditioning import moving, signals, tags, tempo
from musika_tf.conditioning.signal import Signal, Span
from musika_tf.errors import UserError

# Which signals each setting steers; of the tags each word is a signal.
_STEERED = {"tempo": ("tempo", "beat"), "note_density": ("note_density",), "position": ("position",)}
# What `settings` may hold, and the flag of generate.py for each, which is also its name in comment tags.
SETTINGS = {name: signals.find(name).flag for name in _STEERED} | {tags.GROUP: tags.GROUP}


@dataclasses.dataclass(frozen=True)
class Steering:
    """The conditioning of a piece; call it with positions, or `at` times.

    Attributes:
      texts: dict of setting -> canonical text that asks for the same again, such as the points of a CSV file.
      bpm: tempo, asked for or drawn; None if the model has neither tempo nor beat.
    """

    texts: dict
    bpm: float | None
    latents_per_second: float
    functions: dict = dataclasses.field(repr=False)  # by name of the signal

    def __call__(self, positions):
        """int64 `[n]` latents of the line -> float32 `[n, k]` in the units of the metadata."""
        return self.at((np.asarray(positions, np.int64) + 0.5) / self.latents_per_second)  # float64: exact for days

    def at(self, times, clock=None):
        """float64 `[n]` seconds since the piece's beginning -> float32 `[n, k]` in the units of the metadata.

        `clock` are the seconds that the beat clock shows, where the tempo was another before.
        """
        seconds = {"beat": times if clock is None else clock}
        columns = [function(seconds.get(name, times)) for name, function in self.functions.items()]
        return np.concatenate([np.asarray(column, np.float32) for column in columns], axis=1)


def steer(settings, metadata, style_seed, total_seconds=None):
    """The Steering of a piece; None if nothing is steered and the bundle draws all signals.

    Args:
      settings: dict of `SETTINGS` name -> what the user wrote; None or "" leaves it to the style. `tempo` is also that
        of the beat clock, whose bar 1 begins at time 0.
      total_seconds: where the piece ends, for a planned position; None without end.

    Raises:
      UserError: a setting is malformed, out of the trained range, or of a signal that the model does not know.
    """
    channels = _channels(metadata)
    asked, texts = _asked(settings, channels, metadata, total_seconds)
    if not texts:
        return None
    paced = [asked[name] for name in _STEERED["tempo"] if name in asked]
    bpm = paced[0].bpm if paced else drawn_bpm(metadata, style_seed)
    words = tuple((channels[name][0], asked[name]) for name in asked if _has_pieces(channels[name][0]))

    def drawn(signal, span):
        if words and _has_pieces(signal):
            return tags.InKeeping(signal, words, style_seed)
        return Drawn(signal, style_seed, span, bpm)

    asked = {name: f.of_style(style_seed) if isinstance(f, moving.Moving) else f for name, f in asked.items()}
    functions = {name: asked.get(name) or drawn(*channel) for name, channel in channels.items()}
    return Steering(texts, bpm, metadata["sample_rate"] / metadata["samples_per_latent"], functions)


def _has_pieces(signal):
    return isinstance(signal, tags.Tag) and bool(signal.pieces)


def canonical(settings, metadata, total_seconds=None):
    """The `texts` of the Steering that `steer` makes, and its refusals, without what the style draws, which takes
    TensorFlow."""
    return _asked(settings, _channels(metadata), metadata, total_seconds)[1]


def _asked(settings, channels, metadata, total_seconds):
    """Functions of time by name of the signals that are steered, and the canonical texts by setting."""
    settings = {name: str(text) for name, text in settings.items() if text not in (None, "")}
    unknown = set(settings) - set(SETTINGS)
    if unknown:
        raise ValueError(f"no settings {sorted(unknown)}; there are {', '.join(SETTINGS)}")
    asked, texts = {}, {}
    for setting, text in settings.items():
        functions = _follow(setting, text, channels, metadata, total_seconds)
        asked |= functions
        texts[setting] = _text(setting, functions)
    return asked, texts


def drawn_bpm(metadata, style_seed):
    """The BPM that a style draws; None if the model has neither tempo nor beat."""
    if not any(row["name"] in _STEERED["tempo"] for row in metadata["conditioning"]):
        return None
    return float(tempo.drawn(style_seed, *map(np.float32, tempo.span(metadata))))


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A signal as the bundle draws it: times float64 `[n]` -> float32 `[n, channels]`."""

    signal: Signal
    style_seed: int
    span: Span
    bpm: float | None

    def __call__(self, times):
        import tensorflow as tf

        bpm = tf.constant(self.bpm or 0.0, tf.float32)
        return self.signal.draw(self.style_seed, tf.constant(times, tf.float64), self.span, bpm).numpy()


def _channels(metadata):
    """(Signal, Span) by name, in the order of the channels."""
    return {row["name"]: (signals.find(row["name"]).restored(row), _span(row)) for row in metadata["conditioning"]}


def _span(row):
    """The Span of a row of the metadata; rows of several channels have a range alone."""
    low, high = row["range"]
    mean, deviation = row.get("mean", (low + high) / 2), row.get("deviation", (high - low) / 4)
    return Span(*(np.full(row["channels"], value, np.float32) for value in (mean, deviation, low, high)))


def _follow(setting, text, channels, metadata, total_seconds):
    """Functions of time, by name, of the signals that a setting steers."""
    if setting == tags.GROUP:
        values = {tags.PREFIX + word: value for word, value in tags.parse_words(text).items()}
    else:
        values = {name: text for name in _STEERED[setting] if name in channels}
    if not values or not set(values) <= set(channels):
        raise _untrained(SETTINGS[setting], text, channels, metadata)
    # The clock's own range is -1..1; of its tempo the model says nothing, or its signal tempo does.
    return {
        name: channels[name][0].parse_user(value, None if name == "beat" else channels[name][1], total_seconds)
        for name, value in values.items()
    }


def _text(setting, functions):
    if setting != tags.GROUP:
        return next(iter(functions.values())).text
    return ",".join(f"{name.removeprefix(tags.PREFIX)}={function.text}" for name, function in functions.items())


def _untrained(flag, text, channels, metadata):
    """The UserError for a setting that the model has no channel for."""
    flags = dict.fromkeys(_flag_of(signal) for signal, _ in channels.values())
    instead = f"it follows {', '.join(flags)}" if flags else "it follows nothing"
    name = metadata.get("name", "this one")
    return UserError(f"--{flag}={text}: the model {name} was not trained for that; {instead}")


def _flag_of(signal):
    return f"--{signal.flag}" + (f"={signal.word}" if isinstance(signal, tags.Tag) else "")
