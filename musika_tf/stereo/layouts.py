"""What of two channels the networks code, in either layout.

| `stereo` | coded | a latent holds |
|---|---|---|
| parametric | one channel, the power mean of both | its `latent_size` numbers, then pan and likeness of each band |
| stacked | left and right, two items of one batch, as published | left's `latent_size` numbers, then right's |

A layout knows nothing of networks: `Codec` asks it before encoding and after decoding.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from musika_tf.audio import spectrogram
from musika_tf.stereo import parametric


@dataclasses.dataclass(frozen=True)
class Mirror:
    """Exchanges left and right in latents: where each channel goes, int `[channels]`, and its sign, float32."""

    order: np.ndarray
    sign: np.ndarray

    def __call__(self, latents):
        """NumPy `[..., channels]` -> the same music with its sides exchanged."""
        return latents[..., self.order] * self.sign


def create(config):
    """The layout of an AutoencoderConfig."""
    return Parametric(config) if config.stereo == "parametric" else Stacked(config)


class Parametric:
    """One coded channel and stereo parameters; see `musika_tf.stereo.parametric`."""

    def __init__(self, config):
        self.config = config

    def coded(self, spectra):
        """Spectra complex64 `[2, frames, bins]` -> log magnitude `[1, frames, bins]` for encoder 1."""
        return spectrogram.log_power(tf.reduce_mean(spectrogram.power(spectra), axis=0, keepdims=True))

    def joined(self, coded, spectra):
        """Latents of the coded channel `[1, m, latent_size]`, and the spectra -> latents `[m, latent_channels]`."""
        return tf.concat([coded[0], parametric.analyse(spectra, self.config)], axis=-1)

    def split(self, latents):
        """Latents `[m, latent_channels]` -> what decoder 2 gets, `[1, m, latent_size]`."""
        return latents[None, :, : self.config.latent_size]

    def spread(self, decoded, latents):
        """The decoded channel -> spectra of left and right, complex64 `[2, frames, bins]`.

        Args:
          decoded: normalised log magnitude, cosine and sine of the phase, `[1, frames, bins]` each.
          latents: `[m + 2, latent_channels]`, with one neighbour on either side.
        """
        spectrum = spectrogram.spectrum_of(*decoded)[0]
        return parametric.spread(spectrum, latents[:, self.config.latent_size :], self.config)

    @property
    def mirror(self):
        """The Mirror of these latents."""
        sign = np.ones(self.config.latent_channels, np.float32)
        sign[self.config.latent_size : self.config.latent_size + self.config.stereo_bands] = -1.0
        return Mirror(np.arange(len(sign)), sign)


class Stacked:
    """Left and right, each by itself; methods as those of `Parametric`, `[2, ...]` in place of `[1, ...]`."""

    def __init__(self, config):
        self.config = config

    def coded(self, spectra):
        return spectrogram.log_power(spectrogram.power(spectra))

    def joined(self, coded, spectra):
        return tf.concat([coded[0], coded[1]], axis=-1)

    def split(self, latents):
        return tf.stack(tf.split(latents, 2, axis=-1))

    def spread(self, decoded, latents):
        return spectrogram.spectrum_of(*decoded)

    @property
    def mirror(self):
        size = self.config.latent_size
        return Mirror(np.roll(np.arange(2 * size), size), np.ones(2 * size, np.float32))
