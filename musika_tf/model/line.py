"""Any range of an endless piece: coordinates -> latents -> waveform, a pure function of (model, seeds, position)."""

import typing

import tensorflow as tf

from musika_tf.audio.limiter import limit
from musika_tf.gan import coordinates
from musika_tf.randomness import Stream, normal_rows

GENERATOR_BATCH = 8  # windows that generator and refiner make at once: enough for the matrix products


class Course(typing.NamedTuple):
    """What a piece does along the line. Curves have one row a latent and go on beyond their ends as at them.

    Attributes:
      seed: int64 scalar: anchors and noise.
      style_seeds: int64 `[m]`, all different; the first also draws the conditioning that is not given.
      style_weights: float32 `[c, m]`, see `coordinates.style_line`; one row where the style stays.
      loop_latents: float64 scalar: length of the loop, any real number above 0; 0: endless.
      truncation: float32 scalar.
      conditioning: float32 `[r, k]` in the units of the metadata; k = 0 leaves it to the first style seed.
      curve_start: int64 scalar: the latent of the curves' row 0.
    """

    seed: tf.Tensor
    style_seeds: tf.Tensor
    style_weights: tf.Tensor
    loop_latents: tf.Tensor
    truncation: tf.Tensor
    conditioning: tf.Tensor
    curve_start: tf.Tensor


def steady(seed, style_seed, truncation, conditioning, curve_start):
    """The Course of an endless piece of one style."""
    return Course(
        tf.cast(seed, tf.int64),
        tf.reshape(tf.cast(style_seed, tf.int64), [1]),
        tf.ones([1, 1]),
        tf.zeros([], tf.float64),
        tf.cast(truncation, tf.float32),
        conditioning,
        tf.cast(curve_start, tf.int64),
    )


class Line:
    """Renders ranges of pieces with a Codec, a Gan and a Conditioner, which draws the signals that nobody gave."""

    def __init__(self, codec, gan, conditioner):
        self.codec, self.gan, self.conditioner = codec, gan, conditioner

    @property
    def n_channels(self):
        """Channels of the generator's coordinates, conditioning included."""
        return self.gan.config.coordinate_size + self.conditioner.n_channels

    def latents(self, windows, drawn):
        """The generator: coordinates `[windows, window, n_channels]` and noise `[windows, noise_size]` to latents
        float32 `[windows, window, latent_size]`."""
        return self.gan.generate(windows, drawn)

    def refined(self, latents, drawn, conditioning):
        """The refiner: latents with margins and noise, both `[windows, span, latent_size]`, and conditioning `[windows,
        span, k]` to latents float32 `[windows, window, latent_size]`."""
        return self.gan.refiner.refine(latents, drawn, conditioning)

    @property
    def reach(self):
        """Latents on either side of a window that it depends on, beside those of its own."""
        return self.gan.refiner.margin if self.gan.refiner else 0

    def generator_noise(self, seed, first_window, n_windows):
        """The generator's noise in consecutive windows: `[n_windows, noise_size]`."""
        return normal_rows(seed, Stream.GENERATOR_NOISE, first_window, n_windows, self.gan.noise_size)

    def generate(self, seed, style_seed, first_latent, n_latents, truncation, conditioning):
        """Renders a range of an endless piece of one style; arguments and result as those of `Course` and `render`.

        `conditioning` is of the range, float32 `[n_latents, k]`. Beyond it the signals go on as at its ends: whole
        windows are those of a longer curve, but for the outermost latents, which overlap their neighbours and share
        their stereo, and with a refiner but for the outermost windows.
        """
        course = steady(seed, style_seed, truncation, conditioning, first_latent)
        return self.render(course, first_latent, n_latents)

    def render(self, course, first_latent, n_latents):
        """Renders a range of the line, with the neighbours that it overlaps: float32 `[n_latents * samples_per_latent,
        2]` below 1.

        It equals the same range of a longer rendering where the curves cover all windows touched by the range and one
        decoder window and a latent on either side, and with a refiner a window more on either side. Of a loop of a
        multiple of the anchors' spacing, sample n equals sample n + length; other loops repeat the coordinates, but not
        the noise.

        Args:
          course: Course.
          first_latent: int64 scalar, may be negative.
          n_latents: int32 scalar.
        """
        config, step = self.codec.config, self.codec.config.window_latents
        first = tf.math.floordiv(first_latent - 1, step) * step  # decoder windows that reach into the range
        end = -tf.math.floordiv(-(first_latent + tf.cast(n_latents, tf.int64) + 1), step) * step
        loop = coordinates.LoopGrid(self.gan.config, course.loop_latents)

        latents = self.latents_between(course, first - 1, end + 1)  # stereo is interpolated between neighbours

        def frames(offset, count):
            start = loop.wrap(first + tf.cast(offset, tf.int64))
            return self.codec.frames(latents[offset : offset + count + 2], start, course.seed, 1.0)

        # No chunk straddles the end of a loop, where the noise begins anew.
        n_needed = tf.cast(end - first, tf.int32)
        whole = self.codec.overlap_add(frames, n_needed, lambda done: loop.left(first + tf.cast(done, tf.int64)))
        begin = config.edge_samples + tf.cast(first_latent - first, tf.int32) * config.samples_per_latent
        return limit(_cut(whole, begin, n_latents * config.samples_per_latent))

    def latents_between(self, course, first, end):
        """Latents of positions `first` .. `end - 1` (int64 scalars): `[end - first, latent_size]`."""
        window, reach = self.gan.config.window, self.reach
        first_window = tf.math.floordiv(first, window)
        n_windows = tf.cast(-tf.math.floordiv(-end, window) - first_window, tf.int32)
        begin = first_window * window
        if not reach:
            latents = self._generated(course, first_window, n_windows)[0]
        else:
            seen = self._generated(course, first_window - 1, n_windows + 2)
            places = tf.range(n_windows)[:, None] * window + tf.range(window - reach, 2 * window + reach)

            def refined(i, count):
                return self.refined(*(tf.gather(x, places[i : i + count]) for x in seen))

            latents = self._in_batches(refined, n_windows)
        offset = tf.cast(first - begin, tf.int32)
        return latents[offset : offset + tf.cast(end - first, tf.int32)]

    def _generated(self, course, first_window, n_windows):
        """Consecutive windows as the generator makes them: latents `[n, latent_size]`; with a refiner its noise on
        them, of the same shape; and the conditioning `[n, k]` that they follow."""
        config = self.gan.config
        indices = first_window + tf.range(tf.cast(n_windows, tf.int64))
        shapes = [config.window, self.n_channels], *([size] for size in self._noise_sizes)
        what = tuple(tf.TensorSpec(shape, tf.float32) for shape in shapes)
        lines, drawn, *to_refine = tf.map_fn(lambda i: self._window(course, i), indices, fn_output_signature=what)
        latents = self._in_batches(lambda i, n: self.latents(lines[i : i + n], drawn[i : i + n]), n_windows)
        conditioning = tf.reshape(lines[..., config.coordinate_size :], [-1, self.conditioner.n_channels])
        return latents, *(tf.reshape(noise, [-1, self.gan.latent_size]) for noise in to_refine), conditioning

    @property
    def _noise_sizes(self):
        """Numbers that a window draws: for the generator, and for the refiner where there is one."""
        config = self.gan.config
        return [self.gan.noise_size, *([config.window * self.gan.latent_size] if self.gan.refiner else [])]

    def _in_batches(self, function, n_windows):
        """Latents `[n_windows * window, latent_size]` of a function of (window, count) to so many windows of them."""
        shape = [self.gan.config.window, self.gan.latent_size]

        def made(i, latents):
            return i + GENERATOR_BATCH, tf.concat([latents, function(i, GENERATOR_BATCH)], axis=0)

        shapes = tf.TensorShape([]), tf.TensorShape([None, *shape])
        state = 0, tf.zeros([0, *shape])
        _, latents = tf.while_loop(lambda i, _: i < n_windows, made, state, shapes, parallel_iterations=1)
        return tf.reshape(latents, [-1, self.gan.latent_size])

    def drawn_signals(self, style_seed, first_latent, n_latents):
        """The conditioning that a style draws for itself: float32 `[n_latents, k]` in the units of the metadata."""
        if not self.conditioner.n_channels:
            return tf.zeros([n_latents, 0])
        return self.conditioner.draw(style_seed, first_latent + tf.range(tf.cast(n_latents, tf.int64)))

    def _window(self, course, index):
        """Coordinates `[window, n_channels]` of window `index` (int64 scalar), and a vector of each of its noises."""
        config = self.gan.config
        loop = coordinates.LoopGrid(config, course.loop_latents)
        positions = index * config.window + tf.range(config.window, dtype=tf.int64)
        wrapped = loop.wrap(positions)
        rows = positions - course.curve_start
        parts = [
            coordinates.anchor_line(config, course.seed, wrapped, course.truncation, loop),
            coordinates.style_line(config, course.style_seeds, _hold(course.style_weights, rows), course.truncation),
        ]
        if self.conditioner.n_channels:
            own = self._signals(course.conditioning, rows, course.style_seeds[0], wrapped)
            parts.append(self.conditioner.scale(own))
        line = tf.ensure_shape(tf.concat(parts, axis=-1), [config.window, self.n_channels])
        row = wrapped[0] // config.window
        streams = zip((Stream.GENERATOR_NOISE, Stream.REFINER_NOISE), self._noise_sizes, strict=False)
        return line, *(normal_rows(course.seed, stream, row, 1, size)[0] for stream, size in streams)

    def _signals(self, given, rows, style_seed, positions):
        """`given` at `rows`, or where it has no channels what the style draws at `positions`: `[window, k]`."""
        n_channels = self.conditioner.n_channels
        if given.shape[1] is not None:
            return _hold(given, rows) if given.shape[1] else self.conditioner.draw(style_seed, positions)
        return tf.cond(
            tf.shape(given)[1] > 0,
            lambda: tf.ensure_shape(_hold(given, rows), [None, n_channels]),
            lambda: self.conditioner.draw(style_seed, positions),
        )


def _hold(curve, rows):
    """Rows of `curve` `[n, k]`, its first and last ones going on beyond its ends."""
    return tf.gather(curve, tf.clip_by_value(rows, 0, tf.shape(curve, tf.int64)[0] - 1))


def _cut(waveform, begin, count):
    """Samples `begin` .. `begin + count - 1` of `[samples, 2]`; TensorFlow cuts rows of two many times slower."""
    return tf.reshape(tf.reshape(waveform, [-1])[2 * begin : 2 * (begin + count)], [-1, 2])
