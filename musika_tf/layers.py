"""Layers that more than one network uses. Sequences are `[batch, time, channels]` throughout."""

import itertools

import keras
import numpy as np
from keras import ops

from musika_tf import convolution


class Noise(keras.layers.Layer):
    """Adds noise. As published: one value per time step, shared by all channels, times a learned scalar (0 at first).

    Several values per step go to the channels by a learned matrix: such noise can change what sounds.
    """

    def __init__(self, initial_scale=0.0, n_values=1, **kwargs):
        super().__init__(**kwargs)
        self.initial_scale, self.n_values = initial_scale, n_values

    def build(self, x_shape, noise_shape=None):
        if self.n_values == 1:
            shape, initialiser = (), keras.initializers.Constant(self.initial_scale)
        else:
            shape = (self.n_values, x_shape[-1])
            initialiser = keras.initializers.RandomNormal(stddev=self.initial_scale / self.n_values**0.5)
        self.scale = self.add_weight(name="scale", shape=shape, initializer=initialiser)

    def call(self, x, noise=None):
        """`x` [batch, time, channels] plus `noise` [batch, time * n_values], or `x` itself without noise."""
        if noise is None:
            return x
        if self.n_values == 1:
            return x + self.scale * noise[..., None]
        return x + ops.reshape(noise, (-1, x.shape[1], self.n_values)) @ self.scale


def split_noise(noise, steps):
    """Shares out a network's noise `[batch, sum(steps)]`: an iterator over one `[batch, steps[i]]` for each layer in
    the order of their construction; endless None where the noise is None."""
    if noise is None:
        return itertools.repeat(None)
    return iter(ops.split(noise, list(itertools.accumulate(steps))[:-1], axis=1))


class Conv1D(keras.layers.Conv1D):
    """The layer of Keras, "same" or "valid", undilated, that trains faster on processors: see `convolution`."""

    def build(self, x_shape):
        if self.dilation_rate != (1,) or self.groups != 1:
            raise ValueError(f"dilation_rate={self.dilation_rate}, groups={self.groups}: neither is made here")
        super().build(x_shape)

    def call(self, x):
        y = convolution.convolve(x, self.kernel, self.bias, self.strides[0], self.padding)
        return y if self.activation is None else self.activation(y)


class TransposedConv(keras.layers.Layer):
    """Transposed convolution, kernel 4, stride 2, SAME: `[b, n, in]` -> `[b, 2 n, out]`.

    The numbers of `keras.layers.Conv1DTranspose` by one convolution of kernel 2 that yields two steps side by side; at
    reference width nearly three times faster on a CPU. With a zero on each side of x, place i sees x[i-1] and x[i]::

        odd[i-1] = x[i-1] w[2] + x[i] w[0]     x:   0 | x0 | x1 | x2 | 0
        even[i]  = x[i-1] w[3] + x[i] w[1]     y:  (-, e0) (o0, e1) (o1, e2) (o2, -)    flat, but for the two ends

    The kernel `[2, in, 2 out]` is kept as that convolution wants it: see `interleaved`.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels

    def build(self, x_shape):
        n_in, limit = x_shape[-1], (1.5 / (x_shape[-1] + self.channels)) ** 0.5  # Glorot's of the stock layer
        initialiser = keras.initializers.RandomUniform(-limit, limit)
        self.kernel = self.add_weight(name="kernel", shape=(2, n_in, 2 * self.channels), initializer=initialiser)
        self.bias = self.add_weight(name="bias", shape=(self.channels,), initializer="zeros")

    @property
    def stock_shape(self):
        """Shape of the kernel in `keras.layers.Conv1DTranspose`."""
        return 4, self.channels, self.kernel.shape[1]

    def call(self, x):
        y = convolution.convolve(ops.pad(x, ((0, 0), (1, 1), (0, 0))), self.kernel, padding="valid")  # odd | even
        return sliced(ops.reshape(y, (-1, 2 * x.shape[1] + 2, self.channels)), 1, -1) + self.bias


def interleaved(kernel):
    """A stock transposed convolution's kernel as `TransposedConv` keeps it: `[4, out, in]` -> `[2, in, 2 out]`."""
    w = np.swapaxes(kernel, 1, 2)
    return np.stack([np.concatenate([w[2], w[3]], axis=-1), np.concatenate([w[0], w[1]], axis=-1)])


class SpatialAdaIN(keras.layers.Layer):
    """`x / (std over time + 1e-5) * conv1x1(coordinates)`: no mean is subtracted, no shift added.

    Statistics are float32 whatever the policy, because half precision loses a quiet channel's deviation.
    """

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.to_scale = Conv1D(channels, 1)

    def call(self, x, coordinates):
        """`x` [b, t, channels] and `coordinates` [b, t, k] of the same time steps."""
        deviation = ops.std(ops.cast(x, "float32"), axis=1, keepdims=True) + 1e-5
        return ops.cast(ops.cast(x, "float32") / deviation, x.dtype) * self.to_scale(coordinates)


def sliced(x, start, stop, axis=1):
    """`x[:, start:stop]`, or the same along another axis, of known length.

    Its gradient is a padding; that of indexing takes twenty times as long on a CPU.
    """
    begin, end, _ = slice(start, stop).indices(x.shape[axis])
    starts, sizes = [0] * len(x.shape), [-1] * len(x.shape)
    starts[axis], sizes[axis] = begin, end - begin
    return ops.slice(x, starts, sizes)


def pixel_shuffle(x):
    """`[b, t, c]` -> `[b, 2 t, c / 2]`: channels 2 k and 2 k + 1 become channel k of two time steps."""
    n_steps, channels = x.shape[1], x.shape[2]
    pairs = ops.reshape(x, (-1, n_steps, channels // 2, 2))
    return ops.reshape(ops.swapaxes(pairs, 2, 3), (-1, 2 * n_steps, channels // 2))


def fold(x, window):
    """`[b, n * window, c]` -> `[b * n, window, c]`, for networks that see one window at a time."""
    return ops.reshape(x, (-1, window, x.shape[-1]))


def unfold(x, batch):
    """`[batch * n, window, c]` -> `[batch, n * window, c]`, the inverse of `fold`."""
    return ops.reshape(x, (batch, -1, x.shape[-1]))


@keras.ops.custom_gradient
def clip_straight_through(x):
    """Clips to +-1; the gradient passes as if it had not, unless it would lead further out.

    A hard clip would stop learning outside, a plain straight-through one would let values run away.
    """

    def gradient(upstream):
        leads_out = ops.logical_or(ops.logical_and(x > 1.0, upstream < 0.0), ops.logical_and(x < -1.0, upstream > 0.0))
        return ops.where(leads_out, ops.zeros_like(upstream), upstream)

    return ops.clip(x, -1.0, 1.0), gradient


@keras.ops.custom_gradient
def leaky_relu(x):
    """Leaky ReLU, slope 0.2, whose second derivative is known to be 0.

    R1 differentiates the critic twice; the stock operation would send zeros back through every layer, an eighth of a
    step's arithmetic.
    """

    def gradient(upstream):
        return upstream * ops.stop_gradient(0.2 + 0.8 * ops.cast(x > 0, x.dtype))

    return ops.leaky_relu(x, 0.2), gradient
