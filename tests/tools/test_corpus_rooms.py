"""Space and levels of the rendered music: rooms decay as asked, widths come out as asked, nothing is silent."""

import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))

from corpus import mastering, mixing, rooms  # noqa: E402

SAMPLE_RATE = 44100


def _rng():
    return np.random.default_rng(0)


def _mono(seconds=3):
    """Pink-like noise that comes and goes, the same on both sides."""
    noise = mixing.filtered(_rng().standard_normal((seconds * SAMPLE_RATE, 1)), "lowpass", 2000, order=1)
    return 0.2 * np.repeat(noise * (0.2 + np.abs(np.sin(np.arange(len(noise)) / 9000)))[:, None], 2, axis=1)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 3.0])
def test_a_room_decays_in_the_time_it_is_given(seconds):
    response = rooms.room_response(_rng(), seconds)
    left = np.cumsum(response[::-1].astype(np.float64) ** 2, axis=0)[::-1].mean(axis=1)  # Schroeder's integral
    decibels = 10 * np.log10(left / left[0])
    span = np.argmax(decibels < -25) - np.argmax(decibels < -5)
    assert 3 * span / SAMPLE_RATE == pytest.approx(seconds, rel=0.25)


def test_a_room_is_silent_at_first_even_and_wide():
    for distance in (0, 0.5, 1):
        response = rooms.room_response(_rng(), 1.0, distance)
        np.testing.assert_allclose((response**2).sum(axis=0), 1, rtol=1e-4)
        assert not response[: round(0.001 * SAMPLE_RATE)].any()
        assert abs(rooms.correlation(response)) < 0.1


@pytest.mark.parametrize("wet_db", [-20, -6])
def test_the_room_has_its_level_and_makes_mono_wide(wet_db):
    mono = _mono()
    wet = rooms.reverberate(mono, rooms.room_response(_rng(), 0.8), wet_db) - mono
    assert mastering.decibels(mixing.rms(wet) / mixing.rms(mono)) == pytest.approx(wet_db, abs=0.05)
    assert rooms.correlation(mono + wet) < rooms.correlation(mono) - 10 ** (wet_db / 10) / 2


def test_silence_stays_silent_in_a_room():
    silence = np.zeros((SAMPLE_RATE, 2), np.float32)
    assert not rooms.reverberate(silence, rooms.room_response(_rng(), 0.5), -6).any()
    assert rooms.correlation(silence) == 0


@pytest.mark.parametrize("amount", [0.3, 0.8])
def test_spread_keeps_the_sum_and_the_bass(amount):
    mono = _mono()[:, 0]
    wide = rooms.spread(mono, _rng(), amount)
    np.testing.assert_allclose(wide.mean(axis=1), mono, atol=1e-6)
    upper = mixing.filtered(wide, "highpass", 500)
    # With uncorrelated middle and side of levels 1 and a, left and right correlate by (1 - a^2) / (1 + a^2).
    assert rooms.correlation(upper) == pytest.approx((1 - amount**2) / (1 + amount**2), abs=0.1)
    assert rooms.correlation(mixing.filtered(wide, "lowpass", 60, order=4)) > 0.97


def test_chorus_keeps_the_length_and_moves_the_sides_apart():
    mono = _mono()
    wide = rooms.chorus(mono, _rng())
    assert wide.shape == mono.shape and wide.dtype == np.float32
    assert mixing.rms(wide) == pytest.approx(mixing.rms(mono), rel=0.2)
    assert rooms.correlation(wide) < 0.98


@pytest.mark.parametrize("wanted", [0.2, 0.5, 0.9])
def test_correlation_comes_out_as_wanted(wanted):
    mix = mixing.filtered(_rng().standard_normal((5 * SAMPLE_RATE, 2)), "highpass", 200)
    assert rooms.correlation(rooms.set_correlation(mix, wanted)) == pytest.approx(wanted, abs=0.03)


def test_nearly_mono_is_not_torn_apart():
    mono = _mono()
    nearly = mono + 0.01 * mixing.filtered(_rng().standard_normal(mono.shape), "highpass", 200)
    assert rooms.correlation(rooms.set_correlation(nearly, 0.2)) > 0.6


@pytest.mark.parametrize("loudness_dbfs", [-24.0, -14.0])
def test_finished_mixes_have_their_level_and_do_not_clip(loudness_dbfs):
    mix = mastering.finish(0.01 * rooms.spread(_mono()[:, 0], _rng(), 0.5), _rng(), 0.5, loudness_dbfs)
    sound = mastering.measure(mix)
    assert sound["peak"] < 0.96
    assert sound["rms_dbfs"] == pytest.approx(loudness_dbfs, abs=0.3)
    assert sound["correlation"] == pytest.approx(0.5, abs=0.05)
    assert sound["quiet_share"] == 0


def test_high_peaks_make_a_mix_softer_not_flat():
    clicks = 0.001 * _rng().standard_normal((3 * SAMPLE_RATE, 2)).astype(np.float32)
    clicks[::300] += 0.5
    mix = mastering.finish(clicks, _rng(), 0.5, -10.0)
    assert mastering.measure(mix)["rms_dbfs"] < -20
    assert np.abs(mix).max() > 0.5


def test_silence_is_cut_but_for_its_first_moment():
    tone = np.repeat(np.sin(np.arange(SAMPLE_RATE) / 20)[:, None], 2, axis=1).astype(np.float32)
    silence = np.zeros((2 * SAMPLE_RATE, 2), np.float32)
    cut = mastering.without_silence(np.concatenate([silence, tone, silence, tone, silence]))
    assert len(cut) / SAMPLE_RATE == pytest.approx(2 + 2 * mastering.LONGEST_QUIET_SECONDS, abs=0.15)
    np.testing.assert_array_equal(cut[:1000], tone[:1000])
    np.testing.assert_array_equal(mastering.without_silence(tone), tone)
    assert mastering.without_silence(silence[:0]).shape == (0, 2)


def test_no_stretch_is_digitally_silent():
    tone = np.zeros((2 * SAMPLE_RATE, 2), np.float32)
    tone[:SAMPLE_RATE] = rooms.spread(_mono(1)[:, 0], _rng(), 0.5)
    coded = np.round(32767 * mastering.finish(tone, _rng(), 0.5, -18))
    frames = coded[: len(coded) // 441 * 441].reshape(-1, 441, 2)
    assert (np.abs(frames).max(axis=1) > 0).all()
