"""Losses against hand arithmetic and NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from tiny import normal

from musika_tf.autoencoder import losses


def test_frequency_weights_have_mean_1_and_halve_at_the_knee():
    weights = losses.frequency_weights(513, 1024, 12.0).numpy()
    assert weights.mean() == pytest.approx(1, abs=1e-6)
    assert weights[0] / weights[12] == pytest.approx(2)
    assert weights[0] / weights[36] == pytest.approx(4)
    assert (np.diff(weights) < 0).all()


def test_frequency_weights_mean_the_same_frequency_at_every_size():
    for size in (128, 2048):
        weights = losses.frequency_weights(size // 2 + 1, size, 16.0).numpy()
        assert weights.mean() == pytest.approx(1, abs=1e-6)
        assert weights[0] / weights[16 * size // 1024] == pytest.approx(2)


def test_no_knee_weighs_all_alike():
    np.testing.assert_array_equal(losses.frequency_weights(5, 8, 0.0), np.ones(5))


def test_magnitude_l1_by_hand():
    real = tf.constant([[[1.0, 2.0], [3.0, 4.0]]])
    fake = tf.constant([[[0.0, 4.0], [3.0, 1.0]]])
    # Bin 0: 1, 0; bin 1: 2, 3. (1 * 1.5 + 5 * 0.5) / 4
    assert float(losses.magnitude_l1(real, fake, [1.5, 0.5])) == pytest.approx(1.0)


def numpy_spectral_distance(real, fake, knee, sizes):
    total = 0.0
    for size in sizes:
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
        starts = range(0, real.shape[1] - size + 1, size // 4)
        a, b = (
            np.stack([np.abs(np.fft.rfft(x[:, s : s + size] * window)) for s in starts], axis=1) / np.sqrt(size)
            for x in (real, fake)
        )
        weights = 1 / (1 + np.arange(size // 2 + 1) * 1024 / size / knee)
        convergence = np.linalg.norm(a - b, axis=(1, 2)) / np.linalg.norm(a, axis=(1, 2))
        logs = np.abs(np.log(a + 3e-4) - np.log(b + 3e-4)) * weights / weights.mean()
        total += convergence.mean() + logs.mean()
    return total / len(sizes)


@pytest.mark.parametrize(
    ("n_samples", "sizes"), [(32768, losses.SPECTRAL_SIZES), (32767, losses.SPECTRAL_SIZES[1:]), (500, (128,))]
)
def test_spectral_distance_is_that_of_numpy_at_the_sizes_that_fit_four_times(n_samples, sizes):
    real, fake = 0.3 * normal(2, n_samples), 0.2 * normal(2, n_samples, seed=1)
    expected = numpy_spectral_distance(real.astype(float), fake.astype(float), 12.0, sizes)
    assert float(losses.spectral_distance(real, fake, 12.0)) == pytest.approx(expected, rel=2e-3)


def test_spectral_distance_is_zero_for_equal_and_grows():
    real, other = 0.3 * normal(1, 4096), normal(1, 4096, seed=1)
    distances = [float(losses.spectral_distance(real, real + k * other, 12.0)) for k in (0.0, 0.01, 0.1, 0.5)]
    assert distances[0] < 1e-7
    assert distances == sorted(distances)
    assert distances[1] > 0.01


def test_spectral_distance_has_a_finite_gradient_at_silence_and_at_equality():
    for real, fake in [(np.zeros([1, 2048]), np.zeros([1, 2048])), (normal(1, 2048), normal(1, 2048))]:
        fake = tf.constant(fake, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(fake)
            loss = losses.spectral_distance(tf.constant(real, tf.float32), fake, 12.0)
        assert np.isfinite(tape.gradient(loss, fake)).all()


def test_feature_matching_by_hand():
    real = [tf.constant([1.0, -3.0]), tf.constant([10.0])]
    fake = [tf.constant([2.0, -3.0]), tf.constant([7.0])]
    expected = (0.5 / 2.001 + 3 / 10.001) / 2
    assert float(losses.feature_matching(real, fake)) == pytest.approx(expected)
    assert float(losses.feature_matching(real, real)) == 0


def test_features_of_different_numbers_of_heads_are_refused():
    one = [tf.zeros([1])]
    with pytest.raises(ValueError, match="zip"):
        losses.feature_matching(one, one * 2)
