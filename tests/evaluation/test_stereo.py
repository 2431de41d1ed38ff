"""The figures of the stereo image against hand arithmetic."""

import numpy as np
import pytest

from musika_tf.evaluation import stereo

RATE = 44_100


def noise(channels, seconds=3):
    return 0.1 * np.random.default_rng(0).standard_normal((channels, seconds * RATE))


def sides(left, right):
    return np.stack([left, right], axis=1).astype(np.float32)


def test_correlation():
    a, b = noise(2)
    assert stereo.correlation(sides(a, 2 * a + 1)) == pytest.approx(1)
    assert stereo.correlation(sides(a, -a)) == pytest.approx(-1)
    # a and 0.6 a + 0.8 b correlate by 0.6
    assert stereo.correlation(sides(a, 0.6 * a + 0.8 * b)) == pytest.approx(0.6, abs=0.02)
    assert stereo.correlation(sides(a, 0 * a)) == 0


def test_shape_is_24_bands_and_whole_blocks_with_their_windows():
    block = stereo.BLOCK_SAMPLES
    for n_samples, n_blocks in ((7168, 1), (7168 + block - 1, 1), (7168 + block, 2), (260 * block + 3072, 260)):
        image = stereo.image(np.ones((n_samples, 2), np.float32))
        assert image.left.shape == image.right.shape == image.cross.shape == (24, n_blocks)
    with pytest.raises(ValueError, match="7168 samples, got 7167"):
        stereo.image(np.zeros((7167, 2), np.float32))


def test_a_long_waveform_equals_its_blocks_alone():
    waveform = noise(2, 30)[:, : 300 * 4096].T.astype(np.float32)
    whole, end = stereo.image(waveform), stereo.image(waveform[250 * 4096 :])
    np.testing.assert_allclose(whole.left[:, 250:], end.left, rtol=1e-5)
    np.testing.assert_allclose(whole.cross[:, 250:], end.cross, rtol=1e-3, atol=1e-6 * end.left.max())


def test_panned_noise_has_its_level_difference_in_every_band_and_block_and_coheres():
    (a,) = noise(1)
    for right, decibels in ((1.0, 0.0), (0.5, 6.0206), (4.0, -12.0412), (0.01, 25.0), (0.0, 25.0)):
        image = stereo.image(sides(a, right * a))
        np.testing.assert_allclose(image.level_difference, decibels, atol=1e-4)
        np.testing.assert_allclose(image.coherence, 1.0 if right else 0.0, atol=1e-5)
    np.testing.assert_allclose(stereo.image(sides(a, -a)).coherence, -1, atol=1e-5)


def test_coherence_of_a_known_mix():
    """Left a, right 0.6 a + 0.8 b: coherence 0.6; the spread over blocks is that of a finite number of bins."""
    a, b = noise(2, seconds=20)
    coherence = stereo.image(sides(a, 0.6 * a + 0.8 * b)).coherence
    np.testing.assert_allclose(coherence.mean(axis=1)[6:], 0.6, atol=0.03)  # the lowest bands have few bins
    assert coherence[-1].std() < 0.1


def test_errors_by_hand():
    a, b = noise(2)
    centre, left = stereo.image(sides(a, a)), stereo.image(sides(a, 0.5 * a))
    assert stereo.errors(centre, centre) == (0, 0)
    np.testing.assert_allclose(stereo.errors(centre, left), (6.0206, 0), atol=1e-4)
    np.testing.assert_allclose(stereo.errors(left, centre), (6.0206, 0), atol=1e-4)
    np.testing.assert_allclose(stereo.errors(centre, stereo.image(sides(a, -a))), (0, 2), atol=1e-4)
    # swapped sides: twice the difference
    np.testing.assert_allclose(stereo.errors(left, stereo.image(sides(0.5 * a, a))), (12.0412, 0), atol=1e-4)
    # nothing is left of the sound: no difference any more, and no coherence
    np.testing.assert_allclose(stereo.errors(left, stereo.image(sides(0 * a, 0 * a))), (6.0206, 1), atol=1e-4)
    assert 0.8 < stereo.errors(centre, stereo.image(sides(a, b)))[1] < 1.1


def test_bands_differ_where_the_sides_do():
    """A low tone on the left, a high one on the right: each band is its own side's, and the rest does not count."""
    t = np.arange(3 * RATE) / RATE
    low, high = 0.3 * np.sin(2 * np.pi * 200 * t), 0.3 * np.sin(2 * np.pi * 9000 * t)
    image = stereo.image(sides(low, high))
    counts = (image.left + image.right).mean(axis=1) > 1e-3 * (image.left + image.right).mean(axis=1).max()
    assert set(np.sign(image.level_difference[counts][:, 0])) == {1, -1}
    one_sided = stereo.errors(image, stereo.image(sides(low + high, low + high)))
    np.testing.assert_allclose(one_sided, (25, 0), atol=0.7)  # what coheres with silence is not asked


def test_silent_blocks_and_silence_do_not_count():
    (a,) = noise(1, seconds=2)
    half = np.concatenate([a, np.zeros_like(a)])
    original, made = sides(half, half), sides(half, half)
    made[-RATE:, 0] = 0.1  # a noise where the original is silent
    assert stereo.errors(stereo.image(original), stereo.image(made)) == (0, 0)
    silent = stereo.image(np.zeros((RATE, 2), np.float32))
    assert stereo.errors(silent, stereo.image(made[:RATE])) == (0, 0)
