"""Level 1: one frame's log magnitude <-> one latent, and phase from nothing but the latents."""

import keras

from musika_tf.layers import Noise, TransposedConv, clip_straight_through, split_noise


class Encoder1(keras.Model):
    """Frames to level-1 latents, each frame by itself: `[b, t, bins]` -> `[b, t, level1_size]` in (-1, 1)."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        wide = 4 * config.width
        self.hidden = [keras.layers.Conv1D(wide, 1, activation="swish") for _ in range(5)]
        self.out = keras.layers.Conv1D(config.level1_size, 1, activation="tanh", dtype="float32")

    def call(self, magnitude):
        x = magnitude
        for layer in self.hidden:
            x = layer(x)
        return self.out(x)


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
    return NoisyConv(keras.layers.Conv1D(channels, kernel, strides, padding="same"))


def up(channels):
    """A decoder's transposed convolution: twice the time steps."""
    return NoisyConv(TransposedConv(channels))


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
        self.magnitude_out = keras.layers.Conv1D(config.n_bins, 1, dtype="float32")
        self.v1, self.v0 = up(3 * h), up(3 * h)
        self.phase_out = keras.layers.Conv1D(config.n_bins, 1, dtype="float32")

    @property
    def noise_steps(self):
        """Time steps of each noise layer, in the order g0 g1 g2 g3 u2 u1 u0 v1 v0."""
        return [self.n_steps // k for k in (1, 2, 4, 8, 4, 2, 1, 2, 1)]

    def call(self, latents, noise=None):
        """Decodes windows.

        Args:
          latents: `[b, window_frames, level1_size]`.
          noise: N(0, 1) `[b, sum(noise_steps)]`, or None for none.

        Returns:
          Normalised log magnitude and phase over pi, both `[b, window_frames, bins]` in [-1, 1].
        """
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
        return clip_straight_through(magnitude), clip_straight_through(self.phase_out(v0 + u0))
