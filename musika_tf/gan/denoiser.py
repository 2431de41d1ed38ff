"""The refiner's network: latents with noise on them to latents without."""

import keras
import numpy as np
from keras import ops

from musika_tf.layers import Conv1D, TransposedConv

_HALF = 0.5**0.5
_PERIODS = 2.5, 400.0  # shortest and longest period of the rotary positions, in time steps of their level


class Denoiser(keras.Model):
    """A U-Net over time, told how strong the noise is and what the signals say.

    Latents have unit variance here. Around the network lie the skip and the scales of Karras et al. (2022,
    "Elucidating the Design Space of Diffusion-Based Generative Models"), by which what the network adds has unit
    variance whatever the noise; at first it adds nothing.

    Args:
      head_size: channels of a head of attention, of which there are `width / head_size`, after each block where the
        time steps are a half and a quarter; what repeats over the whole span, such as a beat, is heard so. 0: none,
        and it hears three seconds.
      hears_signals: False: it leaves out the conditioning that it is given.
    """

    def __init__(self, width, latent_size, head_size=0, hears_signals=True, **kwargs):
        super().__init__(**kwargs)
        self.head_size, self.hears_signals = head_size, hears_signals

        def stage(head_size):
            return [DenoiserBlock(width, head_size), DenoiserBlock(width, head_size)]

        self.stem = Conv1D(width, 3, padding="same")
        self.down = [stage(0), stage(head_size)]
        self.narrow = [Conv1D(width, 4, 2, padding="same") for _ in range(2)]
        self.middle = stage(head_size)
        self.widen = [TransposedConv(width) for _ in range(2)]
        self.up = [stage(head_size), stage(0)]
        self.out = Conv1D(latent_size, 3, padding="same", kernel_initializer="zeros", dtype="float32")

    def begin_as(self, other):
        """Takes over the weights of a Denoiser of the same width, with or without attention; where only this one has
        it, it adds nothing at first."""
        if self.head_size == other.head_size:
            self.set_weights(other.get_weights())
            return
        for own, given in zip(self._without_attention(), other._without_attention(), strict=True):
            own.set_weights(given.get_weights())

    def _without_attention(self):
        blocks = (block for stage in (*self.down, self.middle, *self.up) for block in stage)
        inner = (layer for block in blocks for layer in (block.first, block.modulation, block.second))
        return [self.stem, *self.narrow, *self.widen, *inner, self.out]

    def call(self, noisy, deviation, conditioning):
        """Noisy latents `[b, 4 n, latent_size]`, the noise's deviation `[b, 1, 1]` and conditioning `[b, 4 n, k]` ->
        the expected latents without it, of the first one's shape."""
        if not self.hears_signals:
            conditioning = conditioning[..., :0]
        scale = ops.rsqrt(1.0 + ops.square(deviation))
        level = ops.zeros_like(noisy[..., :1]) + ops.log(deviation) / 4.0
        pyramid = [ops.concatenate([level, conditioning], axis=-1)]
        for _ in self.narrow:
            pyramid.append(ops.average_pool(pyramid[-1], 2, 2))
        x = self.stem(ops.concatenate([noisy * scale, pyramid[0]], axis=-1))
        passed = []
        for blocks, narrow, told in zip(self.down, self.narrow, pyramid, strict=False):
            x = _through(blocks, x, told)
            passed.append(x)
            x = narrow(x)
        x = _through(self.middle, x, pyramid[-1])
        for blocks, widen, told in zip(self.up, self.widen, pyramid[-2::-1], strict=True):
            x = _through(blocks, (widen(x) + passed.pop()) * _HALF, told)
        noisy, deviation, scale = (ops.cast(some, "float32") for some in (noisy, deviation, scale))
        return noisy * scale**2 + self.out(ops.swish(x)) * deviation * scale


class DenoiserBlock(keras.layers.Layer):
    """Two convolutions beside their input; the noise's deviation and the signals scale and shift what is between.
    After them attention, if `head_size` is above 0."""

    def __init__(self, channels, head_size=0, **kwargs):
        super().__init__(**kwargs)
        self.first = Conv1D(channels, 3, padding="same")
        self.modulation = Conv1D(2 * channels, 1)
        self.second = Conv1D(channels, 3, padding="same")
        self.attention = Attention(channels, head_size) if head_size else None

    def call(self, x, told):
        scale, shift = ops.split(self.modulation(told), 2, axis=-1)
        y = self.first(ops.swish(x)) * (1.0 + scale) + shift
        x = x + self.second(ops.swish(y)) * _HALF
        return x if self.attention is None else self.attention(x)


class Attention(keras.layers.Layer):
    """Self-attention over all time steps, beside its input, with rotary positions.

    By those (Su et al. 2021, "RoFormer") what one step asks of another depends on how far apart they are, not on where
    they lie.
    """

    def __init__(self, channels, head_size, **kwargs):
        super().__init__(**kwargs)
        self.n_heads, self.head_size = channels // head_size, head_size
        self.norm = keras.layers.LayerNormalization(dtype="float32")
        self.asked = Conv1D(3 * channels, 1, use_bias=False)
        self.out = Conv1D(channels, 1, kernel_initializer="zeros")

    def call(self, x):
        """`[b, t, channels]` -> the same."""
        asked = self.asked(ops.cast(self.norm(x), x.dtype))
        heads = ops.reshape(asked, (-1, x.shape[1], self.n_heads, 3 * self.head_size))
        query, key, value = ops.split(heads, 3, axis=-1)
        likeness = ops.einsum("bihd,bjhd->bhij", _turned(query), _turned(key))
        share = ops.softmax(ops.cast(likeness, "float32") * self.head_size**-0.5)
        y = ops.einsum("bhij,bjhd->bihd", ops.cast(share, x.dtype), value)
        return x + self.out(ops.reshape(y, (-1, x.shape[1], self.n_heads * self.head_size))) * _HALF


def _turned(x):
    """`[b, t, heads, size]`, with each pair of numbers turned in proportion to its time step."""
    frequencies = 2 * np.pi / np.geomspace(*_PERIODS, x.shape[-1] // 2)
    angles = (np.arange(x.shape[1])[:, None] * frequencies).astype(np.float32)[:, None]
    cosine, sine = (ops.cast(part, x.dtype) for part in (np.cos(angles), np.sin(angles)))
    a, b = ops.split(x, 2, axis=-1)
    return ops.concatenate([a * cosine - b * sine, a * sine + b * cosine], axis=-1)


def _through(blocks, x, told):
    for block in blocks:
        x = block(x, told)
    return x
