"""The four networks: sizes, windows that don't see their neighbours, and where the noise goes."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
import tiny
from tiny import noise_scales, normal

from musika_tf.autoencoder.level1 import Decoder1, Encoder1
from musika_tf.autoencoder.level2 import Decoder2, Encoder2
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.config import AutoencoderConfig

CONFIG = tiny.AUTOENCODER
FRAMES, LATENTS = CONFIG.window_frames, CONFIG.window_latents
EIGHT = dataclasses.replace(tiny.preset("flags/paper22k.flags", AutoencoderConfig), width=8)  # frames a latent
CHEAP = sorted(
    {config for path in tiny.PRESETS if (config := tiny.preset(path, AutoencoderConfig)).width <= 128} | {EIGHT},
    key=lambda config: config.width,
)


@pytest.fixture
def autoencoder():
    return tiny.autoencoder()


# Sizes


@pytest.mark.parametrize(
    ("network", "n_parameters"),
    [(Encoder1, 4_790_336), (Decoder1, 12_673_291), (Encoder2, 3_984_960), (Decoder2, 6_639_303)],
)
def test_reference_has_the_published_number_of_parameters(network, n_parameters):
    config = AutoencoderConfig(latent_size=64, **tiny.PUBLISHED)
    model = network(config)
    inputs = {
        Encoder1: ([1, 1, config.n_bins], None),
        Decoder1: ([1, 64, config.level1_size], [1, 328]),
        Encoder2: ([1, 16, config.level1_size], None),
        Decoder2: ([1, 4, config.latent_size], [1, 148]),
    }
    model(*[tf.zeros(shape) for shape in inputs[network] if shape])
    assert model.count_params() == n_parameters
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == n_parameters


@pytest.mark.parametrize("config", CHEAP, ids=lambda config: f"width{config.width}")
def test_every_cheap_preset_builds_and_runs(config):
    model = Autoencoder.create(config)
    frames = config.window_frames
    level1 = model.encode1(normal(1, frames, config.n_bins))
    latents = model.encode2(level1)
    restored = model.decode2(latents)
    magnitude, cosine, sine = model.decode1(restored)
    assert level1.shape == restored.shape == [1, frames, config.level1_size]
    assert latents.shape == [1, frames // config.frames_per_latent, config.latent_size]
    assert magnitude.shape == cosine.shape == sine.shape == [1, frames, config.n_bins]
    assert all(scale.numpy() == 0 for network in (model.decoder1, model.decoder2) for scale in noise_scales(network))
    np.testing.assert_allclose(cosine**2 + sine**2, 1, atol=1e-5)
    for x in (level1, latents, restored, magnitude, sine):
        assert np.isfinite(x).all()
        assert np.std(x) > 0


# Values


def test_latents_and_spectra_stay_in_range(autoencoder):
    loud = 100 * normal(2, FRAMES, CONFIG.n_bins)
    level1 = autoencoder.encode1(loud)
    latents = autoencoder.encode2(level1)
    for x in (level1, latents, *autoencoder.decode1(100 * normal(2, FRAMES, CONFIG.level1_size))):
        assert np.abs(x).max() <= 1 + 1e-6
    assert np.abs(autoencoder.decode1(100 * normal(2, FRAMES, CONFIG.level1_size))[0]).max() == 1


def test_identity_is_that_of_the_encoders_alone(autoencoder):
    before = autoencoder.identity()
    assert len(before) == 12
    for name in ("decoder1", "decoder2"):
        for v in autoencoder.networks[name].weights:
            v.assign_add(tf.ones_like(v))
    assert autoencoder.identity() == before
    for name in ("encoder1", "encoder2"):
        for v in autoencoder.networks[name].weights[:2] + autoencoder.networks[name].weights[-1:]:
            old = v.numpy()
            v.assign_add(tf.ones_like(v) * 1e-3)
            assert autoencoder.identity() != before
            v.assign(old)
    assert autoencoder.identity() == before


# Windows


def test_encoder1_sees_one_frame_at_a_time(autoencoder):
    frames = normal(1, 10, CONFIG.n_bins)
    whole = autoencoder.encode1(frames).numpy()
    for i in (0, 4, 9):
        np.testing.assert_allclose(autoencoder.encode1(frames[:, i : i + 1])[:, 0], whole[:, i], atol=1e-6)
    assert np.abs(np.diff(whole, axis=1)).max() > 0.01


def changed_steps(function, x, where):
    """Which steps of `function(x)` `[1, steps, channels]` move when `x` changes at `where`."""
    other = x.copy()
    other[:, where] += 1.0
    return np.flatnonzero(np.abs(function(x).numpy() - function(other).numpy()).max(axis=(0, 2)) > 1e-6)


@pytest.mark.parametrize("frame", [0, 15, 16, 40, 63])
def test_encoder2_makes_one_latent_of_sixteen_frames(autoencoder, frame):
    level1 = normal(1, 64, CONFIG.level1_size)
    np.testing.assert_array_equal(changed_steps(autoencoder.encode2, level1, frame), [frame // 16])


def test_eight_frames_make_a_latent_too():
    networks = tiny.autoencoder(EIGHT)
    level1, latents = normal(1, 64, EIGHT.level1_size), normal(1, 16, EIGHT.latent_size)
    for frame in (0, 7, 8, 63):
        np.testing.assert_array_equal(changed_steps(networks.encode2, level1, frame), [frame // 8])
    changed = set(changed_steps(networks.decode2, latents, 9))
    assert set(range(72, 80)) <= changed <= set(range(64, 128))


@pytest.mark.parametrize("latent", [0, 3, 4, 11])
def test_decoder2_window_does_not_see_its_neighbours(autoencoder, latent):
    latents = normal(1, 3 * LATENTS, CONFIG.latent_size)
    changed = changed_steps(autoencoder.decode2, latents, latent)
    window = latent // LATENTS
    assert set(changed) <= set(range(window * FRAMES, (window + 1) * FRAMES))
    assert set(changed) >= set(range(latent * 16, latent * 16 + 16))


@pytest.mark.parametrize("frame", [0, 63, 64, 130])
@pytest.mark.parametrize("output", [0, 1, 2])
def test_decoder1_window_does_not_see_its_neighbours(autoencoder, frame, output):
    level1 = normal(1, 3 * FRAMES, CONFIG.level1_size)
    changed = changed_steps(lambda x: autoencoder.decode1(x)[output], level1, frame)
    window = frame // FRAMES
    assert set(changed) <= set(range(window * FRAMES, (window + 1) * FRAMES))
    assert frame in changed


def test_batches_and_windows_are_not_mixed_up(autoencoder):
    level1, latents = normal(2, 2 * FRAMES, CONFIG.level1_size), normal(2, 2 * LATENTS, CONFIG.latent_size)
    noise1, noise2 = (normal(4, size, seed=2) for size in autoencoder.decoder_noise_sizes())
    whole = autoencoder.decode1(level1, noise1)
    restored = autoencoder.decode2(latents, noise2)
    for item, window in itertools.product(range(2), range(2)):
        span, row = slice(window * FRAMES, (window + 1) * FRAMES), 2 * item + window
        alone = autoencoder.decode1(level1[item : item + 1, span], noise1[row : row + 1])
        for x, y in zip(alone, whole, strict=True):
            np.testing.assert_allclose(x[0], y[item, span], atol=1e-5)
        four = latents[item : item + 1, window * LATENTS : (window + 1) * LATENTS]
        np.testing.assert_allclose(autoencoder.decode2(four, noise2[row : row + 1])[0], restored[item, span], atol=1e-5)


# Noise


@pytest.mark.parametrize("name", ["decoder1", "decoder2"])
def test_scales_of_zero_make_noise_irrelevant(name):
    network = tiny.autoencoder(noise_scale=0.0).networks[name]
    x = normal(2, *((FRAMES, CONFIG.level1_size) if name == "decoder1" else (LATENTS, CONFIG.latent_size)))
    noise = normal(2, sum(network.noise_steps), seed=1)
    with_noise, without = tf.nest.flatten(network(x, noise)), tf.nest.flatten(network(x))
    for a, b in zip(with_noise, without, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(noise_scales(network)) == len(network.noise_steps)
    for scale in noise_scales(network):
        scale.assign(0.1)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(tf.nest.flatten(network(x, noise)), without, strict=True))


@pytest.mark.parametrize("name", ["decoder1", "decoder2"])
def test_each_layer_gets_its_own_share_of_the_noise(name):
    network = tiny.autoencoder(noise_scale=0.0).networks[name]
    steps = network.noise_steps
    layer_of_value = np.repeat(np.arange(len(steps)), steps)
    shares = np.stack([layer_of_value == i for i in range(len(steps))]).astype(np.float32)
    x = normal(1, *((FRAMES, CONFIG.level1_size) if name == "decoder1" else (LATENTS, CONFIG.latent_size)))
    x = np.repeat(x, len(steps), axis=0)
    quiet = tf.nest.flatten(network(x))
    for i, scale in enumerate(noise_scales(network)):
        scale.assign(0.5)
        noisy = tf.nest.flatten(network(x, shares))
        moved = np.max([np.abs(a - b).max(axis=(1, 2)) for a, b in zip(noisy, quiet, strict=True)], axis=0) > 1e-5
        np.testing.assert_array_equal(np.flatnonzero(moved), [i])
        scale.assign(0.0)
