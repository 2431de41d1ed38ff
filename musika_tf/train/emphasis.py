"""How much each number of a latent matters: what the GAN should look at first.

An autoencoder may make all its numbers equally large (`autoencoder/principal.py` does), though a few of them carry most
of the sound. A GAN on numbers standardised alike spends itself on the many that hardly move anything.
"""

import numpy as np
import tensorflow as tf

from musika_tf.audio import spectrogram
from musika_tf.autoencoder.losses import frequency_weights
from musika_tf.config import AutoencoderTraining

_EXCERPTS, _LATENTS = 8, 8  # so many of so many latents
_KNEE = AutoencoderTraining.frequency_knee  # of the weights of the bins, as in the magnitude losses
_LEAST = 0.25  # of the largest: what moves less counts as this, or the GAN would be late to learn its range


def excerpts(pieces):
    """Latents out of the middle of pieces that are spread over the collection, float32 `[n, latent_channels]`."""
    chosen = np.linspace(0, len(pieces) - 1, _EXCERPTS).round().astype(int)
    middles = [(max(0, len(pieces[i]) - _LATENTS) // 2, i) for i in chosen]
    return np.concatenate([pieces[i][first : first + _LATENTS] for first, i in middles])


def moved(codec, latents, deviation):
    """What a change of each number by its deviation, up or down at random, moves in the decoded spectrograms.

    Args:
      codec: a Codec; its decoders' noise is off.
      latents: float32 `[n, latent_channels]` of music.
      deviation: float32 `[latent_channels]`.

    Returns:
      float64 `[latent_channels]`, the root mean square over both channels, bins weighted as in the magnitude losses.
    """
    weights = frequency_weights(codec.config.n_bins, codec.config.fft_length, _KNEE)
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), [len(latents), 1])

    @tf.function(input_signature=[tf.TensorSpec([len(latents), len(deviation)])], autograph=False)
    def spectra(changed):
        waveform = codec.decode(changed, tf.constant(0, tf.int64), tf.constant(0.0))
        return spectrogram.log_magnitude(tf.transpose(waveform), codec.config)

    whole = spectra(latents)
    changes = (signs * change for change in np.diag(deviation).astype(np.float32))
    squares = [tf.reduce_mean(tf.square(spectra(latents + change) - whole) * weights).numpy() for change in changes]
    return np.sqrt(np.asarray(squares, np.float64))


def scales(moved_by_each, exponent):
    """What to multiply standardised numbers by: `moved_by_each` to the power of `exponent`, root mean square 1."""
    wanted = np.maximum(moved_by_each, _LEAST * np.max(moved_by_each)) ** exponent
    return (wanted / np.sqrt(np.mean(np.square(wanted)))).astype(np.float32)
