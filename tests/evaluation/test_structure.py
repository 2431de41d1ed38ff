import numpy as np
import pytest

from musika_tf.config import AutoencoderConfig
from musika_tf.evaluation import structure
from musika_tf.evaluation.baselines import log_magnitude

RATE = 44_100


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# pulse_strength


def clicks(bpm, seconds=30):
    waveform = np.zeros((seconds * RATE, 2), np.float32)
    waveform[(np.arange(0, seconds, 60 / bpm) * RATE).astype(int)] = 1
    return waveform


@pytest.mark.parametrize("bpm", [93.7, 132, 160.3])
def test_pulse_of_clicks_is_one_at_the_beat_and_absent_elsewhere(bpm):
    assert structure.pulse_strength(clicks(bpm), bpm) > 0.95
    assert structure.pulse_strength(clicks(bpm)) > 0.95
    assert structure.pulse_strength(clicks(bpm), bpm * 1.15) < 0.05
    assert structure.pulse_strength(clicks(bpm), bpm / 1.15) < 0.05


def test_pulse_of_noise_and_silence_is_zero():
    white = (0.1 * noise(60 * RATE, 2)).astype(np.float32)
    assert abs(structure.pulse_strength(white, 130)) < 0.06
    assert structure.pulse_strength(white) < 0.1
    assert structure.pulse_strength(np.zeros((6 * RATE, 2), np.float32)) == 0


def test_pulse_does_not_depend_on_level_and_falls_with_random_onsets():
    steady = clicks(120)
    assert structure.pulse_strength(0.1 * steady, 120) == pytest.approx(structure.pulse_strength(steady, 120), abs=0.05)
    random = np.zeros_like(steady)
    random[np.random.default_rng(0).integers(0, len(random), 60)] = 1
    assert structure.pulse_strength(random, 120) < 0.2


def test_pulse_rejects_less_than_four_beats():
    with pytest.raises(ValueError, match="four beats"):
        structure.pulse_strength(clicks(120, seconds=3))


# seams, level


def test_flux_is_the_change_of_the_whole_spectrogram(monkeypatch):
    monkeypatch.setattr(structure, "_FRAMES_AT_ONCE", 7)
    waveform = noise(50 * 256, 2).astype(np.float32)
    expected = np.abs(np.diff(log_magnitude(waveform), axis=1)).mean(axis=(0, 2))
    np.testing.assert_allclose(structure._flux(waveform, AutoencoderConfig()), expected, rtol=1e-5)


def test_seam_ratio_by_hand(monkeypatch):
    # Frames 1 to 255 change by 0.1, each 64th by 0.3.
    flux = np.where(np.arange(1, 256) % 64 == 0, 0.3, 0.1)
    monkeypatch.setattr(structure, "_flux", lambda waveform, config: flux)
    for window, expected in ((64, 3), (128, 0.3 / ((252 * 0.1 + 2 * 0.3) / 254))):
        decoder = AutoencoderConfig(window_frames=window)
        assert structure.seam_ratio(np.zeros([1, 2]), decoder) == pytest.approx(expected)


@pytest.mark.parametrize(("rate", "window"), [(44_100, 64), (44_100, 128), (22_050, 64)])
def test_a_level_that_jumps_is_heard_where_the_decoders_windows_meet(rate, window):
    decoder = AutoencoderConfig(sample_rate=rate, window_frames=window)
    samples = window * 256 * 44_100 // rate
    waveform = 0.1 * noise(12 * samples, 2).astype(np.float32)
    assert structure.seam_ratio(waveform, decoder) == pytest.approx(1, abs=0.1)
    for offset, is_seamy in ((0, True), (samples // 2, False)):
        is_loud = (np.arange(len(waveform)) + offset) // samples % 2
        gain = np.where(is_loud, 1, 0.01)[:, None].astype(np.float32)
        ratio = structure.seam_ratio(waveform * gain, decoder)
        assert (ratio > 1.2) == is_seamy, (offset, ratio)


@pytest.mark.parametrize("waveform", [0.1 * noise(60 * 256, 2), np.zeros([200 * 256, 2])], ids=["short", "silent"])
def test_what_has_no_seam_has_no_ratio(waveform):
    assert structure.seam_ratio(waveform.astype(np.float32), AutoencoderConfig()) is None


def test_level_and_silence_by_hand():
    waveform = np.zeros((RATE, 2), np.float32)
    waveform[: RATE // 2] = [0.5, -0.5]
    waveform[100] = [0, 1.5]
    assert structure.peak(waveform) == 1.5
    assert structure.loudness(waveform[101 : RATE // 2]) == pytest.approx(-6.0206, abs=1e-4)
    assert structure.loudness(0 * waveform) == -120
    assert structure.longest_silence_seconds(waveform) == 0.5
    assert structure.longest_silence_seconds(waveform, threshold_db=0) == pytest.approx((RATE - 101) / RATE)
    waveform[3 * RATE // 4, 1] = 0.0011  # one sample above -60 dB in one channel
    assert structure.longest_silence_seconds(waveform) == 0.25
    assert structure.longest_silence_seconds(0 * waveform) == 1


# loudness over time


def noise_at(levels_db, seconds_each=1):
    """Noise of RMS `levels_db`, one after the other, `[samples, 2]`."""
    gains = np.repeat(10 ** (np.array(levels_db) / 20), seconds_each * RATE)
    signs = np.where(noise(len(gains), 2) > 0, 1, -1)  # of RMS 1 in every window
    return (signs * gains[:, None]).astype(np.float32)


def test_short_term_loudness_by_hand():
    levels = structure.short_term_loudness(noise_at([-20, -20, -20, -10, -10, -10]))
    two_of_three, one_of_three = 10 * np.log10((2 * 0.1 + 0.01) / 3), 10 * np.log10((0.1 + 2 * 0.01) / 3)
    np.testing.assert_allclose(levels, [-20, one_of_three, two_of_three, -10], atol=1e-4)
    for n_samples, count in ((3 * RATE - 1, 0), (3 * RATE, 1), (4 * RATE - 1, 1), (4 * RATE, 2)):
        assert len(structure.short_term_loudness(np.ones((n_samples, 2), np.float32))) == count
    assert structure.short_term_loudness(np.zeros(3 * RATE)) == [-120]


@pytest.mark.parametrize("slope", [-12.0, 0.0, 6.0])
def test_a_fade_has_its_slope_and_range(slope):
    minutes = np.arange(60 * RATE) / RATE / 60
    faded = 0.1 * np.where(noise(len(minutes)) > 0, 1, -1) * 10 ** (slope * minutes / 20)
    found, spread = structure.loudness_drift(faded.astype(np.float32))
    assert found == pytest.approx(slope, abs=0.01)
    assert spread == pytest.approx(0.9 * abs(slope) * 57 / 60, abs=0.01)  # the last of 58 levels starts at 57 s


def test_slope_stands_loud_moments_and_silence_is_no_part_of_it():
    levels = np.full(60, -20.0)
    levels[50:53] = 0  # three loud seconds are in five windows
    assert structure.loudness_drift(noise_at(levels))[0] == pytest.approx(0, abs=0.01)
    ends = noise_at([-100] * 20 + [-20] * 40)
    slope, spread = structure.loudness_drift(ends)
    assert slope == pytest.approx(0, abs=0.01) and spread < 5  # windows at the edge hold a second of sound


def test_slope_is_the_median_over_all_pairs():
    waveform = noise_at(np.random.default_rng(0).uniform(-30, -10, 15))
    levels = structure.short_term_loudness(waveform)
    slopes = [(levels[j] - levels[i]) / (j - i) for i in range(13) for j in range(i + 1, 13)]
    assert structure.loudness_drift(waveform)[0] == pytest.approx(60 * np.median(slopes))


def test_drift_of_long_and_of_short_pieces(monkeypatch):
    fade = noise_at(np.linspace(-30, -20, 61))
    whole = structure.loudness_drift(fade)
    assert whole[0] == pytest.approx(10, abs=0.1)
    monkeypatch.setattr(structure, "_MOST_LEVELS", 20)
    assert structure.loudness_drift(fade) == pytest.approx(whole, abs=0.1)
    assert structure.loudness_drift(fade[: 11 * RATE]) == (None, None)  # nine levels
    assert structure.loudness_drift(fade[: 12 * RATE])[0] is not None
    assert structure.loudness_drift(np.zeros((60 * RATE, 2), np.float32)) == (None, None)
