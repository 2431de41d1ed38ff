"""Parametric stereo: two channels <-> one, and a few numbers per latent that say how they differ.

| word | meaning |
|---|---|
| power mean | the magnitude that the networks code: sqrt((abs(L)^2 + abs(R)^2) / 2), bin by bin |
| band | bins that share their parameters: even on the ERB scale, at least one bin wide |
| pan | -1 left alone, 0 even, 1 right alone: 4 / pi * atan2(amplitude right, amplitude left) - 1 |
| coherence | real part of the normalised cross spectrum: 1 alike, 0 independent, -1 of opposite polarity |
| likeness | 1 - 2 / pi * arccos(coherence): the same scale, as an angle, so that rounding stays small |

The power mean has no cancellation, so that opposite polarity and a silent channel lose no loudness; its phase plays no
part, because decoder 1 makes one. A latent's parameters are those of its own frames; between the centres of latents
they are interpolated.

The decoded channel M becomes L = g_l exp(i s (b + a)) M and R = g_r exp(i s (b - a)) M. The gains follow from the pan;
a is a quarter of pi times 1 - likeness, so that L and R have the coherence that was measured; b is such
that L + R is M times a positive number: a mono mix hears no effect. The sign s of the turn changes now and then along
frequency, so that the difference of phase sounds wide and not lopsided.

Exchanging left and right changes the sign of the pans and nothing else. What is decoded of that has the magnitudes of
both channels exchanged, bin by bin (their phases turn the other way round: parameters that are their own mirror image,
such as those of a wide sound in the middle, could otherwise only be mono).

Source: after Breebaart, van de Par, Kohlrausch & Schuijers 2005, "Parametric Coding of Stereo Audio"; the power mean,
the pan as an angle and turns in place of a decorrelated copy are ours.
"""

import functools
import math

import numpy as np
import tensorflow as tf

from musika_tf.audio import spectrogram

_MEAN_RUN_HZ = 2000.0  # of bins that turn the same way; where the sign changes, frames that overlap cancel a little
_ALIKE = 1e-4  # coherence this near to 1 is 1: what is mono stays exactly mono


@functools.lru_cache(maxsize=8)
def band_of_bin(config):
    """The band of each STFT bin, int32 `[bins]`, ascending from 0."""
    hertz = np.arange(config.n_bins) * config.sample_rate / config.fft_length
    erb = 21.4 * np.log10(1.0 + 0.00437 * hertz)  # Glasberg & Moore 1990
    n_bands, bands = config.stereo_bands, np.zeros(config.n_bins, np.int32)
    edges = erb[-1] * np.arange(1, n_bands) / n_bands
    wanted = np.searchsorted(edges, erb, side="right")
    for k in range(1, config.n_bins):  # each band has a bin, however narrow: a bin at most starts the next band
        must_start = n_bands - 1 - bands[k - 1] >= config.n_bins - k
        bands[k] = min(bands[k - 1] + (must_start or wanted[k] > bands[k - 1]), n_bands - 1)
    return bands


@functools.lru_cache(maxsize=8)
def turns(config):
    """+1 or -1 for each bin, float32 `[bins]`: which way the channels turn apart."""
    rng = np.random.default_rng(2005)
    share = config.sample_rate / config.fft_length / _MEAN_RUN_HZ
    return np.cumprod(np.where(rng.random(config.n_bins) < share, -1.0, 1.0)).astype(np.float32)


def analyse(spectra, config):
    """Left and right, complex64 `[2, frames, bins]` -> the parameters of every latent, float32 `[m, 2 * stereo_bands]`.

    They lie in [-1, 1], pans before likenesses. Silence has pan 0 and likeness 1.
    """
    cross = tf.math.real(spectra[0]) * tf.math.real(spectra[1]) + tf.math.imag(spectra[0]) * tf.math.imag(spectra[1])
    left, right, cross = (_by_band(x, config) for x in (*tf.unstack(spectrogram.power(spectra)), cross))
    pan = tf.math.atan2(tf.sqrt(right), tf.sqrt(left)) * (4.0 / math.pi) - 1.0
    pan = tf.where(tf.equal(left, right), 0.0, pan)  # exactly, whatever atan2 rounds to
    both = tf.sqrt(left) * tf.sqrt(right)
    coherence = tf.where(both > 0.0, cross / tf.maximum(both, 1e-30), 1.0)
    coherence = tf.where(coherence > 1.0 - _ALIKE, 1.0, tf.maximum(coherence, -1.0))
    return tf.concat([pan, 1.0 - tf.acos(coherence) * (2.0 / math.pi)], axis=-1)


def _by_band(x, config):
    """Sums `[frames, bins]` over the frames of a latent and the bins of a band: `[m, bands]`."""
    latents = tf.reduce_sum(tf.reshape(x, [-1, config.frames_per_latent, config.n_bins]), axis=1)
    return tf.transpose(tf.math.segment_sum(tf.transpose(latents), band_of_bin(config)))


def spread(spectrum, parameters, config):
    """Turns one channel into two: left and right, complex64 `[2, frames, bins]`.

    Args:
      spectrum: the decoded channel, complex64 `[frames, bins]`.
      parameters: float32 `[m + 2, 2 * stereo_bands]`: those of the m latents and of one neighbour on either side.
    """
    pan, likeness = tf.split(tf.clip_by_value(_to_frames(parameters, config), -1.0, 1.0), 2, axis=-1)
    gains = math.sqrt(2.0) * tf.sin(math.pi / 4.0 * tf.stack([1.0 - pan, 1.0 + pan]))  # [2, frames, bands]
    half = (1.0 - likeness) * (math.pi / 4.0)
    tilt = tf.atan2((gains[1] - gains[0]) * tf.sin(half), (gains[0] + gains[1]) * tf.cos(half))
    angles = tf.stack([tilt + half, tilt - half])
    bins = np.equal(np.arange(config.stereo_bands)[:, None], band_of_bin(config)).astype(np.float32)
    # Products with ones and zeros are exact, and several times faster than tf.gather.
    along, across = tf.matmul(gains * tf.cos(angles), bins), tf.matmul(gains * tf.sin(angles), bins * turns(config))
    return tf.complex(along, across) * spectrum


def _to_frames(parameters, config):
    """`[m + 2, k]` at the centres of latents -> `[frames, k]`, straight lines in between."""
    n = config.frames_per_latent
    share = ((tf.range(n, dtype=tf.float32) + 0.5) / n)[:, None]  # of the way through the latent
    before, own, after = parameters[:-2, None], parameters[1:-1, None], parameters[2:, None]
    frames = tf.where(share < 0.5, own + (before - own) * (0.5 - share), own + (after - own) * (share - 0.5))
    return tf.reshape(frames, [-1, 2 * config.stereo_bands])  # from [m, 16, k]
