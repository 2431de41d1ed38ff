"""Sample rates, against sines and soxr on the whole."""

import numpy as np
import pytest
import soxr

from musika_tf.audio import resampling

RATE = 44_100


def tones(seconds, sample_rate=RATE, frequencies=(440.0, 660.0)):
    """float32 [samples, channels]: one sine each, of amplitude 0.5."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.stack([0.5 * np.sin(2 * np.pi * f * time) for f in frequencies], axis=1).astype(np.float32)


def noise(n_samples):
    return np.random.default_rng(n_samples).uniform(-0.9, 0.9, (n_samples, 2)).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 48_000, 96_000, 192_000])
def test_a_sine_stays_the_sine(rate):
    resampled = resampling.resample(tones(2.4, rate), rate, RATE)
    assert resampled.shape == (round(2.4 * RATE), 2)
    assert resampled.dtype == np.float32
    inner = slice(RATE // 10, -RATE // 10)  # the sine starts and stops at the ends
    np.testing.assert_allclose(resampled[inner], tones(2.4)[inner], atol=2e-5)


@pytest.mark.parametrize("rate", [8_000, 37_800, 48_000])
def test_blocks_are_not_heard(rate):
    x = noise(3 * rate + 17)
    resampled = resampling.resample(x, rate, RATE)
    whole = soxr.resample(x, rate, RATE, "HQ")
    assert len(resampled) == -(-len(x) * RATE // rate)
    inner = slice(200, len(whole) - 200)  # at its very ends soxr takes the input for other than silence
    np.testing.assert_allclose(resampled[inner], whole[inner], atol=3e-6)


def test_what_lies_above_the_new_nyquist_goes():
    high = tones(1, 96_000, frequencies=(30_000.0,))
    assert np.abs(resampling.resample(high, 96_000, RATE)[4410:-4410]).max() < 1e-4


def test_same_rate_changes_nothing():
    x = noise(100)
    np.testing.assert_array_equal(resampling.resample(x, RATE, RATE), x)
