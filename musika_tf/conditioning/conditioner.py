"""What a model knows of its signals: their scale, and how to draw those that nobody asked for."""

import tensorflow as tf

from musika_tf.conditioning.signals import SIGNALS
from musika_tf.randomness import Stream, truncated_normal_rows


class Conditioner(tf.Module):
    """Scales the conditioning channels of a model and draws default ones.

    Args:
      names: the signals, in the order of their channels.
      latents_per_second: rate of the line.
    """

    def __init__(self, names, latents_per_second):
        super().__init__()
        self.signals = [SIGNALS[name] for name in names]
        self.latents_per_second = latents_per_second
        self.n_channels = sum(signal.n_channels for signal in self.signals)
        self.mean = tf.Variable(tf.zeros([self.n_channels]), trainable=False)
        self.deviation = tf.Variable(tf.ones([self.n_channels]), trainable=False)
        self.lowest = tf.Variable(tf.zeros([self.n_channels]), trainable=False)
        self.highest = tf.Variable(tf.zeros([self.n_channels]), trainable=False)

    def fit(self, pieces):
        """Learns scale and range from the conditioning of the training pieces, a list of float32 `[n, k]`."""
        if not self.n_channels:
            return
        every = tf.concat(pieces, axis=0)
        self.mean.assign(tf.reduce_mean(every, axis=0))
        self.deviation.assign(tf.maximum(tf.math.reduce_std(every, axis=0), 1e-3))
        self.lowest.assign(tf.reduce_min(every, axis=0))
        self.highest.assign(tf.reduce_max(every, axis=0))

    def scale(self, channels):
        """Channels in their units `[..., k]` to what the networks see."""
        return (channels - self.mean) / self.deviation

    def times(self, positions):
        """Seconds of the centres of latents `positions` (int64), float64."""
        return (tf.cast(positions, tf.float64) + 0.5) / self.latents_per_second

    def draw(self, style_seed, positions):
        """Signals of a piece that nobody steers: one tempo in the trained range for all of it.

        Args:
          style_seed: int64 scalar.
          positions: int64 `[n]`.

        Returns:
          float32 `[n, k]` in the signals' units.
        """
        times = self.times(positions)
        bpm = self.draw_bpm(style_seed)
        return tf.concat([signal.from_bpm(bpm, times) for signal in self.signals], axis=-1)

    def draw_bpm(self, style_seed):
        """The tempo that `draw` gives a style, within the middle half of the trained range and its skirts."""
        low, high = self._tempo_range()
        # A truncated normal favours the middle, where training saw the most context.
        offset = truncated_normal_rows(style_seed, Stream.CONDITIONING, 0, 1, 1, 2.0)[0, 0] / 2.0
        return tf.round((low + high) / 2.0 + offset * (high - low) / 2.0)

    def _tempo_range(self):
        channel = 0
        for signal in self.signals:
            if signal.name == "tempo":
                return self.lowest[channel], self.highest[channel]
            channel += signal.n_channels
        return tf.constant(120.0), tf.constant(130.0)

    def metadata(self):
        """One dict a signal: name, unit, channels, and the range that training saw."""
        rows, channel = [], 0
        for signal in self.signals:
            span = slice(channel, channel + signal.n_channels)
            low, high = float(tf.reduce_min(self.lowest[span])), float(tf.reduce_max(self.highest[span]))
            rows.append({"name": signal.name, "unit": signal.unit, "channels": signal.n_channels, "range": [low, high]})
            channel += signal.n_channels
        return rows
