"""Random changes of training crops, so that one collection stands for more music than it holds.

Each crop is mixed down to one channel and may be transposed by resampling, equalised, made softer or louder, and laid
over another crop of its batch. Every draw is a pure function of (seed, number of the crop).
"""

import math

import numpy as np
import tensorflow as tf

_LOWEST, _HIGHEST = 0.8, 1.25  # playback speeds: 3.9 semitones down, 3.9 up
_SPEED_SHARE, _EQUALISER_SHARE, _GAIN_SHARE, _SIDE_SHARE, _MIX_SHARE = 0.5, 0.3, 0.7, 0.3, 0.15
_EQUALISER_BANDS, _EQUALISER_DB = 6, 4.0  # points on a logarithmic frequency axis, and their deviation
_SOFTEST_DB, _LOUDEST_DB = -15.0, 3.0
_MARGIN = 64  # samples that resampling needs beyond the crop


def source_samples(crop_samples):
    """Samples to read for one augmented crop of `crop_samples`."""
    return math.ceil(crop_samples * _HIGHEST) + _MARGIN


def mixed_down(batches):
    """Batches `[b, samples, 2]` -> the mean of both channels, `[b, samples]`."""
    return batches.map(lambda waveform: tf.reduce_mean(waveform, axis=-1))


def augmented(batches, crop_samples, seed, first_batch=0, part=(0, 1)):
    """Augments batches: tf.data.Dataset of float32 `[b, crop_samples]`, peaks at most 1 or as high as they were.

    Args:
      batches: tf.data.Dataset of float32 `[b, source_samples(crop_samples), 2]` at any one sample rate.
      first_batch: number of the first batch, which places the draws.
      part: (i, n): which of n equal parts of each batch these are.
    """

    def change(number, waveforms):
        def run(number, waveforms):
            share = len(waveforms)
            first = (int(number) * part[1] + part[0]) * share
            crops = [
                _changed(waveform, crop_samples, np.random.default_rng([seed, first + i]))
                for i, waveform in enumerate(waveforms)
            ]
            return _overlaid(np.stack(crops), np.random.default_rng([seed, first, 1]))

        crops = tf.numpy_function(run, [number, waveforms], tf.float32, stateful=False)
        return tf.ensure_shape(crops, [waveforms.shape[0], crop_samples])

    numbers = tf.data.Dataset.range(first_batch, np.iinfo(np.int64).max)
    return tf.data.Dataset.zip((numbers, batches)).map(change, num_parallel_calls=1).prefetch(2)


def _changed(waveform, crop_samples, rng):
    """One stereo crop `[samples, 2]` -> mono float32 `[crop_samples]`."""
    draws = rng.random(4)
    left = rng.random() if draws[0] < _SIDE_SHARE else 0.5
    mono = waveform @ np.array([left, 1.0 - left], np.float32)
    speed = math.exp(rng.uniform(math.log(_LOWEST), math.log(_HIGHEST))) if draws[1] < _SPEED_SHARE else 1.0
    crop = _resampled(mono, speed, crop_samples)
    if draws[2] < _EQUALISER_SHARE:
        crop = _equalised(crop, rng.normal(0.0, _EQUALISER_DB, _EQUALISER_BANDS))
    if draws[3] < _GAIN_SHARE:
        crop = crop * np.float32(10 ** (rng.uniform(_SOFTEST_DB, _LOUDEST_DB) / 20))
    return _below(crop, max(1.0, np.abs(waveform).max(initial=0.0)))


def _resampled(mono, speed, n_samples):
    if speed == 1.0:
        return mono[:n_samples]
    import soxr

    needed = math.ceil(n_samples * speed) + _MARGIN // 2
    return soxr.resample(mono[:needed], speed, 1.0, quality="MQ")[:n_samples]


def _equalised(crop, decibels):
    """Applies gains at points that lie evenly on a logarithmic frequency axis, straight lines in between."""
    spectrum = np.fft.rfft(crop)
    octaves = np.log2(np.maximum(np.arange(len(spectrum)), 1.0))
    points = np.linspace(octaves[-1] - 10.0, octaves[-1], len(decibels))
    gains = 10 ** (np.interp(octaves, points, decibels) / 20)
    return np.fft.irfft(spectrum * gains, len(crop)).astype(np.float32)


def _overlaid(crops, rng):
    """Lays some crops `[b, samples]` over their neighbours in the batch, the louder the less of them."""
    chosen = rng.random(len(crops)) < _MIX_SHARE
    gains = chosen * rng.uniform(0.3, 1.0, len(crops))
    mixed = crops + gains[:, None].astype(np.float32) * np.roll(crops, 1, axis=0)
    return np.stack([_below(crop, max(1.0, np.abs(before).max())) for crop, before in zip(mixed, crops, strict=True)])


def _below(crop, ceiling):
    """Scales a crop whose peak is above `ceiling`."""
    peak = np.abs(crop).max(initial=0.0)
    return crop * np.float32(ceiling / peak) if peak > ceiling else crop
