"""The four networks of the autoencoder together, on sequences of any length."""

import dataclasses
import hashlib

import keras
import numpy as np
import tensorflow as tf

from musika_tf.audio import spectrogram
from musika_tf.autoencoder.contrast import Contrast
from musika_tf.autoencoder.level1 import Decoder1, Encoder1
from musika_tf.autoencoder.level2 import Decoder2, Encoder2
from musika_tf.config import AutoencoderConfig
from musika_tf.layers import fold, unfold


@dataclasses.dataclass
class Autoencoder:
    """Both levels. Here, and only here, time is folded into windows.

    One channel at a time: b below counts channels as well as pieces.
    """

    config: AutoencoderConfig
    encoder1: keras.Model
    decoder1: keras.Model
    encoder2: keras.Model
    decoder2: keras.Model
    contrast: Contrast | None = None  # of what decoder 2 makes, once it is trained

    @classmethod
    def create(cls, config):
        """Builds the four networks with fresh weights."""
        networks = Encoder1(config), Decoder1(config), Encoder2(config), Decoder2(config)
        frames = config.window_frames
        networks[0](tf.zeros([1, frames, config.n_bins]))
        networks[1](tf.zeros([1, frames, config.level1_size]), tf.zeros([1, sum(networks[1].noise_steps)]))
        networks[2](tf.zeros([1, config.frames_per_latent, config.level1_size]))
        networks[3](
            tf.zeros([1, config.window_latents, config.latent_size]), tf.zeros([1, sum(networks[3].noise_steps)])
        )
        return cls(config, *networks)

    @property
    def networks(self):
        """The networks by name, as checkpoints store them."""
        names = ("encoder1", "decoder1", "encoder2", "decoder2")
        return {name: getattr(self, name) for name in names}

    def identity(self):
        """Twelve hex digits that change with any weight of the encoders, and the rate: which latents belong to it."""
        digest, config = hashlib.sha256(), self.config
        if config.stereo != "stacked":
            digest.update(f"{config.stereo} {config.stereo_bands}".encode())
        if config.sample_rate != 44_100:  # identities at 44.1 kHz are older than the choice
            digest.update(f"{config.sample_rate} Hz".encode())
        for weights in self.encoder1.get_weights() + self.encoder2.get_weights():
            digest.update(weights.tobytes())
        return digest.hexdigest()[:12]

    def round_encoders(self):
        """Rounds the encoders' weights to half precision, in which bundles can store them; this changes `identity`."""
        for variable in self.encoder1.weights + self.encoder2.weights:
            variable.assign(tf.cast(tf.cast(variable.value, tf.float16), variable.dtype))

    def has_rounded_encoders(self):
        """Whether half precision holds the encoders' weights exactly."""
        weights = self.encoder1.get_weights() + self.encoder2.get_weights()
        return all(np.array_equal(w, w.astype(np.float16)) for w in weights)

    def decoder_noise_sizes(self):
        """Noise values per window of decoder 1 and of decoder 2."""
        return sum(self.decoder1.noise_steps), sum(self.decoder2.noise_steps)

    def reconstruct(self, waveform, levels):
        """Waveform `[b, samples]` -> what `decode1` returns, through 1 or both levels, without noise."""
        level1_latents = self.encode1(spectrogram.log_magnitude(waveform, self.config))
        if levels == 2:
            level1_latents = self.decode2(self.encode2(level1_latents))
        return self.decode1(level1_latents)

    def encode1(self, magnitude):
        """`[b, frames, bins]` -> `[b, frames, level1_size]`."""
        return self.encoder1(magnitude)

    def decode1(self, level1_latents, noise=None):
        """Latents `[b, frames, level1_size]`, frames a multiple of a window, to spectra.

        The noise is `[b * windows, size of decoder 1's noise]`, or None.

        Returns:
          Normalised log magnitude, cosine and sine of the phase, each `[b, frames, bins]`.
        """
        batch = tf.shape(level1_latents)[0]
        windows = fold(level1_latents, self.config.window_frames)
        return tuple(unfold(x, batch) for x in self.decoder1(windows, noise))

    def encode2(self, level1_latents):
        """`[b, frames, level1_size]` -> `[b, n, latent_size]`."""
        batch = tf.shape(level1_latents)[0]
        return unfold(self.encoder2(fold(level1_latents, self.config.frames_per_latent)), batch)

    def decode2(self, latents, noise=None):
        """`[b, n, latent_size]` -> `[b, frames, level1_size]`; n a multiple of a window, noise as in `decode1`."""
        batch = tf.shape(latents)[0]
        level1 = unfold(self.decoder2(fold(latents, self.config.window_latents), noise), batch)
        return level1 if self.contrast is None else self.contrast(level1)
