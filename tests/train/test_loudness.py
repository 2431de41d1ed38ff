"""The axes of loudness, beside differences of what is decoded."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.stereo import layouts
from musika_tf.train import loudness


@pytest.mark.parametrize("config", [tiny.AUTOENCODER, tiny.STACKED])
def test_axes_are_those_along_which_frames_get_louder_soonest(config):
    autoencoder, size = tiny.autoencoder(config), config.latent_channels
    mean, deviation = tiny.normal(size, seed=1) / 10, 1 + np.abs(tiny.normal(size, seed=2)) / 4
    axes = loudness.axes(autoencoder, mean, deviation, size)
    np.testing.assert_allclose(axes.T @ axes, np.eye(size), atol=1e-5)

    middle, span = config.window_latents // 2, config.frames_per_latent

    def loudnesses(change):
        latents = np.tile(mean, (config.window_latents, 1))
        latents[middle] += change * deviation
        level1 = autoencoder.decode2(layouts.create(config).split(tf.constant(latents, tf.float32)))
        frames = np.mean(autoencoder.decode1(level1)[0].numpy().astype(np.float64), axis=-1)
        return frames[:, middle * span : (middle + 1) * span].ravel()

    moved = np.stack([(loudnesses(0.02 * axis) - loudnesses(-0.02 * axis)) / 0.04 for axis in axes.T])
    strengths = np.linalg.norm(moved, axis=1)
    assert strengths[0] > 0 and np.all(np.diff(strengths) <= 0.02 * strengths[0])
    few = loudness.axes(autoencoder, mean, deviation, 3)
    np.testing.assert_array_equal(few, axes[:, :3])


def test_where_stereo_lies_is_no_loudness():
    """Parametric stereo: pans and coherences move nothing, so axes are their own mirror images."""
    size = tiny.AUTOENCODER.latent_channels
    axes = loudness.axes(tiny.autoencoder(), np.zeros(size, np.float32), np.ones(size, np.float32), 2)
    assert np.abs(axes[tiny.AUTOENCODER.latent_size :]).max() == 0
