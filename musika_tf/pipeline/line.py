"""Any range of an endless piece: coordinates -> latents -> waveform, a pure function of (model, seeds, position)."""

import tensorflow as tf

from musika_tf.gan import coordinates
from musika_tf.randomness import Stream, normal_rows

_LOUD = 0.8  # the limiter leaves samples below this as they are
_CEILING = 0.99


class Line:
    """Renders ranges of pieces.

    Args:
      signal_path: SignalPath.
      gan: Gan.
      conditioner: conditioning.Conditioner, which scales the signals and fills in what nobody asked for.
    """

    def __init__(self, signal_path, gan, conditioner):
        self.signal_path, self.gan, self.conditioner = signal_path, gan, conditioner

    def latents(self, windows, seed, noise, first_window=0):
        """The generator: coordinates `[windows, window, channels]` -> latents `[windows, window, latent_size]`."""
        n_windows = tf.shape(windows)[0]
        drawn = normal_rows(seed, Stream.GENERATOR_NOISE, first_window, n_windows, self.gan.noise_size)
        return self.gan.generate(windows, noise * drawn)

    def render(self, seed, style_seed, first_latent, n_latents, truncation, conditioning):
        """Renders a range of the line, with the neighbours that it overlaps.

        Args:
          seed: int64 scalar: anchors and noise.
          style_seed: int64 scalar: style, and conditioning that is not given.
          first_latent: int64 scalar, may be negative.
          n_latents: int32 scalar.
          truncation: float32 scalar.
          conditioning: float32 `[n_latents, k]` in the units of the metadata; k = 0 leaves it to the style seed.
            Beyond the range the signals go on as at its ends: whole windows are those of a longer curve, but for
            the outermost `edge_samples`, where the neighbours overlap.

        Returns:
          float32 `[n_latents * samples_per_latent, 2]`, below 1.
        """
        config, step = self.signal_path.config, self.signal_path.config.window_latents
        first = tf.math.floordiv(first_latent - 1, step) * step  # decoder windows that reach into the range
        end = -tf.math.floordiv(-(first_latent + tf.cast(n_latents, tf.int64) + 1), step) * step

        def frames(offset, count):
            start = first + tf.cast(offset, tf.int64)
            latents = self._range(seed, style_seed, start, count, truncation, conditioning, first_latent)
            return self.signal_path.frames(latents, start, seed, 1.0)

        # Chunks follow the generator's grid, so that no window is made twice.
        whole = self.signal_path.overlap_add(frames, tf.cast(end - first, tf.int32), self._until_next_window(first))
        begin = config.edge_samples + tf.cast(first_latent - first, tf.int32) * config.samples_per_latent
        return limit(whole[begin : begin + n_latents * config.samples_per_latent])

    def _until_next_window(self, first):
        """Function (latents done) -> most latents until the generator's next window."""
        window = self.gan.config.window
        inside = tf.cast(tf.math.floormod(first, window), tf.int32)
        return lambda done: window - (inside + done) % window

    def _range(self, seed, style_seed, start, count, truncation, conditioning, first_given):
        """Latents `[count, latent_size]` from `start`, all in one window of the generator."""
        index = tf.math.floordiv(start, self.gan.config.window)
        latents = self.latents_of_window(seed, style_seed, index, truncation, conditioning, first_given)
        offset = tf.cast(start - index * self.gan.config.window, tf.int32)
        return latents[offset : offset + count]

    def latents_of_window(self, seed, style_seed, index, truncation, conditioning, first_given):
        """Latents of window `index` (int64 scalar): `[window, latent_size]`; `conditioning` starts at `first_given`."""
        window = self.gan.config.window
        positions = index * window + tf.range(window, dtype=tf.int64)
        parts = [coordinates.coordinates(self.gan.config, seed, style_seed, index, 1, truncation)]
        if self.conditioner.n_channels:
            own = self._signals(conditioning, positions - first_given, style_seed, positions)
            parts.append(self.conditioner.scale(own)[None])
        return self.latents(tf.concat(parts, axis=-1), seed, 1.0, index)[0]

    def _signals(self, given, rows, style_seed, positions):
        """`given` at `rows`, or where it has no channels what the style draws at `positions`: `[window, k]`."""
        n_channels = self.conditioner.n_channels
        if given.shape[1] is not None:
            return _hold(given, rows, n_channels) if given.shape[1] else self.conditioner.draw(style_seed, positions)
        return tf.cond(
            tf.shape(given)[1] > 0,
            lambda: _hold(given, rows, n_channels),
            lambda: self.conditioner.draw(style_seed, positions),
        )


def _hold(signal, rows, n_channels):
    """Rows of `signal` `[n, k]`, its first and last ones going on beyond its ends."""
    rows = tf.clip_by_value(rows, 0, tf.shape(signal, tf.int64)[0] - 1)
    return tf.ensure_shape(tf.gather(signal, rows), [None, n_channels])


def limit(waveform):
    """A soft limiter, sample by sample so that excerpts stay pure: identity below 0.8, then bent towards 0.99."""
    size = tf.abs(waveform)
    room = _CEILING - _LOUD
    bent = _LOUD + room * tf.tanh((size - _LOUD) / room)
    return tf.where(size > _LOUD, tf.sign(waveform) * bent, waveform)
