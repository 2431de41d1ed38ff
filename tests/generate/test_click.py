"""A metronome: to the sample on its beats for ever, the same in any range, and never too loud."""

from fractions import Fraction

import numpy as np
import pytest

from musika_tf.generate import click

RATE = 44_100
LENGTH = 2205  # samples of a click


def onsets(metronome):
    """Samples at which clicks begin, in a metronome that is silent between them."""
    heard = np.flatnonzero(metronome)
    return heard[np.concatenate([[True], np.diff(heard) > LENGTH])]


@pytest.mark.parametrize("bpm", [30.0, 120.0, 128.0, 133.7, 285.0])
@pytest.mark.parametrize("start", [0, -(10**6) - 7, 3600 * RATE + 1, 2**52])
def test_clicks_begin_on_their_beats_to_the_sample(bpm, start):
    end = start + 20 * RATE
    found = onsets(click.clicks(start, end, bpm, RATE)) + start
    beat = Fraction(60 * RATE) / Fraction(bpm)
    numbers = [round(int(sample) / beat) for sample in found[found > start]]  # the tail of one before may reach in
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) and len(numbers) >= 20 * bpm // 60 - 1
    for number, sample in zip(numbers, found[found > start], strict=True):
        assert abs(int(sample) - number * beat) <= Fraction(1, 2)


def test_beats_by_hand():
    assert [click.onset(k, 120.0, RATE) for k in (-1, 0, 1, 2, 10**9)] == [-22_050, 0, 22_050, 44_100, 22_050 * 10**9]
    assert click.onset(4 * 64, 128.0, RATE) == 64 * 240 * RATE // 128
    assert onsets(click.clicks(0, 100_000, 120.0, RATE)).tolist() == [0, 22_050, 44_100, 66_150, 88_200]


def test_the_first_beat_of_a_bar_is_louder_and_higher():
    metronome = click.clicks(-8 * 22_050, 8 * 22_050, 120.0, RATE).reshape(16, 22_050)
    for beat, samples in enumerate(metronome):
        loudest = np.abs(samples).max()
        spectrum = np.abs(np.fft.rfft(samples[:LENGTH], 2 * RATE))
        hertz = np.argmax(spectrum) / 2
        assert (loudest > 0.5, abs(hertz - 2250) < 50) == ((True, True) if beat % 4 == 0 else (False, False))
        assert loudest > 0.3 and (abs(hertz - 1500) < 50) == (beat % 4 != 0)


@pytest.mark.parametrize("loop_samples", [0, 4 * 20_000])
@pytest.mark.parametrize(
    ("start", "n"), [(0, 1), (1, 5000), (19_999, 2), (70_000, 30_000), (-100_000, 150_000), (500, 0)]
)
def test_any_range_equals_the_same_range_of_the_whole(start, n, loop_samples):
    bpm = 60 * RATE / 20_000
    whole = click.clicks(-200_000, 200_000, bpm, RATE, loop_samples)
    part = click.clicks(start, start + n, bpm, RATE, loop_samples)
    assert part.dtype == np.float32 and part.shape == (n,)
    np.testing.assert_array_equal(part, whole[200_000 + start : 200_000 + start + n])


def test_a_loop_of_whole_bars_clicks_evenly_across_its_seam():
    n_samples = round(Fraction(4 * 240 * RATE, 133))
    twice = onsets(click.clicks(0, 2 * n_samples, 133.0, RATE, n_samples))
    assert len(twice) == 32 and (twice[16:] == twice[:16] + n_samples).all()
    assert np.abs(np.diff(twice) - 60 * RATE / 133).max() <= 1


@pytest.mark.parametrize("peak", [0.0, 0.5, 0.9, 0.99])
def test_mixed_it_never_clips_and_leaves_the_music_alone_elsewhere(peak):
    rng = np.random.default_rng(0)
    music = (peak * rng.uniform(-1, 1, [RATE, 2])).astype(np.float32)
    music[::50] = peak
    metronome = click.clicks(0, RATE, 240.0, RATE)
    mixed = click.mixed(music, metronome)
    assert mixed.dtype == np.float32 and np.abs(mixed).max() <= 0.9901
    silent = metronome == 0
    np.testing.assert_array_equal(mixed[silent], music[silent])
    quiet = (np.abs(music) < 0.2) & (np.abs(music + metronome[:, None]) < 0.8)
    np.testing.assert_allclose(mixed[quiet], (music + metronome[:, None])[quiet], atol=1e-6)
    added = (mixed - music)[:LENGTH]
    assert np.abs(added).max() > 0.5  # heard over music of any level
    np.testing.assert_array_equal(click.mixed(music[100:300], metronome[100:300]), mixed[100:300])
