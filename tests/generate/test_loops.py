"""Loops: whole bars, what is too short, and a fade that is heard by nobody."""

import dataclasses
import re

import numpy as np
import pytest
import tiny

from musika_tf.errors import UserError
from musika_tf.generate import bars, loops
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan

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
    closed = loops.closed(METADATA, loop(seconds))
    bpm = closed.bpm(METADATA)
    n_bars = closed.loop_samples / RATE * bpm / 240
    assert n_bars == pytest.approx(round(n_bars), abs=1e-9) and n_bars > 0.5
    assert 110 <= bpm <= 150
    assert dataclasses.replace(closed, settings={}) == loop(seconds)
    drawn = float(tiny.conditioner().draw_bpm(2))
    assert loop(seconds).bpm(METADATA) == drawn
    # No other whole number of bars is nearer to what the style drew.
    assert abs(bpm - drawn) <= 120 / seconds + 1e-9


def test_a_tempo_by_hand_stays_where_it_gives_whole_bars():
    whole = loop(60, settings={"tempo": "140"})  # 35 bars
    assert loops.closed(METADATA, whole) == whole
    rounded = Piece(1, StylePlan.constant(2), 0, 320_727, loop_samples=320_727, settings={"tempo": "132"})
    assert loops.closed(METADATA, rounded) == rounded  # 4 bars are 320,727.27 samples


@pytest.mark.parametrize(
    ("seconds", "bpm", "named"),
    [
        (30, "127", ["28.346457", "30.23622", "120", "128", "16"]),
        (30, "149", ["28.993289", "30.604027", "144", "19"]),  # 152 BPM would be beyond the trained range
        (1.5, "112", ["2.142857", "1"]),
        (7.273, "132", ["7.272727", "9.090909", "131.9951736", "4"]),
    ],
)
def test_a_tempo_by_hand_without_whole_bars_names_what_would_work(seconds, bpm, named):
    with pytest.raises(UserError) as error:
        loops.closed(METADATA, loop(seconds, settings={"tempo": bpm}))
    text = str(error.value)
    assert text.startswith(f"--loop: {seconds:g}s at {bpm} BPM are ") and "\n" not in text
    offers = dict.fromkeys(re.findall(r"--(\w+)=([\d.]+)", text))
    assert [value for _, value in offers] == named
    for flag, value in offers:
        if flag == "bars":
            assert abs(int(value) - seconds * float(bpm) / 240) <= 0.5 or value == "1"
        else:
            length = float(value) if flag == "length" else seconds
            again = loop(length, settings={"tempo": value if flag == "bpm" else bpm})
            assert loops.closed(METADATA, again) == again


@pytest.mark.parametrize(
    ("seconds", "wish", "expected"),
    [(60, 120, (30, 120.0)), (60, 121, (30, 120.0)), (60, 121.9, (30, 120.0)), (60, 122.1, (31, 124.0)),
     (60, 300, (37, 148.0)), (60, 1, (28, 112.0)), (60, None, (31, 124.0)), (2, 150, (1, 120.0))],
)  # fmt: skip
def test_whole_bars_by_hand(seconds, wish, expected):
    assert bars.nearest_tempo(seconds, wish, (110.0, 150.0)) == expected


@pytest.mark.parametrize(
    ("seconds", "named"), [(1.2, "1.2s hold no .* do: 1.600s"), (2.5, "2.5s hold no .* do: 2.181s or 3.200s")]
)
def test_a_length_without_whole_bars_names_the_nearest_ones(seconds, named):
    with pytest.raises(UserError, match=f"^--loop: {named}$"):
        loops.closed(METADATA, loop(seconds))
    for length in (1.6, 2.181, 3.2):
        bars.nearest_tempo(length, 130, (110.0, 150.0))


def test_a_model_without_a_clock_loops_at_any_length():
    assert loops.closed(PLAIN, loop(1.234)) == loop(1.234)
    assert loops.closed(METADATA, Piece(1, StylePlan.constant(2))) == Piece(1, StylePlan.constant(2))


def test_what_is_too_short_or_has_too_long_a_plan_is_refused():
    with pytest.raises(UserError, match="^--loop: 0.9s is too short to loop; 1s is the least$"):
        loops.closed(PLAIN, loop(0.9))
    late = dataclasses.replace(loop(5), style=StylePlan.morph(1, 2, 5.0))
    with pytest.raises(UserError, match="^--loop: a keyframe of style at 5s, in a loop of 5s"):
        loops.closed(PLAIN, late)


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


@pytest.mark.parametrize("wish", [None, 60.0, 114.9, 128.0, 133.33, 300.0])
def test_the_nearest_tempo_is_that_of_all(wish):
    for seconds in (7.3, 61.7, 1800.1):
        numbers = range(1, 2000)
        tempos = [(n, 240 * n / seconds) for n in numbers if 110 <= 240 * n / seconds <= 150]
        expected = min(tempos, key=lambda pair: abs(pair[1] - (wish or 125.0)))
        assert bars.nearest_tempo(seconds, wish, (110, 150)) == expected


def test_the_nearest_tempo_of_a_loop_of_years_is_found_at_once():
    n, bpm = bars.nearest_tempo(2.0**40, 128.0, (110, 150))
    assert abs(bpm - 128.0) < 1e-6 and n == round(2.0**40 * 128 / 240)
