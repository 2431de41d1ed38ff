"""The linear paths start as principal components: what an independent decomposition of the same music gives."""

import dataclasses

import numpy as np
import pytest
import tiny

from musika_tf.autoencoder import losses, principal
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.config import AutoencoderConfig

CONFIG = dataclasses.replace(tiny.AUTOENCODER, level1_size=5)
N_BINS, WINDOW, SPAN = CONFIG.n_bins, CONFIG.window_frames, CONFIG.frames_per_latent
WEIGHTS = losses.frequency_weights(N_BINS, CONFIG.fft_length, 12.0).numpy()


@pytest.fixture
def spectra():
    """Magnitudes [3, 4 windows, bins] that a few components explain, and a little that they don't."""
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((3, 4 * WINDOW, 8)) * 0.5 ** np.arange(8)
    shapes = np.linalg.qr(rng.standard_normal((N_BINS, 8)))[0]
    noise = 1e-3 * rng.standard_normal((3, 4 * WINDOW, N_BINS))
    return (sources @ shapes.T + noise + np.linspace(0.2, -0.6, N_BINS)).astype(np.float32) * 0.2


@pytest.fixture
def autoencoder(spectra):
    """Fresh networks started from the spectra, in two blocks each."""
    autoencoder = Autoencoder.create(CONFIG)
    principal.start_level1(autoencoder, [spectra[:1], spectra[1:]], WEIGHTS)
    level1 = autoencoder.encode1(spectra).numpy()
    principal.start_level2(autoencoder, [level1[:2], level1[2:]])
    return autoencoder


def projected(rows, n, scale=1.0):
    """Rows [m, size] on their first n principal components, computed by SVD; `scale` weighs the columns."""
    mean = rows.mean(axis=0)
    basis = np.linalg.svd((rows - mean) * scale, full_matrices=False)[2][:n]
    return (rows - mean) * scale @ basis.T @ basis / scale + mean


def test_level1_starts_as_the_weighted_components_of_the_spectra(autoencoder, spectra):
    oracle = projected(spectra.reshape(-1, N_BINS).astype(np.float64), CONFIG.level1_size, np.sqrt(WEIGHTS))
    found, *_ = autoencoder.decode1(autoencoder.encode1(spectra))
    # Between the two lies the encoder's tanh, which a deviation of 0.5 makes felt on the first component alone.
    latents = np.arctanh(autoencoder.encode1(spectra).numpy())
    exact = latents @ autoencoder.decoder1.linear.kernel.numpy()[0] + autoencoder.decoder1.magnitude_out.bias.numpy()
    np.testing.assert_allclose(exact.reshape(-1, N_BINS), oracle, atol=1e-4)
    error, whole = np.mean(np.abs(found.numpy() - spectra)), np.mean(np.abs(spectra - spectra.mean(axis=(0, 1))))
    assert error < 0.15 * whole


def test_level1s_deviations_are_the_roots_of_the_components_own(autoencoder, spectra):
    scaled = spectra.reshape(-1, N_BINS) * np.sqrt(WEIGHTS)
    sizes = np.linalg.svd(scaled - scaled.mean(axis=0), compute_uv=False)[: CONFIG.level1_size]
    before_tanh = np.arctanh(autoencoder.encode1(spectra).numpy())
    deviations = before_tanh.std(axis=(0, 1))
    np.testing.assert_allclose(deviations, principal.LARGEST_1 * np.sqrt(sizes / sizes[0]), rtol=1e-3)


def test_level2_starts_as_the_components_of_what_moves_the_spectrum(autoencoder, spectra):
    level1 = autoencoder.encode1(spectra).numpy()
    together = level1.reshape(-1, SPAN * CONFIG.level1_size).astype(np.float64)
    moved = np.linalg.norm(autoencoder.decoder1.linear.kernel.numpy()[0], axis=1)
    oracle = projected(together, CONFIG.latent_size, np.tile(moved, SPAN))
    latents = np.arctanh(autoencoder.encode2(level1).numpy())
    np.testing.assert_allclose(latents.std(axis=(0, 1)), principal.EACH_2, rtol=1e-3)
    linear = latents @ autoencoder.decoder2.linear.kernel.numpy()[0]
    means = (together - linear.reshape(together.shape)).mean(axis=0)
    np.testing.assert_allclose(linear.reshape(together.shape), oracle - means, atol=1e-4)
    np.testing.assert_allclose(autoencoder.decoder2.out.bias.numpy(), means.reshape(SPAN, -1).mean(axis=0), atol=1e-4)


def test_silence_and_more_numbers_than_bins_give_finite_weights():
    config = AutoencoderConfig(width=8, hop_length=2, latent_size=40, level1_size=8, stereo_bands=1)  # 5 bins
    autoencoder = Autoencoder.create(config)
    silence = np.full((1, config.window_frames, config.n_bins), -1.0, np.float32)
    principal.start_level1(autoencoder, [silence], np.ones(config.n_bins))
    principal.start_level2(autoencoder, [autoencoder.encode1(silence).numpy()])
    weights = [w for network in autoencoder.networks.values() for w in network.get_weights()]
    assert all(np.isfinite(w).all() for w in weights)
    assert max(np.abs(w).max() for w in weights) < 1e4
    np.testing.assert_allclose(autoencoder.reconstruct(np.zeros([1, 134], np.float32), 2)[0], -1.0, atol=1e-3)


def test_without_linear_paths_there_are_none():
    config = dataclasses.replace(CONFIG, linear_paths=False)
    published, ours = Autoencoder.create(config), Autoencoder.create(CONFIG)
    for name, network in published.networks.items():
        assert network.linear is None
        path = ours.networks[name].linear
        assert ours.networks[name].count_params() == network.count_params() + path.count_params()
