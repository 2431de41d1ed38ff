"""Level 2: sixteen or eight frames of level-1 latents <-> one latent, each span with no view of its neighbours."""

import keras

from musika_tf.autoencoder.level1 import Encoder, conv, last, linear, up
from musika_tf.layers import split_noise


class Encoder2(Encoder):
    """`[b, frames_per_latent, level1_size]` -> `[b, 1, latent_size]`."""

    def __init__(self, config, **kwargs):
        h = config.width
        halving = [(2 * h, 3, 2, "valid"), (2 * h, 3, 1, "same")]  # 7 steps to 3, which eight frames are already
        shapes = [
            (h, 3, 1, "same"),
            (h * 3 // 2, 3, 2, "valid"),
            (h * 3 // 2, 3, 1, "same"),
            *(halving if config.frames_per_latent == 16 else []),
            (3 * h, 3, 1, "valid"),
            (3 * h, 1, 1, "same"),
        ]
        span = config.frames_per_latent if config.linear_paths else 0
        super().__init__(shapes, config.latent_size, span, **kwargs)


class Decoder2(keras.Model):
    """`[b, window_latents, latent_size]` -> `[b, window_frames, level1_size]`, linear at the end."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        h, self.n_latents, size = config.width, config.window_latents, config.level1_size
        self.hidden = [
            conv(3 * h, 3),
            up(h * 5 // 2),
            conv(h * 5 // 2, 3),
            up(2 * h),
            conv(2 * h, 3),
            up(h * 3 // 2),
            *([up(h)] if config.frames_per_latent == 16 else []),
        ]
        self.out = last(size, config.linear_paths)
        self.linear = linear(config.frames_per_latent * size) if config.linear_paths else None

    @property
    def noise_steps(self):
        """Time steps of each noise layer, in the order of the layers."""
        return [self.n_latents * k for k in (1, 2, 2, 4, 4, 8, 16)[: len(self.hidden)]]

    def call(self, latents, noise=None):
        """Decodes windows with `noise` N(0, 1) `[b, sum(noise_steps)]`, or None for none."""
        x, n = latents, split_noise(noise, self.noise_steps)
        for layer in self.hidden:
            x = layer(x, next(n))
        y = self.out(x)
        return y if self.linear is None else y + keras.ops.reshape(self.linear(latents), (-1, *y.shape[1:]))
