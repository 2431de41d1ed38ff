import numpy as np
import pytest

from musika_tf.collection.levels import CLIPPED_SHARE, SILENCE, Levels


def levels_of(*blocks):
    levels = Levels()
    for block in blocks:
        levels.add(np.asarray(block, np.float32))
    return levels


def sine(gain, n_samples=44_100, frequency=440.0):
    wave = gain * np.sin(2 * np.pi * frequency * np.arange(n_samples) / 44_100)
    return np.clip(np.stack([wave, wave], axis=1), -1, 1)


def test_peak_is_the_largest_absolute_value_of_all_blocks():
    assert levels_of([[0.1], [-0.7]], np.zeros([0, 1]), [[0.3], [0.2]]).peak == np.float32(0.7)
    assert levels_of().peak == 0 and levels_of(np.zeros([100, 2])).peak < SILENCE


@pytest.mark.parametrize("gain", [1.5, 2.0, 8.0])
def test_share_of_clipped_samples(gain):
    # |gain sin x| > 1 for this share of a period; a run of n samples has n - 2 beginnings of three.
    share = 1 - 2 * np.arcsin(1 / gain) / np.pi
    runs_per_sample = 2 * 440 / 44_100
    assert levels_of(sine(gain)).clipped == pytest.approx(share - 2 * runs_per_sample, abs=2.1 * runs_per_sample)


def test_a_peak_at_full_scale_is_not_clipped():
    peaks = np.zeros([1000, 2])
    peaks[::10] = 1.0  # normalised, or an MP3's overshoot
    peaks[1::10] = 1.2
    assert levels_of(sine(0.999), peaks).clipped == 0


def test_16_bits_reach_full_scale_at_their_largest_value():
    wave = np.clip(np.rint(32768 * 2 * sine(2.0)), -32768, 32767) / 32768
    assert levels_of(np.abs(wave)).clipped > 0.1


def test_blocks_change_the_share_by_their_seams_alone():
    wave = sine(3.0)
    whole, parts = levels_of(wave), levels_of(*np.array_split(wave, 40))
    assert parts.peak == whole.peak and parts.n_values == whole.n_values
    assert whole.clipped - 40 * 4 / wave.size <= parts.clipped <= whole.clipped
    assert whole.clipped > CLIPPED_SHARE
