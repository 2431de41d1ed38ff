"""The refiner's network: latents with noise on them to latents without."""

import keras
from keras import ops

from musika_tf.layers import Conv1D, TransposedConv

_HALF = 0.5**0.5


class Denoiser(keras.Model):
    """A U-Net over time, told how strong the noise is and what the signals say.

    Latents have unit variance here. Around the network lie the skip and the scales of Karras et al. (2022,
    "Elucidating the Design Space of Diffusion-Based Generative Models"), by which what the network adds has unit
    variance whatever the noise; at first it adds nothing.

    Args:
      hears_signals: False: it leaves out the conditioning that it is given.
    """

    def __init__(self, width, latent_size, hears_signals=True, **kwargs):
        super().__init__(**kwargs)
        self.hears_signals = hears_signals
        self.stem = Conv1D(width, 3, padding="same")
        self.down = [[DenoiserBlock(width), DenoiserBlock(width)] for _ in range(2)]
        self.narrow = [Conv1D(width, 4, 2, padding="same") for _ in range(2)]
        self.middle = [DenoiserBlock(width), DenoiserBlock(width)]
        self.widen = [TransposedConv(width) for _ in range(2)]
        self.up = [[DenoiserBlock(width), DenoiserBlock(width)] for _ in range(2)]
        self.out = Conv1D(latent_size, 3, padding="same", kernel_initializer="zeros", dtype="float32")

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
    """Two convolutions beside their input; the noise's deviation and the signals scale and shift what is between."""

    def __init__(self, channels, **kwargs):
        super().__init__(**kwargs)
        self.first = Conv1D(channels, 3, padding="same")
        self.modulation = Conv1D(2 * channels, 1)
        self.second = Conv1D(channels, 3, padding="same")

    def call(self, x, told):
        scale, shift = ops.split(self.modulation(told), 2, axis=-1)
        y = self.first(ops.swish(x)) * (1.0 + scale) + shift
        return x + self.second(ops.swish(y)) * _HALF


def _through(blocks, x, told):
    for block in blocks:
        x = block(x, told)
    return x
