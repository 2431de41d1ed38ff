"""Noise -> mel spectrograms, from coarse to fine: each scale doubles the time steps and adds detail to what is there.

coarse noise [b, t, 20] -> block -+-> head -> mel [b, t, 80]
                                  | x2         | x2
fine noise [b, 2t, 4] ---> block -+-> head --> + [b, 2t, 80]
                                  | ...        | ...
"""

import keras
from keras import ops

from baselines.unagan.mel import N_MELS
from musika_tf.layers import leaky_relu


class GroupedConv(keras.layers.Layer):
    """Convolution of kernel 3 over time, SAME, in groups of channels: `[b, t, c]` -> `[b, t, c]`.

    The numbers of `keras.layers.Conv1D(c, 3, groups=g)`, whose gradient TensorFlow doesn't compute on CPUs.
    """

    def __init__(self, groups, **kwargs):
        super().__init__(**kwargs)
        self.groups = groups

    def build(self, x_shape):
        channels = x_shape[-1]
        size = channels // self.groups
        self.kernel = self.add_weight(name="kernel", shape=(3, size, channels), initializer="glorot_uniform")
        self.bias = self.add_weight(name="bias", shape=(channels,), initializer="zeros")

    def call(self, x):
        n_steps, size = ops.shape(x)[1], x.shape[-1] // self.groups
        padded = ops.pad(x, ((0, 0), (1, 1), (0, 0)))
        taps = ops.stack([padded[:, i : i + n_steps] for i in range(3)], axis=2)
        taps = ops.reshape(taps, (-1, n_steps, 3, self.groups, size))
        kernel = ops.reshape(self.kernel, (3, size, self.groups, size))
        y = ops.einsum("btkgi,kigo->btgo", taps, kernel)
        return ops.reshape(y, (-1, n_steps, x.shape[-1])) + self.bias


class Block(keras.layers.Layer):
    """Convolution, bi-directional GRU, grouped convolution, convolution: `[b, t, in]` -> `[b, t, width]`."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.first = keras.layers.Conv1D(config.width, 3, padding="same")
        self.norm = keras.layers.GroupNormalization(config.groups)
        self.gru = keras.layers.Bidirectional(keras.layers.GRU(config.width, return_sequences=True), merge_mode="sum")
        self.grouped = GroupedConv(config.groups)
        self.grouped_norm = keras.layers.GroupNormalization(config.groups)
        self.last = keras.layers.Conv1D(config.width, 3, padding="same")

    def call(self, x):
        x = leaky_relu(self.norm(self.first(x)))
        course = self.gru(x)
        detail = leaky_relu(self.grouped_norm(self.grouped(course)))
        return self.last(x + course + detail)


class Generator(keras.Model):
    """Noise at all scales, the coarsest first, `[b, 2^i t, noise_sizes[i]]` -> mel `[b, 2^scales t, 80]`."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.blocks = [Block(config) for _ in config.noise_sizes]
        self.heads = [keras.layers.Conv1D(N_MELS, 3, padding="same") for _ in config.noise_sizes]

    def call(self, noises):
        body = self.blocks[0](noises[0])
        mel = self.heads[0](body)
        for noise, block, head in zip(noises[1:], self.blocks[1:], self.heads[1:], strict=True):
            body, mel = ops.repeat(body, 2, axis=1), ops.repeat(mel, 2, axis=1)
            body = body + block(ops.concatenate([body, noise], axis=-1))
            mel = mel + head(body)
        return mel
