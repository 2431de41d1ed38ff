import numpy as np
import pytest

from musika_tf.evaluation import baselines

RATE = 44_100


def tones(seconds=2.0, seed=0):
    """A few decaying tones per channel at random times: float32 `[samples, 2]`."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * RATE)) / RATE
    waveform = np.zeros((len(t), 2))
    for _ in range(12):
        since, frequency, side = t - rng.uniform(0, seconds * 0.8), rng.uniform(80, 2000), rng.integers(2)
        envelope = np.where(since > 0, np.exp(-8 * np.maximum(since, 0)), 0)
        waveform[:, side] += 0.2 * envelope * np.sin(2 * np.pi * frequency * since)
    return waveform.astype(np.float32)


def error_db(waveform, reference):
    return 10 * np.log10(np.mean((waveform - reference) ** 2) / np.mean(reference**2))


def magnitude_error(waveform, reference):
    """Spectral convergence: relative error of the linear magnitudes."""
    a, b = (10 ** (75 / 20 * baselines.log_magnitude(x)) for x in (waveform, reference))
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize("n", [RATE, 4096 * 10, 4096 * 10 + 1])
def test_log_magnitude_has_sixteen_frames_per_latent(n):
    assert baselines.log_magnitude(tones(2)[:n]).shape == (2, 16 * -(-n // 4096), 513)


def test_random_phase_keeps_level_and_length_and_loses_the_waveform():
    waveform = tones()
    magnitude = baselines.log_magnitude(waveform)
    other = baselines.random_phase(magnitude, len(waveform))
    assert other.shape == waveform.shape and other.dtype == np.float32
    assert error_db(other, waveform) > -3
    assert np.abs(np.corrcoef(other.T, waveform.T)[:2, 2:]).max() < 0.2
    np.testing.assert_array_equal(other, baselines.random_phase(magnitude, len(waveform)))
    assert not np.allclose(other, baselines.random_phase(magnitude, len(waveform), seed=1))


def test_griffin_lim_comes_nearer_to_the_magnitudes_with_every_round():
    waveform = tones(1)
    magnitude = baselines.log_magnitude(waveform)
    errors = [
        magnitude_error(baselines.griffin_lim(magnitude, len(waveform), iterations=n), waveform) for n in (1, 4, 32)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.2 < magnitude_error(baselines.random_phase(magnitude, len(waveform)), waveform)


def test_griffin_lim_is_aligned_and_keeps_sides():
    waveform = np.zeros((RATE, 2), np.float32)
    waveform[20_000:20_400, 1] = 0.5
    other = baselines.griffin_lim(baselines.log_magnitude(waveform), len(waveform))
    energy = other[:, 1] ** 2
    assert other.shape == waveform.shape
    assert abs(np.average(np.arange(RATE), weights=energy) - 20_200) < 64
    assert np.abs(other[:, 0]).max() < 0.01


@pytest.mark.parametrize(("kilobits", "most_db"), [(32, -10), (64, -13), (320, -20)])
@pytest.mark.parametrize("n", [50_000, 1152 * 40, 70_001])
def test_mp3_is_aligned_and_has_its_length(kilobits, most_db, n):
    waveform = tones()[:n]
    other = baselines.mp3(waveform, kilobits)
    assert other.shape == waveform.shape and other.dtype == np.float32
    assert error_db(other, waveform) < most_db


@pytest.mark.parametrize("kilobits", [32, 64, 128])
def test_mp3_has_its_bit_rate(kilobits):
    waveform = tones(10)
    # Three frames more than the sound: header, encoder delay, padding.
    assert len(baselines.mp3_bytes(waveform, kilobits)) * 8 / 10 == pytest.approx(kilobits * 1000, rel=0.012)


def test_mp3_rejects_other_rates():
    with pytest.raises(ValueError, match="320"):
        baselines.mp3(tones(0.5), 33)
