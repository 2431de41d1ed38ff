import dataclasses

import numpy as np
import pytest
import tiny

from musika_tf.audio import spectrogram
from musika_tf.config import GanTraining
from musika_tf.gan.latents import LatentPieces
from musika_tf.model.codec import Codec
from musika_tf.train import emphasis, gan

SIZE = tiny.AUTOENCODER.latent_size


def deaf_to(channels):
    """The tiny autoencoder, whose level 2 does not read these numbers."""
    autoencoder = tiny.autoencoder()
    for kernel in (autoencoder.decoder2.weights[0], autoencoder.decoder2.linear.kernel):
        value = kernel.numpy()
        assert value.shape[1] == SIZE
        value[:, channels] = 0.0
        kernel.assign(value)
    return Codec(autoencoder)


def test_a_number_that_nothing_reads_moves_nothing():
    codec, latents = deaf_to([1, 4]), tiny.normal(32, tiny.AUTOENCODER.latent_channels)
    moved = emphasis.moved(codec, latents, np.ones(latents.shape[1], np.float32))
    assert (moved[[1, 4]] == 0).all() and (np.delete(moved[:SIZE], [1, 4]) > 0).all()


def test_it_is_the_change_of_the_decoded_spectrogram():
    """Where a number's change is the same everywhere: its oracle is two decodings."""
    codec, latents = deaf_to([]), tiny.normal(32, tiny.AUTOENCODER.latent_channels)
    deviation = np.zeros(latents.shape[1], np.float32)
    deviation[2] = 0.5
    moved = emphasis.moved(codec, latents, deviation)
    signs = np.random.default_rng(0).choice(np.float32([-1, 1]), [32, 1])
    before, after = (
        spectrogram.log_magnitude(codec.decode(x, np.int64(0), 0.0).numpy().T, codec.config).numpy()
        for x in (latents, latents + signs * deviation)
    )
    bins = 1 / (1 + np.arange(codec.config.n_bins) * 1024 / codec.config.fft_length / 12)
    expected = np.sqrt(np.mean((after - before) ** 2 * bins / bins.mean()))
    np.testing.assert_allclose(moved[2], expected, rtol=1e-4)
    assert (np.delete(moved, 2) == 0).all()


@pytest.mark.parametrize(("exponent", "ratio"), [(0, 1), (0.5, 2), (1, 4)])
def test_scales(exponent, ratio):
    scales = emphasis.scales(np.array([4.0, 1.0, 1.0]), exponent)
    np.testing.assert_allclose([scales[0] / scales[1], np.mean(scales**2)], [ratio, 1], rtol=1e-6)
    assert emphasis.scales(np.array([1.0, 0.0]), 1)[1] > 0  # or the generator could never learn it


def test_the_gan_sees_them_left_and_right_alike():
    autoencoder = tiny.autoencoder(tiny.STACKED)
    latents = tiny.normal(40, tiny.STACKED.latent_channels)
    pieces = LatentPieces([latents], [], "", mirror=tiny.halves(latents.shape[1]))
    job = gan.Job(tiny.GAN, GanTraining(standardise=True, emphasis=1.0), "", "", 1)
    deviation = pieces.statistics()[1]
    left, right = np.split(gan._emphasis(job, autoencoder, pieces, deviation), 2)
    np.testing.assert_array_equal(left, right)
    assert left.std() > 0.05
    alike = dataclasses.replace(job, training=GanTraining(standardise=True))
    np.testing.assert_array_equal(gan._emphasis(alike, autoencoder, pieces, deviation), 1)


def test_excerpts_come_from_all_over():
    pieces = [np.full([n, 3], n, np.float32) for n in (20, 9, 5, 30)]
    chosen = emphasis.excerpts(pieces)
    assert set(chosen[:, 0]) == {20, 9, 5, 30} and chosen.shape[1] == 3
