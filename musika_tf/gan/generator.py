"""The generator: coordinates of one window to its latents."""

import keras
from keras import ops

from musika_tf.layers import Conv1D, Noise, SpatialAdaIN, TransposedConv, pixel_shuffle, split_noise

_HALF = 0.5**0.5


class Stage(keras.layers.Layer):
    """Noise, AdaIN and swish after a convolution or the stem."""

    def __init__(self, layer, channels, noise):
        super().__init__()
        self.layer, self.channels = layer, channels
        self.noise = Noise(*noise)
        self.adain = SpatialAdaIN(channels)

    def call(self, x, noise, coordinates):
        # The stem's dense layer is flat; what a convolution returns has this shape already.
        x = ops.reshape(self.layer(x), (-1, coordinates.shape[1], self.channels))
        return ops.swish(self.adain(self.noise(x, noise), coordinates))


class Generator(keras.Model):
    """A convolutional generator whose every level is modulated by the coordinates at its own resolution.

    Coordinates average-pooled by 2 again and again make a pyramid: its top (2 steps) is the stem's input, the rest
    scales the features level by level (spatial AdaIN).

    A window of 64 is the published small variant, whose first block does not upsample. `noise_scale` is the initial
    scale of the noise layers.
    """

    def __init__(self, config, latent_size, noise_scale=0.0, **kwargs):
        super().__init__(**kwargs)
        c, self.window = config.width, config.window
        noise = noise_scale, config.noise_values
        self.stem = Stage(keras.layers.Dense(4 * 7 * c), 7 * c, noise)
        self.blocks = []
        noise_steps, n_steps = [4], 4
        for i, channels in enumerate((6 * c, 5 * c, 4 * c, 3 * c)):
            upsample = i > 0 or self.window == 128
            n_steps *= 2 if upsample else 1
            self.blocks.append(GeneratorBlock(channels, upsample, noise))
            noise_steps += [n_steps, n_steps]
        self.last = Stage(TransposedConv(2 * c), 2 * c, noise)
        noise_steps.append(2 * n_steps)
        self.noise_sizes = [n * config.noise_values for n in noise_steps]
        self.out = Conv1D(latent_size, 4, padding="same", dtype="float32")

    def call(self, coordinates, noise=None):
        """Coordinates `[b, window, channels]` and noise N(0, 1) `[b, sum(noise_sizes)]` or None -> latents
        `[b, window, latent_size]`, linear."""
        pyramid = {self.window: coordinates}
        n = self.window
        while n > 2:
            pyramid[n // 2] = ops.average_pool(pyramid[n], 2, 2)
            n //= 2
        top = ops.reshape(pyramid[2], (-1, 2 * coordinates.shape[-1]))
        noises = split_noise(noise, self.noise_sizes)
        x = self.stem(top, next(noises), pyramid[4])
        for block in self.blocks:
            at_level = pyramid[x.shape[1] * (2 if block.upsample else 1)]
            x = block(x, next(noises), next(noises), at_level)
        return self.out(self.last(x, next(noises), coordinates))


class GeneratorBlock(keras.layers.Layer):
    """A residual block: up (or 1x1), convolution of kernel 4, plus the pixel-shuffled input."""

    def __init__(self, channels, upsample, noise, **kwargs):
        super().__init__(**kwargs)
        self.upsample = upsample
        first = TransposedConv(channels) if upsample else Conv1D(channels, 1)
        second = Conv1D(channels, 4 if upsample else 1, padding="same")
        self.first = Stage(first, channels, noise)
        self.second = Stage(second, channels, noise)
        self.shortcut = Conv1D(channels, 1)

    def call(self, x, first_noise, second_noise, coordinates):
        y = self.first(x, first_noise, coordinates) * _HALF
        y = self.second(y, second_noise, coordinates) * _HALF
        return y + self.shortcut(pixel_shuffle(x) if self.upsample else x)
