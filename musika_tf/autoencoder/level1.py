"""Level 1: one frame's log magnitude <-> one latent, and phase from nothing but the latents."""

import keras
import numpy as np
from keras import ops

from musika_tf.layers import Conv1D, Noise, TransposedConv, clip_straight_through, sliced, split_noise

_SPAN = 8
_TINY = 1e-15


class Encoder(keras.Model):
    """Convolutions over time, each (channels, kernel, strides, padding), and at the end `size` numbers in (-1, 1).

    Beside them a linear path over `span` steps, or none where that is 0.
    """

    def __init__(self, shapes, size, span, **kwargs):
        super().__init__(**kwargs)
        self.hidden = [Conv1D(c, k, s, padding=p, activation="swish") for c, k, s, p in shapes]
        self.out = last(size, span > 0)
        self.linear = linear(size, span) if span else None

    def call(self, x):
        y = x
        for layer in self.hidden:
            y = layer(y)
        y = self.out(y)
        return keras.ops.tanh(y if self.linear is None else y + self.linear(x))


class Encoder1(Encoder):
    """Frames to level-1 latents, each frame by itself: `[b, t, bins]` -> `[b, t, level1_size]`."""

    def __init__(self, config, **kwargs):
        hidden = 5 * [(4 * config.width, 1, 1, "valid")]
        super().__init__(hidden, config.level1_size, int(config.linear_paths), **kwargs)


class NoisyConv(keras.layers.Layer):
    """Convolution, noise, swish: what both decoders are made of."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.conv = layer
        self.noise = Noise()

    def call(self, x, noise):
        return keras.ops.swish(self.noise(self.conv(x), noise))


def conv(channels, kernel, strides=1):
    """A decoder's convolution over time, SAME."""
    return NoisyConv(Conv1D(channels, kernel, strides, padding="same"))


def last(size, with_linear_path):
    """A network's last layer; beside a linear path it starts at 0, so that what the path knows is not drowned."""
    initialiser = "zeros" if with_linear_path else "glorot_uniform"
    return Conv1D(size, 1, kernel_initializer=initialiser, dtype="float32")


def linear(size, span=1):
    """A linear path over `span` steps; see `principal`."""
    return Conv1D(size, span, use_bias=False, dtype="float32")


def up(channels):
    """A decoder's transposed convolution: twice the time steps."""
    return NoisyConv(TransposedConv(channels))


class PhaseAngle(keras.layers.Layer):
    """The published phase head: the angle over pi, linear, clipped to [-1, 1] -> cosine and sine of the phase."""

    def __init__(self, n_bins, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.angle = Conv1D(n_bins, 1, dtype="float32")

    def call(self, x):
        angle = np.pi * clip_straight_through(self.angle(x))
        return ops.cos(angle), ops.sin(angle)


class PhaseResonators(keras.layers.Layer):
    """Phase as a bank of leaky resonators, one for each low STFT bin: `[b, t, c]` -> cosine and sine `[b, t, bins]`.

    A partial's phase turns from frame to frame by its frequency, and a convolution that sees a few frames can tell the
    frequency but not how far the phase has turned. So the features give, for every frame t, a complex number x, a turn
    d and a share g, and the phase is the angle of ::

        z[t] = (1 - g[t]) x[t] + g[t] exp(i (turn of the bin's centre + d[t])) z[t - 1]        z[-1] = 0

    which keeps turning while g is near 1 and starts anew where g is near 0, as at an attack. Bins above
    `RESONANT_HZ` are x alone: what is heard as pitch lies below. A window knows nothing of the one before.
    """

    RESONANT_HZ = 5500.0

    def __init__(self, config, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.n_bins = config.n_bins
        self.n_resonant = min(int(self.RESONANT_HZ / config.sample_rate * config.fft_length), self.n_bins)
        turns = np.arange(self.n_resonant) * config.hop_length / config.fft_length  # of a bin's centre, a hop
        self.centre = (2.0 * np.pi * (turns % 1.0)).astype(np.float32)
        self.numbers = Conv1D(2 * self.n_bins + 2 * self.n_resonant, 1, dtype="float32")

    def call(self, features):
        k, n = self.n_bins, self.n_resonant
        ends = [n, k, k + n, 2 * k, 2 * k + n]
        real, high_real, imaginary, high_imaginary, turn, share = ops.split(self.numbers(features), ends, axis=-1)
        kept = ops.sigmoid(share + 1.0)
        angle = turn + self.centre
        low = (1.0 - kept) * real, (1.0 - kept) * imaginary
        real, imaginary = _recurrence((kept * ops.cos(angle), kept * ops.sin(angle)), low)
        real = ops.concatenate([real, high_real], axis=-1)
        imaginary = ops.concatenate([imaginary, high_imaginary], axis=-1)
        return _unit(real, imaginary)


def _recurrence(a, b):
    """z[t] = a[t] z[t - 1] + b[t] along axis 1, z[-1] = 0; a, b and z are complex, in two parts each `[b, t, n]`.

    Long ones run as spans of eight steps side by side, each from 0; what the span before left is added, turned.
    """
    n_steps, size = a[0].shape[1], a[0].shape[2]
    if n_steps <= 2 * _SPAN:
        a, b = _steps(a, 1), _steps(b, 1)
        z = [b[0]]
        for t in range(1, n_steps):
            z.append(_sum(b[t], _product(a[t], z[-1])))
        return [ops.stack(parts, axis=1) for parts in zip(*z, strict=True)]
    n_spans, missing = -(-n_steps // _SPAN), -n_steps % _SPAN

    def spans(parts):
        if missing:
            parts = [ops.pad(x, ((0, 0), (0, missing), (0, 0))) for x in parts]
        return _steps([ops.reshape(x, (-1, n_spans, _SPAN, size)) for x in parts], 2)

    a, b = spans(a), spans(b)
    for k in range(1, _SPAN):
        a[k], b[k] = _product(a[k], a[k - 1]), _sum(b[k], _product(a[k], b[k - 1]))
    before = [ops.pad(sliced(x, 0, -1), ((0, 0), (1, 0), (0, 0))) for x in _recurrence(a[-1], b[-1])]
    z = [_sum(b[k], _product(a[k], before)) for k in range(_SPAN)]
    joined = [ops.stack(parts, axis=2) for parts in zip(*z, strict=True)]
    joined = [ops.reshape(x, (-1, n_spans * _SPAN, size)) for x in joined]
    return [sliced(x, 0, n_steps) for x in joined] if missing else joined


def _steps(parts, axis):
    """Tensors -> for each step along an axis of theirs the tuple of what they have there."""
    return list(zip(*(ops.unstack(x, axis=axis) for x in parts), strict=True))


def _sum(x, y):
    return x[0] + y[0], x[1] + y[1]


def _product(x, y):
    """Product of two complex numbers in two parts each."""
    return x[0] * y[0] - x[1] * y[1], x[0] * y[1] + x[1] * y[0]


@keras.ops.custom_gradient
def _unit(real, imaginary):
    """Cosine and sine of a complex number's angle, which is 0 for 0; the gradient stays finite where it is near 0."""
    real += _TINY
    power = ops.square(real) + ops.square(imaginary)
    scale = ops.rsqrt(ops.maximum(power, _TINY**2))
    cosine, sine = scale * real, scale * imaginary

    def gradient(to_cosine, to_sine):
        to_angle = (cosine * to_sine - sine * to_cosine) / (power + 1e-2)
        return -to_angle * imaginary, to_angle * real

    return (cosine, sine), gradient


class Decoder1(keras.Model):
    """Level-1 latents of one window to magnitude and phase.

    A small U-Net: three strided convolutions down, three transposed ones up with additive skips; the phase
    branches off at the bottom::

        g0 ------------------------------ + u0 -> magnitude
          g1 ------------------- + u1     |
            g2 -------- + u2      \\       v0 -> phase     v0 sees v1 + u1
              g3 ------/  \\------- v1 ---/
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        h, self.n_steps = config.width, config.window_frames
        self.g0, self.g1 = conv(3 * h, 3), conv(3 * h, 3, 2)
        self.g2, self.g3 = conv(2 * h, 3, 2), conv(h, 3, 2)
        self.u2, self.u1, self.u0 = up(2 * h), up(3 * h), up(3 * h)
        self.magnitude_out = last(config.n_bins, config.linear_paths)
        self.linear = linear(config.n_bins) if config.linear_paths else None
        self.v1, self.v0 = up(3 * h), up(3 * h)
        resonant = config.phase_head == "resonators"
        self.phase_out = PhaseResonators(config) if resonant else PhaseAngle(config.n_bins)

    @property
    def noise_steps(self):
        """Time steps of each noise layer, in the order g0 g1 g2 g3 u2 u1 u0 v1 v0."""
        return [self.n_steps // k for k in (1, 2, 4, 8, 4, 2, 1, 2, 1)]

    def call(self, latents, noise=None):
        """Windows `[b, window_frames, level1_size]` and noise N(0, 1) `[b, sum(noise_steps)]`, or None for none
        -> normalised log magnitude, cosine and sine of the phase, each `[b, window_frames, bins]` in [-1, 1]."""
        n = split_noise(noise, self.noise_steps)
        g0 = self.g0(latents, next(n))
        g1 = self.g1(g0, next(n))
        g2 = self.g2(g1, next(n))
        g3 = self.g3(g2, next(n))
        u2 = self.u2(g3, next(n))
        u1 = self.u1(u2 + g2, next(n))
        u0 = self.u0(u1 + g1, next(n))
        v1 = self.v1(u2, next(n))
        v0 = self.v0(v1 + u1, next(n))
        magnitude = self.magnitude_out(u0 + g0)
        if self.linear is not None:
            magnitude += self.linear(latents)
        return clip_straight_through(magnitude), *self.phase_out(v0 + u0)
