"""Parametric stereo against hand arithmetic: what is measured of two channels, and what one channel becomes."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.audio import spectrogram
from musika_tf.config import AutoencoderConfig
from musika_tf.stereo import layouts, parametric

CONFIG = AutoencoderConfig()  # the STFT of the reference: 513 bins, 16 bands
N = 6  # latents
BANDS = CONFIG.stereo_bands


def spectra(left, right):
    return spectrogram.stft(spectrogram.extend(np.stack([left, right]).astype(np.float32), CONFIG), CONFIG)


def noise(seed):
    return 0.1 * tiny.normal(N * CONFIG.samples_per_latent, seed=seed)


def measured(left, right):
    """Pans and coherences `[m, bands]`."""
    pan, likeness = np.split(parametric.analyse(spectra(left, right), CONFIG).numpy(), 2, axis=1)
    return pan, np.cos((1 - likeness) * np.pi / 2)


def two_channels(left, right):
    """Through the layout with a decoder that is perfect but for its phase: waveform `[samples, 2]`."""
    layout, both = layouts.create(CONFIG), spectra(left, right)
    latents = layout.joined(tf.zeros([1, N, CONFIG.latent_size]), both)
    latents = tf.concat([latents[:1], latents, latents[-1:]], axis=0)
    phase = tf.math.angle(both[:1] + 0.3 * both[1:])
    frames = spectrogram.synthesis_frames(
        layout.spread((layout.coded(both), tf.cos(phase), tf.sin(phase)), latents), CONFIG
    )
    whole = spectrogram.overlap_add(frames, CONFIG.hop_length).numpy().T
    return whole[CONFIG.edge_samples :][: N * CONFIG.samples_per_latent]


def decoded():
    """Magnitude, phase, and latents with a neighbour on either side, all drawn at random."""
    shape = 1, 16 * N, CONFIG.n_bins
    latents = np.clip(tiny.normal(N + 2, CONFIG.latent_channels, seed=4), -1, 1)
    return 0.3 * tiny.normal(*shape), np.clip(tiny.normal(*shape, seed=1), -1, 1), latents


@pytest.mark.parametrize("n_bands", [1, 2, 16, 64])
@pytest.mark.parametrize("hop", [32, 256])
def test_every_band_has_bins_and_every_bin_a_band(n_bands, hop):
    config = AutoencoderConfig(stereo_bands=n_bands, hop_length=hop)
    bands = parametric.band_of_bin(config)
    assert len(bands) == config.n_bins and set(np.diff(bands)) <= {0, 1}
    assert list(np.unique(bands)) == list(range(n_bands))


def test_a_panned_sound_has_the_pan_of_its_gains():
    x = noise(0)
    pan, coherence = measured(0.3 * x, 0.8 * x)
    np.testing.assert_allclose(pan, 4 / math.pi * math.atan2(0.8, 0.3) - 1, atol=1e-4)
    np.testing.assert_array_equal(coherence, 1.0)


def test_a_mix_has_the_coherence_of_its_shares():
    a, b = noise(0), noise(1)
    for share in (0.0, 0.4, 0.9):
        _, coherence = measured(a, share * a + math.sqrt(1 - share**2) * b)
        wide = coherence[:, BANDS // 2 :]  # many bins each
        assert np.abs(wide.mean() - share) < 0.05


def test_exchanged_channels_are_the_mirror_image():
    a, b = noise(0), noise(1)
    layout = layouts.create(CONFIG)
    coded = tf.constant(tiny.normal(1, N, CONFIG.latent_size))
    one, other = (layout.joined(coded, spectra(*sides)).numpy() for sides in ((a, 0.5 * a + b), (0.5 * a + b, a)))
    np.testing.assert_allclose(layout.mirror(one), other, atol=1e-6)
    np.testing.assert_array_equal(layout.coded(spectra(a, b)), layout.coded(spectra(b, a)))


def test_the_mirror_image_decodes_to_exchanged_magnitudes():
    layout = layouts.create(CONFIG)
    latents = np.clip(tiny.normal(N + 2, CONFIG.latent_channels, seed=4), -1, 1)
    phase = tiny.normal(1, 16 * N, CONFIG.n_bins)
    decoded = 0.3 * tiny.normal(1, 16 * N, CONFIG.n_bins), np.cos(phase), np.sin(phase)
    powers = []
    for z in (latents, layout.mirror(latents)):
        powers.append(spectrogram.power(layout.spread(decoded, tf.constant(z))).numpy())
    np.testing.assert_allclose(powers[0], powers[1][::-1], rtol=1e-4, atol=1e-9)


def test_mono_stays_exactly_mono():
    x = noise(0)
    y = two_channels(x, x)
    np.testing.assert_array_equal(y[:, 0], y[:, 1])
    assert np.abs(y[:, 0] - x)[1024:-1024].max() < 1e-3


def test_a_silent_channel_stays_silent_and_the_other_keeps_its_level():
    x = noise(0)
    y = two_channels(x, 0 * x)
    np.testing.assert_array_equal(y[:, 1], 0.0)
    assert np.abs(y[:, 0] - x)[1024:-1024].max() < 1e-3


def test_opposite_polarity_loses_less_than_half_a_decibel():
    x = noise(0)
    y = two_channels(x, -x)
    assert np.corrcoef(y.T)[0, 1] < -0.99
    lost = 20 * np.log10(np.std(x) / np.std(y, axis=0))
    assert np.all(np.abs(lost) < 0.5)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_what_is_decoded_has_the_correlation_and_the_levels_that_were_measured(share):
    a, b = noise(0), noise(1)
    left, right = a, 0.5 * (share * a + math.sqrt(1 - share**2) * b)
    y = two_channels(left, right)
    assert np.corrcoef(y.T)[0, 1] == pytest.approx(share, abs=0.08)
    assert 20 * np.log10(np.std(y[:, 0]) / np.std(y[:, 1])) == pytest.approx(20 * np.log10(2), abs=0.5)


def test_the_sum_of_both_channels_is_the_decoded_channel_times_a_positive_number():
    latents = np.clip(tiny.normal(N + 2, CONFIG.latent_channels, seed=4), -1, 1)
    phase = tiny.normal(1, 16 * N, CONFIG.n_bins)
    decoded = 0.3 * tiny.normal(1, 16 * N, CONFIG.n_bins), np.cos(phase), np.sin(phase)
    both = layouts.create(CONFIG).spread(decoded, latents).numpy().sum(axis=0)
    times = both / spectrogram.spectrum_of(*decoded).numpy()[0]
    assert np.abs(times.imag).max() < 1e-4 and times.real.min() > -1e-4


def test_parameters_move_in_straight_lines_between_the_centres_of_latents():
    steps = np.repeat(np.float32([0, 0, 1, 1])[:, None], 2 * BANDS, axis=1)
    frames = parametric._to_frames(tf.constant(steps), CONFIG).numpy()
    centres = (np.arange(32) + 0.5) / 16
    np.testing.assert_allclose(frames[:, 0], np.clip(centres - 0.5, 0, 1), atol=1e-6)
    np.testing.assert_array_equal(frames, np.repeat(frames[:, :1], 2 * BANDS, axis=1))
