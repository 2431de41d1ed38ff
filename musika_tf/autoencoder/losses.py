"""Losses of the autoencoder's four phases, each a scalar, none weighted.

Most are means over items. Where a denominator belongs to the batch, `over_replicas` is to take the mean of it over
all replicas that share it.
"""

import tensorflow as tf

from musika_tf.audio import spectrogram
from musika_tf.layers import sliced

SPECTRAL_SIZES = (8192, 4096, 2048, 512, 128)  # 1024, the decoder's own, is the consistency's; long ones hear pitch
_SOFT = 3e-4  # amplitude below which logs flatten out: nulls between partials would otherwise rule the gradient


def frequency_weights(n_bins, fft_length, knee):
    """Weights of the bins of an STFT, falling with frequency, mean 1: float32 `[n_bins]`.

    The `knee` is the bin of a 1024-point FFT where the weight has halved; 0 weighs all bins alike.
    """
    if not knee:
        return tf.ones([n_bins])
    weights = 1.0 / (1.0 + tf.range(n_bins, dtype=tf.float32) * (1024.0 / fft_length) / knee)
    return weights / tf.reduce_mean(weights)


def magnitude_l1(real, fake, weights):
    """Weighted mean |S - S^| of `[b, frames, bins]`."""
    return tf.reduce_mean(tf.abs(real - fake) * weights)


def spectral_distance(real, fake, knee):
    """Multi-scale spectral distance of waveforms `[b, samples]`.

    Per STFT size ||A - B||_F / ||A||_F plus the weighted L1 of natural-log magnitudes; the mean over the sizes that fit
    into the waveform four times.
    """
    sizes = [size for size in SPECTRAL_SIZES if 4 * size <= real.shape[-1]] or SPECTRAL_SIZES[-1:]
    total = 0.0
    for size in sizes:
        a, b = _amplitude(real, size), _amplitude(fake, size)
        convergence = _norm(a - b) / (_norm(a) + 1e-3)
        weights = frequency_weights(size // 2 + 1, size, knee)
        logs = tf.abs(tf.math.log(a + _SOFT) - tf.math.log(b + _SOFT)) * weights
        total += tf.reduce_mean(convergence) + tf.reduce_mean(logs)
    return total / len(sizes)


def _norm(spectra):
    """Frobenius norm of each of `[b, frames, bins]`; where it is 0 its gradient is 0, and not NaN."""
    return tf.sqrt(tf.maximum(tf.reduce_sum(tf.square(spectra), axis=(1, 2)), 1e-20))


def _amplitude(waveform, size):
    return tf.sqrt(spectrogram.power_spectrum(waveform, size) / size + 1e-10)


def phase_differences(spectrum, found, window_frames, over_replicas=lambda sizes: sizes):
    """How wrong a phase is from frame to frame and from bin to bin, which no constant offset changes.

    The difference along time is the frequency of a partial, that along frequency the place of an attack within the
    frame. Both are told by the magnitudes nearby, where the phase itself is not. Source: the anti-wrapping losses of
    Ai & Ling 2023 (APNet, arXiv:2305.07952), here as 1 - cos of the error and weighted by the root of the amplitude.

    Args:
      spectrum: complex64 `[b, frames, bins]` of the target.
      found: cosine and sine of the phase, the same shape each.
      window_frames: the decoder's; the differences across its seams don't count.
      over_replicas: see above; here of the weights.

    Returns:
      Two scalars from 0 to 2: along time and along frequency.
    """
    amplitude = tf.sqrt(spectrogram.power(spectrum) + 1e-9)
    target = tf.math.real(spectrum) / amplitude, tf.math.imag(spectrum) / amplitude
    weight = tf.sqrt(amplitude)
    # The product with the target's conjugate is the error of the phase itself; its own differences are what counts.
    error = found[0] * target[0] + found[1] * target[1], found[1] * target[0] - found[0] * target[1]
    inside = tf.cast(tf.range(1, tf.shape(amplitude)[1]) % window_frames != 0, tf.float32)[:, None]
    turns, weights = zip(_turn(error, 1, weight, inside), _turn(error, 2, weight), strict=True)
    return [turn / (size + 1e-6) for turn, size in zip(turns, over_replicas(list(weights)), strict=True)]


def _turn(error, axis, weight, also=1.0):
    """(weighted sum of 1 - cos between neighbours of a field of unit numbers in two parts, sum of the weights)."""
    later, earlier = ([sliced(x, *ends, axis) for x in (*error, weight)] for ends in ((1, None), (0, -1)))
    cosine = later[0] * earlier[0] + later[1] * earlier[1]
    weights = tf.minimum(later[2], earlier[2]) * also
    return tf.reduce_sum(weights * (1.0 - cosine)), tf.reduce_sum(weights)


def feature_matching(real_features, fake_features, over_replicas=lambda sizes: sizes):
    """Mean L1 between the critic's activations, each relative to the mean size of the real ones, `over_replicas`."""
    sizes = over_replicas([tf.reduce_mean(tf.abs(r)) for r in real_features])
    losses = [
        tf.reduce_mean(tf.abs(r - f)) / (size + 1e-3)
        for r, f, size in zip(real_features, fake_features, sizes, strict=True)
    ]
    return tf.add_n(losses) / len(losses)
