import numpy as np
import pytest

from musika_tf.audio.channels import to_stereo


def noise(n_samples, n_channels):
    return np.random.default_rng(n_samples).uniform(-0.9, 0.9, (n_samples, n_channels)).astype(np.float32)


def test_mono_is_copied_and_stereo_kept():
    mono, stereo = noise(50, 1), noise(50, 2)
    np.testing.assert_array_equal(to_stereo(mono), np.concatenate([mono, mono], axis=1))
    np.testing.assert_array_equal(to_stereo(stereo), stereo)


def test_six_channels_follow_bs775():
    x = noise(50, 6).astype(np.float64)
    half_power, scale = np.sqrt(0.5), 1 / (1 + 2 * np.sqrt(0.5))
    left = (x[:, 0] + half_power * x[:, 2] + half_power * x[:, 4]) * scale
    right = (x[:, 1] + half_power * x[:, 2] + half_power * x[:, 5]) * scale
    np.testing.assert_allclose(to_stereo(x), np.stack([left, right], axis=1), atol=1e-6)


def test_many_channels_alternate():
    x = noise(50, 9)
    expected = np.stack([x[:, 0::2].mean(axis=1), x[:, 1::2].mean(axis=1)], axis=1)
    np.testing.assert_allclose(to_stereo(x), expected, atol=1e-6)


@pytest.mark.parametrize("n_channels", range(1, 12))
def test_never_clips_and_keeps_what_all_share(n_channels):
    np.testing.assert_allclose(to_stereo(np.ones([5, n_channels])), np.ones([5, 2]), atol=1e-6)


@pytest.mark.parametrize("n_channels", [3, 4, 5, 6, 7, 8, 10])
def test_sides_mirror(n_channels):
    left_only, right_only = np.zeros([2, 1, n_channels])
    left_only[0, 0] = right_only[0, 1] = 1
    np.testing.assert_array_equal(to_stereo(left_only), to_stereo(right_only)[:, ::-1])


def test_other_shapes_are_refused():
    for shape in [(5,), (5, 0), (1, 5, 2)]:
        with pytest.raises(ValueError, match="samples, channels"):
            to_stereo(np.zeros(shape))
