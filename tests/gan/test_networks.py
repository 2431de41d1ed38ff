"""Generator, critic and the pair: sizes, the levels of the coordinates, noise, and the standardiser."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
from tiny import normal

from musika_tf.config import GanConfig
from musika_tf.gan.critic import Critic, contrast
from musika_tf.gan.generator import Generator
from musika_tf.gan.model import Gan, Standardiser

CHEAP = sorted(
    {config for path in tiny.PRESETS if (config := tiny.preset(path, GanConfig)).width <= 64},
    key=lambda config: config.width,
)


def test_reference_generator_has_the_published_number_of_parameters():
    config = tiny.preset("flags/reference.flags", GanConfig)
    generator = Generator(config, 128)
    assert generator(tf.zeros([1, 128, 128]), tf.zeros([1, 372])).shape == [1, 128, 128]
    assert generator.count_params() == 15_499_530


def test_reference_critic_has_the_published_number_of_parameters():
    critic = Critic(tiny.preset("flags/reference.flags", GanConfig))
    (score,) = critic(tf.zeros([2, 256, 128]))
    assert score.shape == [2, 1]
    assert critic.count_params() == 20_786_689


@pytest.mark.parametrize("config", CHEAP, ids=lambda config: f"width{config.width}")
def test_every_cheap_preset_builds_and_runs(config):
    gan = Gan.create(config, 128, 11, noise_scale=0.25)
    for a, b in zip(gan.generator.get_weights(), gan.averaged.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    scales = np.concatenate([np.ravel(v) for v in tiny.noise_scales(gan.generator)])
    assert np.linalg.norm(scales) == pytest.approx(0.25 * (len(scales) / config.noise_values) ** 0.5, rel=0.1)
    coordinates, noise = normal(2, config.window, config.coordinate_size + 11), normal(2, gan.noise_size, seed=1)
    latents = gan.generate(coordinates, noise)
    assert latents.shape == [2, config.window, 128]
    for i in range(2):  # windows are generated independently
        np.testing.assert_allclose(gan.generate(coordinates[i : i + 1], noise[i : i + 1])[0], latents[i], atol=1e-4)
    scores = gan.critic(normal(3, config.critic_window, 128 + 11))
    assert all(score.shape[0] == 3 and len(score.shape) == 2 for score in scores)
    assert len(scores) == (6 if config.patch_critic else 1)  # five blocks and the end
    for x in (latents, *scores):
        assert np.isfinite(x).all()
        assert np.std(x) > 0


# The generator


def test_noise_layers_have_the_steps_of_their_levels():
    steps = [4, 4, 4, 8, 8, 16, 16, 32, 32, 64]
    assert sum(tiny.gan().generator.noise_sizes) == tiny.gan().noise_size
    assert tiny.gan().generator.noise_sizes == steps
    eight = Generator(GanConfig(width=2, window=64, noise_values=8), 24)
    assert eight.noise_sizes == [8 * n for n in steps]


def test_each_layer_gets_its_own_share_of_the_noise():
    generator = tiny.gan(noise_scale=0.0).generator
    steps = generator.noise_sizes
    layer_of_value = np.repeat(np.arange(len(steps)), steps)
    shares = np.stack([np.where(layer_of_value == i, normal(sum(steps)), 0) for i in range(len(steps))])
    x = np.repeat(normal(1, 64, 8), len(steps), axis=0)
    quiet = generator(x).numpy()
    np.testing.assert_array_equal(generator(x, shares), quiet)
    scales = tiny.noise_scales(generator)
    for i, scale in enumerate(scales):
        scale.assign(1.0)
        moved = np.abs(generator(x, shares) - quiet).max(axis=(1, 2)) > 1e-5
        np.testing.assert_array_equal(np.flatnonzero(moved), [i])
        scale.assign(0.0)
    assert len(scales) == len(steps)


def test_each_level_sees_the_coordinates_at_its_own_resolution():
    # Fast wiggles average out at every level but the last: p0 alone sees them.
    generator = tiny.gan(noise_scale=0.0).generator
    x = normal(1, 64, 8)
    wiggle = x + 0.5 * np.array([1, -1] * 32, np.float32)[None, :, None]
    other = x + 0.5
    last = generator.last.adain.to_scale
    last.set_weights([0 * w if w.ndim == 3 else w for w in last.get_weights()])  # blind to p0
    np.testing.assert_allclose(generator(wiggle), generator(x), atol=1e-5)
    assert np.abs(generator(other) - generator(x)).max() > 1e-3


# The critic


def test_published_critic_is_one_score_of_all():
    critic = Critic(GanConfig(critic_width=2, window=64))
    x = normal(2, 128, 6)
    (score,) = critic(x)
    assert score.shape == [2, 1]
    with tf.GradientTape() as tape:
        x = tf.constant(x)
        tape.watch(x)
        (score,) = critic(x)
    assert (np.abs(tape.gradient(score, x)).max(axis=(0, 2)) > 0).all()  # every step counts


def test_patch_critic_scores_neighbourhoods_at_every_depth():
    critic = Critic(GanConfig(critic_width=2, window=64, patch_critic=True))
    x = normal(1, 128, 6)
    scores = critic(x)
    assert [score.shape[1] for score in scores] == [32, 16, 8, 4, 4]
    late = x.copy()
    late[:, -1] += 1.0
    first, last = [np.abs(a - b) for a, b in zip(critic(late)[0], scores[0], strict=True)][0][[0, -1]]
    assert first == 0 < last


def test_contrast_is_the_distance_of_the_windows_place_by_place():
    x = normal(2, 128, 6)
    for channel, n_steps in enumerate((4, 16)):
        means = x.reshape(2, 2, -1, n_steps, 6).mean(axis=3)  # item, window, place
        apart = np.sqrt(np.square(means[:, 0] - means[:, 1]).mean(axis=-1) + 1e-4)
        expected = np.tile(np.repeat(apart, n_steps, axis=1), (1, 2))
        np.testing.assert_allclose(contrast(x)[..., channel], expected, rtol=1e-5)


def test_a_patch_critic_sees_both_windows_by_their_contrast():
    x = normal(1, 128, 6)
    late = x.copy()
    late[:, -1] += 1.0
    for seen in (False, True):
        critic = Critic(GanConfig(critic_width=2, window=64, patch_critic=True, critic_contrast=seen))
        moved = np.abs(critic(late)[0] - critic(x)[0])[0]
        assert moved[-1] > 0.0 and (moved[31 // 2] > 0.0) == seen and moved[4] == 0.0


# Standardiser


def test_standardiser_is_inverted():
    standardiser = Standardiser(3)
    x = normal(4, 5, 3)
    np.testing.assert_array_equal(standardiser.standardise(x), x)
    standardiser.fit([1.0, -2.0, 0.0], [2.0, 0.5, 0.0])
    np.testing.assert_allclose(standardiser.standardise(x)[..., :2], (x[..., :2] - [1, -2]) / [2, 0.5], rtol=1e-5)
    np.testing.assert_allclose(standardiser.restore(standardiser.standardise(x)), x, atol=1e-5)
    assert np.isfinite(standardiser.standardise(x)).all()  # a channel that never moves


def test_generate_is_the_average_at_the_latents_own_scale():
    gan = tiny.gan()
    tiny.scramble(gan.generator, seed=5)  # not what generates
    x, noise = normal(2, 64, 8), normal(2, gan.noise_size, seed=1)
    raw = gan.averaged(x, noise).numpy()
    expected = raw * gan.standardiser.deviation.numpy() + gan.standardiser.mean.numpy()
    np.testing.assert_allclose(gan.generate(x, noise), expected, atol=1e-6)
    assert np.abs(raw - expected).max() > 0.1
