"""The resonant phase head against a loop in NumPy, and the losses that teach it against hand arithmetic."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.audio import spectrogram
from musika_tf.autoencoder import losses
from musika_tf.autoencoder.level1 import PhaseResonators, _angle, _recurrence
from musika_tf.config import AutoencoderConfig

CONFIG = AutoencoderConfig(width=8, hop_length=32)


def unit(angle):
    return np.exp(1j * angle)


@pytest.mark.parametrize("n_steps", [1, 2, 5, 16, 17, 64, 300])
def test_the_recurrence_is_that_of_a_loop(n_steps):
    a = 0.9 * unit(tiny.normal(2, n_steps, 3, seed=1))
    b = tiny.normal(2, n_steps, 3, seed=2) + 1j * tiny.normal(2, n_steps, 3, seed=3)
    z, expected = np.zeros([2, 3], complex), []
    for t in range(n_steps):
        z = a[:, t] * z + b[:, t]
        expected.append(z)
    parts = [tf.constant(x, tf.float32) for x in (a.real, a.imag, b.real, b.imag)]
    real, imaginary = _recurrence(parts[:2], parts[2:])
    np.testing.assert_allclose(real.numpy() + 1j * imaginary.numpy(), np.stack(expected, axis=1), atol=1e-5)


def test_a_resonator_that_keeps_all_turns_by_the_frequency_of_its_bin():
    head = PhaseResonators(CONFIG)
    struck = tf.one_hot([0], 9)[..., None]  # [1, 9, 1]: something at the first frame, nothing after it
    head(struck)
    kernel, bias = (np.zeros_like(w) for w in head.numbers.get_weights())
    kernel[..., : CONFIG.n_bins] = 1.0  # its real part
    bias[2 * CONFIG.n_bins + head.n_resonant :] = 3.0  # kept: sigmoid(4)
    head.numbers.set_weights([kernel, bias])
    phase = head(struck).numpy()[0, :, : head.n_resonant] * np.pi
    turns = unit(phase[1:] - phase[:-1])
    wanted = unit(2 * np.pi * np.arange(head.n_resonant) * CONFIG.hop_length / CONFIG.fft_length)
    np.testing.assert_allclose(turns, np.repeat(wanted[None], 8, axis=0), atol=1e-3)


def test_the_angle_has_the_gradient_of_an_angle_and_a_finite_one_at_zero():
    x, y = tf.constant([0.6, 0.0]), tf.constant([0.8, 0.0])
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        angle = _angle(x, y)
    gradients = tape.gradient(angle, [x, y])
    assert angle.numpy()[0] == pytest.approx(math.atan2(0.8, 0.6), abs=1e-6)
    np.testing.assert_allclose([g.numpy()[0] for g in gradients], [-0.8 / 1.01, 0.6 / 1.01], atol=1e-6)
    assert np.isfinite([g.numpy()[1] for g in gradients]).all()


def spectrum_of(waveform):
    return spectrogram.stft(waveform, CONFIG)


def test_the_right_phase_costs_nothing_and_neither_does_a_constant_offset():
    spectrum = spectrum_of(tiny.normal(2, CONFIG.crop_samples(128)))
    phase = tf.math.angle(spectrum) / math.pi
    for offset in (0.0, 0.4):
        assert max(map(float, losses.phase_differences(spectrum, phase + offset, 64))) < 1e-5


def test_a_wrong_frequency_costs_along_time_alone():
    spectrum = spectrum_of(tiny.normal(2, CONFIG.crop_samples(128)))
    drift = 0.25 * tf.range(128, dtype=tf.float32)[:, None]  # a quarter of pi more each frame
    along_time, along_frequency = losses.phase_differences(spectrum, tf.math.angle(spectrum) / math.pi + drift, 64)
    assert float(along_time) == pytest.approx(1 - math.cos(math.pi / 4), abs=1e-4)
    assert float(along_frequency) < 1e-4


def test_a_wrong_delay_costs_along_frequency_alone():
    spectrum = spectrum_of(tiny.normal(2, CONFIG.crop_samples(64)))
    delay = 0.5 * tf.range(CONFIG.n_bins, dtype=tf.float32)
    along_time, along_frequency = losses.phase_differences(spectrum, tf.math.angle(spectrum) / math.pi + delay, 64)
    assert float(along_frequency) == pytest.approx(1.0, abs=1e-4)
    assert float(along_time) < 1e-4


def test_a_jump_at_the_seam_of_two_windows_is_free_and_elsewhere_it_is_not():
    spectrum = spectrum_of(tiny.normal(1, CONFIG.crop_samples(128)))
    phase = tf.math.angle(spectrum) / math.pi
    for place, free in ((64, True), (60, False)):
        jump = tf.cast(tf.range(128) >= place, tf.float32)[:, None]
        cost = float(losses.phase_differences(spectrum, phase + jump, 64)[0])
        assert (cost < 1e-5) == free
