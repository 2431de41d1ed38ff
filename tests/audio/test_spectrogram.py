"""The spectrogram against NumPy and librosa, and the length law of a whole signal path."""

import librosa
import numpy as np
import pytest
import tensorflow as tf

from musika_tf.audio import spectrogram
from musika_tf.config import AutoencoderConfig

CONFIG = AutoencoderConfig()
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)  # periodic


def noise(*shape, seed=0):
    return (0.2 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def numpy_stft(x):
    starts = range(0, len(x) - 1024 + 1, 256)
    return np.stack([np.fft.rfft(x[s : s + 1024].astype(np.float64) * HANN) for s in starts])


# Analysis


def test_stft_is_that_of_numpy_and_librosa():
    x = noise(1024 + 256 * 9 + 100)
    ours = spectrogram.stft(x, CONFIG).numpy()
    np.testing.assert_allclose(ours, numpy_stft(x), atol=1e-4)
    theirs = librosa.stft(x, n_fft=1024, hop_length=256, window="hann", center=False)
    np.testing.assert_allclose(ours, theirs.T, atol=1e-4)


@pytest.mark.parametrize(("n_samples", "n_frames"), [(1023, 0), (1024, 1), (1279, 1), (1280, 2), (33_536, 128)])
def test_number_of_frames(n_samples, n_frames):
    assert spectrogram.stft(noise(2, n_samples), CONFIG).shape == [2, n_frames, 513]
    assert n_frames == 0 or CONFIG.crop_samples(n_frames) <= n_samples < CONFIG.crop_samples(n_frames + 1)


def test_log_magnitude_is_that_of_numpy():
    x = noise(2, 4096)
    power = np.abs(np.stack([numpy_stft(side) for side in x])) ** 2
    expected = (10 * np.log10(np.maximum(power, 1e-10)) + 25) / 75
    np.testing.assert_allclose(spectrogram.log_magnitude(x, CONFIG), expected, atol=2e-4)


def test_log_magnitude_of_silence_and_of_full_scale():
    np.testing.assert_allclose(
        spectrogram.log_magnitude(np.zeros([1024], np.float32), CONFIG), -np.ones([1, 513]), atol=1e-6
    )
    # A full-scale sine in a bin's middle: amplitude 1 * 512 / 2 of a Hann window, 48.2 dB.
    sine = np.sin(2 * np.pi * 32 * np.arange(1024) / 1024).astype(np.float32)
    loudest = spectrogram.log_magnitude(sine, CONFIG)[0, 32]
    assert float(loudest) == pytest.approx((20 * np.log10(256) + 25) / 75, abs=1e-5)


def test_log_magnitude_is_cut_at_the_floor():
    floored = spectrogram.log_magnitude(noise(8192) * 1e-3, CONFIG, floor=1e-3).numpy()
    assert floored.min() == pytest.approx((-30 + 25) / 75, abs=1e-6)
    exact = spectrogram.log_magnitude(noise(8192) * 1e-3, CONFIG).numpy()
    np.testing.assert_allclose(floored, np.maximum(exact, floored.min()), atol=1e-6)


@pytest.mark.parametrize(("n_samples", "size"), [(4096, 1024), (4095, 1024), (1024, 1024), (700, 128), (20_000, 4096)])
def test_power_spectrum_and_its_gradient_are_those_of_tensorflow(n_samples, size):
    x = tf.constant(noise(2, n_samples))
    results = []
    for function in (
        lambda x: spectrogram.power_spectrum(x, size),
        lambda x: spectrogram.power(tf.signal.stft(x, size, size // 4)),
    ):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
            loss = tf.reduce_sum(tf.math.log(y + 0.1) * noise(*y.shape, seed=1))
        results.append([y, tape.gradient(loss, x)])
    for mine, oracle in zip(*results, strict=True):
        assert mine.shape == oracle.shape
        np.testing.assert_allclose(mine, oracle, atol=1e-5 * np.abs(oracle).max())


# Synthesis


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4, 9])
def test_overlap_add_is_that_of_tensorflow(n_frames):
    frames = noise(2, n_frames, 1024)
    ours = spectrogram.overlap_add(frames, CONFIG.hop_length)
    assert ours.shape == [2, CONFIG.crop_samples(n_frames)]
    np.testing.assert_allclose(ours, tf.signal.overlap_and_add(frames, 256), atol=1e-6)


@pytest.mark.parametrize("n_first", [1, 2, 5])
def test_overlap_add_goes_on_from_what_came_before(n_first):
    frames = noise(2, 7, 1024)
    first = spectrogram.overlap_add(frames[:, :n_first], CONFIG.hop_length)
    rest = spectrogram.overlap_add(frames[:, n_first:], CONFIG.hop_length, first[:, -3 * 256 :])
    both = tf.concat([first[:, : -3 * 256], rest], axis=1)
    np.testing.assert_allclose(both, spectrogram.overlap_add(frames, CONFIG.hop_length), atol=1e-6)


@pytest.mark.parametrize("hop", [32, 256])
def test_the_synthesis_window_is_that_of_tensorflow(hop):
    expected = tf.signal.inverse_stft_window_fn(hop)(4 * hop, tf.float32)
    np.testing.assert_allclose(spectrogram.synthesis_window(AutoencoderConfig(hop_length=hop)), expected, atol=1e-6)


def test_inverse_is_that_of_tensorflow():
    rng = np.random.default_rng(3)
    magnitude = rng.uniform(-1, 0.3, [2, 12, 513]).astype(np.float32)
    phase = rng.uniform(-np.pi, np.pi, [2, 12, 513]).astype(np.float32)
    amplitude = np.sqrt(10 ** ((magnitude * 75 - 25) / 10) + 1e-7)
    window = tf.signal.inverse_stft_window_fn(256)
    theirs = tf.signal.inverse_stft(amplitude * np.exp(1j * phase), 1024, 256, 1024, window)
    ours = spectrogram.inverse(magnitude, np.cos(phase), np.sin(phase), CONFIG)
    np.testing.assert_allclose(ours, theirs, atol=1e-6 * np.abs(theirs).max())


def test_edge_sums_are_the_window_sums_of_numpy():
    inverse = HANN / np.sum(np.stack([np.roll(HANN, 256 * k) for k in range(4)]) ** 2, axis=0)
    total = np.zeros(256 * 8 + 1024)
    for start in range(0, 256 * 8 + 1, 256):
        total[start : start + 1024] += HANN * inverse
    np.testing.assert_allclose(total[768:-768], 1, atol=1e-12)
    first, last = spectrogram.edge_sums(CONFIG)
    np.testing.assert_allclose(first, np.maximum(total[:768], 1e-6), atol=1e-6)
    np.testing.assert_allclose(last, np.maximum(total[-768:], 1e-6), atol=1e-6)


@pytest.mark.parametrize("n_samples", [1, 4095, 4096, 4097, 20_000])
def test_true_magnitude_and_phase_give_the_waveform_back(n_samples):
    x = noise(2, n_samples)
    extended = spectrogram.extend(x, CONFIG)
    magnitude = spectrogram.log_magnitude(extended, CONFIG)
    phase = tf.math.angle(spectrogram.stft(extended, CONFIG))
    y = spectrogram.inverse(magnitude, tf.cos(phase), tf.sin(phase), CONFIG).numpy()
    first, last = spectrogram.edge_sums(CONFIG)
    y[:, :768] /= first
    y[:, -768:] /= last
    restored = y[:, 384:-384]
    assert restored.shape[1] % 4096 == 0
    np.testing.assert_allclose(restored[:, :n_samples], x, atol=1e-3)
    np.testing.assert_allclose(restored[:, n_samples:], 0, atol=1e-3)


# The length law


@pytest.mark.parametrize(("n_samples", "n_latents"), [(0, 0), (1, 1), (4095, 1), (4096, 1), (4097, 2), (50_000, 13)])
def test_extension_makes_16_frames_a_latent(n_samples, n_latents):
    x = noise(1, n_samples)
    extended = spectrogram.extend(x, CONFIG).numpy()
    assert extended.shape == (1, n_latents * 4096 + 768)
    np.testing.assert_array_equal(extended[:, 384 : 384 + n_samples], x)
    assert np.count_nonzero(extended) == np.count_nonzero(x)
    if n_latents:
        assert spectrogram.stft(extended, CONFIG).shape[1] == 16 * n_latents
