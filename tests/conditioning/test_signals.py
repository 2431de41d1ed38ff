"""Tempo and the beat clock by hand."""

from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf

from musika_tf.conditioning import signals
from musika_tf.conditioning.signals import Beat, Tempo
from musika_tf.errors import UserError


def test_tempo_is_constant():
    times = np.arange(5) / 10
    from_grid = Tempo().from_grid({"bpm": 132.5, "first_beat_seconds": 0.1}, times)
    assert from_grid.dtype == np.float32
    np.testing.assert_array_equal(from_grid, np.full([5, 1], 132.5))
    from_bpm = Tempo().from_bpm(tf.constant(120.0), tf.constant(times))
    assert from_bpm.dtype == tf.float32
    np.testing.assert_array_equal(from_bpm, np.full([5, 1], 120))


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


def test_signals_say_how_many_channels_they_have():
    times = tf.constant([0.0, 0.1], tf.float64)
    for signal in signals.SIGNALS.values():
        assert signal.from_bpm(tf.constant(120.0), times).shape == [2, signal.n_channels]
        assert signal.from_grid({"bpm": 120.0, "first_beat_seconds": 0.0}, times.numpy()).shape == (
            2,
            signal.n_channels,
        )


def test_parse_keeps_the_order():
    assert [signal.name for signal in signals.parse(" beat, tempo,")] == ["beat", "tempo"]
    assert signals.parse("") == []


def test_parse_lists_the_valid_names():
    with pytest.raises(UserError, match="--conditioning=tempo,mood: no signal 'mood'; there are tempo, beat"):
        signals.parse("tempo,mood")
