"""The resonant phase head against a loop in NumPy, and the losses that teach it against hand arithmetic."""

import math

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.audio import spectrogram
from musika_tf.autoencoder import losses
from musika_tf.autoencoder.level1 import PhaseResonators, _recurrence, _unit
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
    cosine, sine = (x.numpy()[0, :, : head.n_resonant] for x in head(struck))
    direction = cosine + 1j * sine
    turns = direction[1:] / direction[:-1]
    wanted = unit(2 * np.pi * np.arange(head.n_resonant) * CONFIG.hop_length / CONFIG.fft_length)
    np.testing.assert_allclose(turns, np.repeat(wanted[None], 8, axis=0), atol=1e-3)


def test_a_direction_is_that_of_its_angle_at_any_length():
    angle, length = tiny.normal(1000), np.float32(10) ** np.linspace(-12, 12, 1000, dtype=np.float32)
    cosine, sine = _unit(tf.constant(length * np.cos(angle)), tf.constant(length * np.sin(angle)))
    np.testing.assert_allclose(cosine, np.cos(angle), atol=2e-3)
    np.testing.assert_allclose(sine, np.sin(angle), atol=2e-3)
    np.testing.assert_allclose(cosine**2 + sine**2, 1, atol=1e-6)
    assert [float(x) for x in _unit(tf.constant(0.0), tf.constant(0.0))] == [1.0, 0.0]


def test_a_direction_has_the_gradient_of_its_angle_and_a_finite_one_at_zero():
    x, y = tf.constant([3.0, 0.0]), tf.constant([4.0, 0.0])
    with tf.GradientTape() as tape:
        tape.watch([x, y])
        cosine, sine = _unit(x, y)
        loss = 2.0 * cosine + 5.0 * sine
    gradients = tape.gradient(loss, [x, y])
    to_angle = -2.0 * 0.8 + 5.0 * 0.6
    expected = [-to_angle * 4 / 25.01, to_angle * 3 / 25.01]
    np.testing.assert_allclose([g.numpy()[0] for g in gradients], expected, rtol=1e-5)
    assert np.isfinite([g.numpy()[1] for g in gradients]).all()


def parts(angle):
    return tf.cos(angle), tf.sin(angle)


def spectrum_of(waveform):
    return spectrogram.stft(waveform, CONFIG)


def test_the_right_phase_costs_nothing_and_neither_does_a_constant_offset():
    spectrum = spectrum_of(tiny.normal(2, CONFIG.crop_samples(128)))
    for offset in (0.0, 1.3):
        assert max(map(float, losses.phase_differences(spectrum, parts(tf.math.angle(spectrum) + offset), 64))) < 1e-5


def test_a_wrong_frequency_costs_along_time_alone():
    spectrum = spectrum_of(tiny.normal(2, CONFIG.crop_samples(128)))
    drift = math.pi / 4 * tf.range(128, dtype=tf.float32)[:, None]
    along_time, along_frequency = losses.phase_differences(spectrum, parts(tf.math.angle(spectrum) + drift), 64)
    assert float(along_time) == pytest.approx(1 - math.cos(math.pi / 4), abs=1e-4)
    assert float(along_frequency) < 1e-4


def test_a_wrong_delay_costs_along_frequency_alone():
    spectrum = spectrum_of(tiny.normal(2, CONFIG.crop_samples(64)))
    delay = math.pi / 2 * tf.range(CONFIG.n_bins, dtype=tf.float32)
    along_time, along_frequency = losses.phase_differences(spectrum, parts(tf.math.angle(spectrum) + delay), 64)
    assert float(along_frequency) == pytest.approx(1.0, abs=1e-4)
    assert float(along_time) < 1e-4


def test_a_jump_at_the_seam_of_two_windows_is_free_and_elsewhere_it_is_not():
    spectrum = spectrum_of(tiny.normal(1, CONFIG.crop_samples(128)))
    for place, free in ((64, True), (60, False)):
        jump = math.pi * tf.cast(tf.range(128) >= place, tf.float32)[:, None]
        cost = float(losses.phase_differences(spectrum, parts(tf.math.angle(spectrum) + jump), 64)[0])
        assert (cost < 1e-5) == free


def test_shares_of_a_batch_weigh_their_phase_differences_by_the_whole_batch():
    rows = tiny.normal(4, CONFIG.crop_samples(64)) * np.float32([[1.0], [0.1], [0.5], [2.0]])
    spectrum, wrong = spectrum_of(rows), parts(tf.constant(tiny.normal(4, 64, CONFIG.n_bins, seed=1)))
    whole = losses.phase_differences(spectrum, wrong, 64)
    shares = [(spectrum[i : i + 2], [part[i : i + 2] for part in wrong]) for i in (0, 2)]
    sizes = []
    for share in shares:
        losses.phase_differences(*share, 64, lambda found: sizes.append(found) or found)
    both = [sum(pair) / 2.0 for pair in zip(*sizes, strict=True)]
    of_shares = [losses.phase_differences(*share, 64, lambda _: both) for share in shares]
    for mine, first, second in zip(whole, *of_shares, strict=True):
        assert float(mine) == pytest.approx(float(first + second) / 2.0, rel=1e-5)
        assert float(first) != pytest.approx(float(second), rel=0.1)
