"""Loops: whole bars, what is too short, and a fade that is heard by nobody."""

import dataclasses

import numpy as np
import pytest
import tiny

from musika_tf.errors import UserError
from musika_tf.pipeline import loops, steering
from musika_tf.pipeline.piece import Piece
from musika_tf.pipeline.steering import Steering
from musika_tf.pipeline.styles import StylePlan

RATE = 44_100
METADATA = {
    "sample_rate": RATE,
    "samples_per_latent": tiny.AUTOENCODER.samples_per_latent,
    "window": tiny.GAN.window,
    "conditioning": tiny.conditioner().metadata(),  # 110 .. 150 BPM
}
PLAIN = {**METADATA, "conditioning": []}


def loop(seconds, **options):
    n_samples = round(seconds * RATE)
    return Piece(1, StylePlan.constant(2), 0, n_samples, loop_samples=n_samples, **options)


@pytest.mark.parametrize("seconds", [2.0, 7.77, 30.0, 237.0])
def test_a_loop_of_a_model_with_a_clock_holds_whole_bars(seconds):
    model = tiny.bundle()
    closed = loops.closed(model, METADATA, loop(seconds))
    bars = closed.loop_samples / RATE * closed.steering.bpm / 240
    assert bars == pytest.approx(round(bars), abs=1e-9) and bars > 0.5
    assert 110 <= closed.steering.bpm <= 150
    assert dataclasses.replace(closed, steering=None) == loop(seconds)
    drawn = float(tiny.conditioner().draw_bpm(2))
    assert steering.drawn_bpm(model, METADATA, 2) == drawn
    # No other whole number of bars is nearer to what the style drew.
    assert abs(closed.steering.bpm - drawn) <= 120 / seconds + 1e-9


def test_a_tempo_by_hand_is_the_wish():
    closed = loops.closed(tiny.bundle(), METADATA, loop(60, steering=Steering(141.0)))
    assert closed.steering == Steering(140.0)  # 35 bars


@pytest.mark.parametrize(
    ("seconds", "wish", "expected"),
    [(60, 120, (30, 120.0)), (60, 121, (30, 120.0)), (60, 121.9, (30, 120.0)), (60, 122.1, (31, 124.0)),
     (60, 300, (37, 148.0)), (60, 1, (28, 112.0)), (60, None, (31, 124.0)), (2, 150, (1, 120.0))],
)  # fmt: skip
def test_whole_bars_by_hand(seconds, wish, expected):
    assert steering.whole_bars(seconds, wish, (110.0, 150.0)) == expected


@pytest.mark.parametrize(
    ("seconds", "named"), [(1.2, "1.2s hold no .* do: 1.600s"), (2.5, "2.5s hold no .* do: 2.182s or 3.200s")]
)
def test_a_length_without_whole_bars_names_the_nearest_ones(seconds, named):
    with pytest.raises(UserError, match=f"^--loop: {named}$"):
        loops.closed(tiny.bundle(), METADATA, loop(seconds))
    for length in (1.6, 240 / 110, 3.2):
        steering.whole_bars(length, 130, (110.0, 150.0))


def test_a_model_without_a_clock_loops_at_any_length():
    assert loops.closed(None, PLAIN, loop(1.234)) == loop(1.234)
    assert loops.closed(None, METADATA, Piece(1, StylePlan.constant(2))) == Piece(1, StylePlan.constant(2))


def test_what_is_too_short_or_has_too_long_a_plan_is_refused():
    with pytest.raises(UserError, match="^--loop: 0.9s is too short to loop; 1s is the least$"):
        loops.closed(None, PLAIN, loop(0.9))
    late = dataclasses.replace(loop(5), style=StylePlan.morph(1, 2, 5.0))
    with pytest.raises(UserError, match="^--loop: a keyframe of style at 5s, in a loop of 5s"):
        loops.closed(None, PLAIN, late)


def test_fade_is_a_second_or_a_quarter_or_nothing():
    exact = 3 * tiny.GAN.window * tiny.AUTOENCODER.samples_per_latent
    assert [loops.fade_samples(METADATA, n) for n in (exact, 5 * exact, exact + 1)] == [0, 0, (exact + 1) // 4]
    assert loops.fade_samples(METADATA, 10 * RATE) == RATE


def test_crossfade_begins_and_ends_where_the_two_are():
    rng = np.random.default_rng(0)
    a, b = (rng.uniform(-0.98, 0.98, (44_100, 2)).astype(np.float32) for _ in range(2))
    faded = loops.crossfade(a, b)
    np.testing.assert_allclose(faded[:3], a[:3], atol=2e-4)
    np.testing.assert_allclose(faded[-3:], b[-3:], atol=2e-4)
    assert np.abs(faded).max() < 1


@pytest.mark.parametrize("alike", [0.0, 0.5, 0.9, 1.0])
def test_crossfade_keeps_the_power(alike):
    rng = np.random.default_rng(1)
    a, other = (0.1 * rng.standard_normal((200_000, 2)).astype(np.float32) for _ in range(2))
    b = (alike * a + np.sqrt(1 - alike**2) * other).astype(np.float32)
    faded = loops.crossfade(a, b).reshape(20, -1)
    assert 20 * np.log10(faded.std(axis=1) / 0.1) == pytest.approx(0, abs=0.15)  # dB


def test_crossfade_of_silence_is_silence():
    np.testing.assert_array_equal(loops.crossfade(np.zeros([100, 2], np.float32), np.zeros([100, 2], np.float32)), 0)
