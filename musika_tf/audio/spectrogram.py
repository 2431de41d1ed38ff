"""Waveform <-> normalised log magnitude and phase.

Frames have no centre padding: N frames span (N - 1) hop + 4 hop samples. A whole waveform is extended on both
sides so that the frames of n latents cover them exactly::

    extended:   |<- edge ->|<------------ samples_per_latent * n ------------>|<- edge ->|
    frame 0:    |<------ fft_length = 4 hop ------>|
    frame 1:        hop |<------ fft_length ------>|            ...     the last one ends here: ->|

Log magnitude is S = (dB + 25) / 75, so -100..50 dB is -1..1; phase is in units of pi.
Source: Pasini & Schlüter 2022 (the published code's constants).
"""

import functools
import math

import numpy as np
import tensorflow as tf

_FLOOR = 1e-10  # power below which log magnitude is cut: -100 dB
DB_OFFSET, DB_RANGE = 25.0, 75.0
SYNTHESIS_FLOOR = 1e-7  # power that is added where a spectrum is made
_PER_DB = math.log(10.0) / 10.0


def stft(waveform, config):
    """Complex STFT with a Hann window. `[..., samples]` -> complex64 `[..., frames, bins]`, no padding."""
    return tf.signal.stft(waveform, config.fft_length, config.hop_length, config.fft_length)


def log_magnitude(waveform, config, floor=_FLOOR):
    """Normalised log magnitude. float32 `[..., samples]` -> float32 `[..., frames, bins]` in about [-1, 1].

    It is cut below `floor`, a power. A loss wants a higher one: the gradient of a log grows without bound in the nulls
    between partials.
    """
    return log_power(power(stft(waveform, config)), floor)


def power(spectrum):
    """Squared magnitude of a complex spectrum."""
    return tf.square(tf.math.real(spectrum)) + tf.square(tf.math.imag(spectrum))


def power_spectrum(waveform, fft_length):
    """`power` of an STFT with a Hann window and a hop of a quarter of it, for losses.

    Its gradient is an inverse FFT and an overlap-add; that of `tf.signal.stft` takes several times as long on a CPU.

    Args:
      waveform: float32 `[b, samples]`.
      fft_length: a multiple of four.

    Returns:
      float32 `[b, frames, fft_length // 2 + 1]`.
    """
    hop = fft_length // 4
    # Of d|X|^2 = 2 Re(X* dX) the inverse FFT counts all bins but the outermost twice, and divides by its length.
    scale = np.full(fft_length // 2 + 1, fft_length, np.float32)
    scale[[0, -1]] *= 2.0

    @tf.custom_gradient
    def of(waveform):
        spectrum = tf.signal.stft(waveform, fft_length, hop, fft_length)

        def gradient(upstream):
            scaled = tf.cast(upstream * scale, tf.complex64) * spectrum
            frames = tf.signal.irfft(scaled, [fft_length]) * _hann(fft_length)
            covered = overlap_add(frames, hop)
            return tf.pad(covered, [[0, 0], [0, tf.shape(waveform)[1] - tf.shape(covered)[1]]])

        return power(spectrum), gradient

    return of(waveform)


def log_power(power, floor=_FLOOR):
    """Power -> normalised log magnitude; `floor` as in `log_magnitude`."""
    decibels = tf.math.log(tf.maximum(power, floor)) / _PER_DB
    return (decibels + DB_OFFSET) / DB_RANGE


def spectrum_of(magnitude, cosine, sine):
    """Normalised log magnitude, cosine and sine of the phase, `[..., frames, bins]` each -> complex64 of that shape."""
    power = tf.exp(magnitude * (DB_RANGE * _PER_DB) - DB_OFFSET * _PER_DB)
    amplitude = tf.sqrt(power + SYNTHESIS_FLOOR)
    return tf.complex(amplitude * cosine, amplitude * sine)


def synthesis_frames(spectrum, config):
    """Windowed time-domain frames for overlap-add: complex64 `[..., frames, bins]` -> `[..., frames, fft_length]`."""
    return tf.signal.irfft(spectrum, [config.fft_length]) * synthesis_window(config)


@functools.lru_cache(maxsize=8)
def synthesis_window(config):
    """What a frame is multiplied by for overlap-add, NumPy `[fft_length]`: `tf.signal.inverse_stft_window_fn`, as
    numbers in place of operations that would run for every chunk."""
    return _hann(config.fft_length) / np.float32(1.5)  # at a hop of a quarter, squared Hann windows add up to 1.5


def _hann(n):
    return (0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / n)).astype(np.float32)


def overlap_add(frames, hop, before=None):
    """Sums frames hop by hop: `[b, frames, 4 * hop]` -> `[b, (frames + 3) * hop]`.

    Four shifted sums; a general overlap-add is several times slower. The last 3 hops of an earlier sum, `[b, 3 *
    hop]`, can be added `before`: the frames go on from there.
    """
    shape = tf.shape(frames)
    quarters = tf.unstack(tf.reshape(frames, [shape[0], shape[1], 4, hop]), axis=2)
    shifted = [tf.pad(quarter, [[0, 0], [j, 3 - j], [0, 0]]) for j, quarter in enumerate(quarters)]
    if before is not None:
        shifted.append(tf.pad(tf.reshape(before, [shape[0], 3, hop]), [[0, 0], [0, shape[1]], [0, 0]]))
    return tf.reshape(tf.add_n(shifted), [shape[0], (shape[1] + 3) * hop])


def inverse(magnitude, cosine, sine, config):
    """Waveform of a crop: as `spectrum_of`, `[b, frames, bins]` -> `[b, (frames + 3) * hop]`; the outer 3 hops fade."""
    return overlap_add(synthesis_frames(spectrum_of(magnitude, cosine, sine), config), config.hop_length)


def extend(waveform, config):
    """Extends whole waveforms `[b, samples]` with zeros to the frames of a whole number n of latents.

    The result is `[b, crop_samples(frames_per_latent * n)]` with n = ceil(samples / samples_per_latent).
    """
    n_samples = tf.shape(waveform)[1]
    missing = -n_samples % config.samples_per_latent
    return tf.pad(waveform, [[0, 0], [config.edge_samples, config.edge_samples + missing]])


def edge_sums(config):
    """Window sums over the first and over the last 3 hops of an overlap-added waveform, `[3 * hop]` each.

    Between them the sum is 1. The outermost are next to 0: cut the outer `edge_samples` after dividing. The two are
    not quite mirror images, because a periodic Hann window begins with 0 and does not end with it.
    """
    weights = tf.signal.hann_window(config.fft_length) * synthesis_window(config)
    sums = tf.maximum(overlap_add(tf.repeat(weights[None, None], 4, axis=1), config.hop_length)[0], 1e-6)
    return sums[: 3 * config.hop_length], sums[-3 * config.hop_length :]
