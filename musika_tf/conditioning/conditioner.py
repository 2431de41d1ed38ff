"""What a model knows of its signals: their scale, and how to draw them."""

import numpy as np
import tensorflow as tf

from musika_tf.conditioning import signals, tempo
from musika_tf.conditioning.signal import Span
from musika_tf.errors import UserError

_SCALES = ("mean", "deviation", "lowest", "highest")


class Conditioner(tf.Module):
    """Scales a model's conditioning channels, in the order of the signals' names, and draws default ones."""

    def __init__(self, names, latents_per_second):
        super().__init__()
        self.signals = [signals.find(name) for name in names]
        self.extractors = {}  # signal's name -> what read it off the training pieces, where that is known
        self.latents_per_second = latents_per_second
        self.n_channels = sum(signal.n_channels for signal in self.signals)
        zeros = tf.zeros([self.n_channels])
        self.mean, self.lowest, self.highest = (tf.Variable(zeros, trainable=False) for _ in range(3))
        self.deviation = tf.Variable(zeros + 1.0, trainable=False)

    def fit(self, pieces, extractors=None):
        """Learns units, scale and range from training pieces, a list of float32 `[n, k]` as stored by encode.py."""
        if not self.n_channels:
            return
        self.extractors = dict(extractors or {})
        self.signals = [
            signal.fitted([piece[:, span] for piece in pieces], self.latents_per_second)
            for signal, span in self._spans()
        ]
        every = self._ranges(pieces)
        self.mean.assign(tf.reduce_mean(every, axis=0))
        self.deviation.assign(tf.maximum(tf.math.reduce_std(every, axis=0), 1e-3))

    def adapt(self, pieces):
        """As `fit`, to the pieces of a fine-tuning: what styles draw and users may ask for is theirs; units and scale,
        which the networks know, stay."""
        if not self.n_channels:
            return
        self.signals = [
            signal.adapted([piece[:, span] for piece in pieces], self.latents_per_second)
            for signal, span in self._spans()
        ]
        self._ranges(pieces)

    def _ranges(self, pieces):
        """Learns the range; returns all channels `[n, k]` in their units."""
        every = tf.concat([self.to_units(piece) for piece in pieces], axis=0)
        self.lowest.assign(tf.reduce_min(every, axis=0))
        self.highest.assign(tf.reduce_max(every, axis=0))
        return every

    def restore(self, rows):
        """Takes units and extractors, which are no variables, from the metadata of the same signals."""
        self.signals = [signal.restored(row) for signal, row in zip(self.signals, rows, strict=True)]
        self.extractors = {row["name"]: row["extractor"] for row in rows if row.get("extractor")}

    def state(self):
        """All that `fit` learned, as JSON can hold it."""
        return {"signals": self.metadata(), **{name: getattr(self, name).numpy().tolist() for name in _SCALES}}

    def set_state(self, state):
        """Restores what `state` returned; KeyError, TypeError or ValueError if that is of other signals."""
        self.restore(state["signals"])
        for name in _SCALES:
            getattr(self, name).assign(state[name])

    def check_extractors(self, extractors, where):
        """UserError, which begins with `where`, if another extractor read a signal than this model's."""
        for name, known in self.extractors.items():
            if extractors.get(name, known) != known:
                raise UserError(
                    f"{where}: {name} by {extractors[name]}, but the model learned it from {known}; "
                    "encode again where that is installed"
                )

    def to_units(self, stored):
        """Channels `[n, k]` as encode.py stores them -> numpy `[n, k]` in the units of the metadata."""
        columns = [signal.to_units(stored[:, span]) for signal, span in self._spans()]
        return np.concatenate(columns, axis=1) if columns else np.asarray(stored)

    def scale(self, channels):
        """Channels in their units `[..., k]` to what the networks see."""
        return (channels - self.mean) / self.deviation

    def scaled(self, stored):
        """Channels `[n, k]` as encode.py stores them to what the networks see, numpy."""
        return self.scale(self.to_units(stored)).numpy()

    def times(self, positions):
        """Seconds of the centres of latents `positions` (int64), float64."""
        return (tf.cast(positions, tf.float64) + 0.5) / self.latents_per_second

    def draw(self, style_seed, positions):
        """The signals that a style draws at `positions`, int64 `[n]`: float32 `[n, k]` in their units."""
        times = self.times(positions)
        bpm = self.draw_bpm(style_seed)
        variables = self.mean, self.deviation, self.lowest, self.highest
        drawn = [
            signal.draw(style_seed, times, Span(*(variable[span] for variable in variables)), bpm)
            for signal, span in self._spans()
        ]
        return tf.concat(drawn, axis=-1)

    def draw_bpm(self, style_seed):
        """The BPM that `draw` gives a style."""
        spans = [span for signal, span in self._spans() if signal.name == "tempo"]
        low, high = (self.lowest[spans[0]][0], self.highest[spans[0]][0]) if spans else map(tf.constant, tempo.USUAL)
        return tempo.drawn(style_seed, low, high)

    def drawings(self):
        """One dict per signal: name, how a style draws it, and by channel the range and scale of the training."""
        rows = []
        for signal, span in self._spans():
            scales = {name: getattr(self, name)[span].numpy() for name in _SCALES}
            numbers = {name: values.tolist() for name, values in scales.items()}
            rows.append({"name": signal.name, **signal.drawing(Span(**scales)), **numbers})
        return rows

    def _spans(self):
        """Each signal with the slice of its channels."""
        ends = np.cumsum([signal.n_channels for signal in self.signals])
        return [(s, slice(int(end) - s.n_channels, int(end))) for s, end in zip(self.signals, ends, strict=True)]

    def metadata(self):
        """One dict per signal: name, unit, channels, range of the training, extractor, the signal's own facts.

        Signals of one channel also have the training's mean and deviation.
        """
        rows = []
        for signal, span in self._spans():
            low, high = float(tf.reduce_min(self.lowest[span])), float(tf.reduce_max(self.highest[span]))
            row = {"name": signal.name, "unit": signal.unit, "channels": signal.n_channels, "range": [low, high]}
            if signal.n_channels == 1:
                row |= {"mean": float(self.mean[span][0]), "deviation": float(self.deviation[span][0])}
            rows.append({**row, "extractor": self.extractors.get(signal.name), **signal.facts()})
        return rows
