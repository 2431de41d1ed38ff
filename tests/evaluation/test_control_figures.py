"""Figures of control by hand and against brute force."""

import numpy as np
import pytest

from musika_tf.evaluation.control import figures

BEATS = 0.5 * np.arange(40)  # ten bars at 120 BPM from time 0
PLACES = np.arange(40) % 4 + 1


# Tempo


@pytest.mark.parametrize(
    ("measured", "error", "octave"),
    [
        (121, 1, None),
        (116, 4, None),
        (240, 120, "2"),
        (60.5, 59.5, "1/2"),
        (179, 59, "3/2"),
        (80, 40, "2/3"),
        (150, 30, None),
        (0.0, 120, None),
    ],
)
def test_tempo_row(measured, error, octave):
    assert figures.tempo_row(measured, 120.0) == {"error": error, "octave": octave}


def test_octave_errors_are_reported_apart():
    measured = [(120.5, None), (123.0, None), (121.0, None), (60.0, "1/2"), (240.0, "2"), (60.0, "1/2")]
    rows = [{**figures.tempo_row(bpm, 120.0), "pulse": 0.1 * i} for i, (bpm, _) in enumerate(measured, 1)]
    assert [row["octave"] for row in rows] == [octave for _, octave in measured]
    summary = figures.tempo_summary(rows)
    assert summary["median_error"] == pytest.approx(1.0)  # of 0.5, 3 and 1
    assert summary["median_error_of_all"] == pytest.approx(31.5)  # of 0.5, 1, 3, 60, 60, 120
    assert summary["octave_errors"] == {"1/2": 2, "2": 1}
    assert summary["octave_share"] == pytest.approx(0.5)
    assert (summary["pieces"], summary["pulse_median"], summary["pulse_lowest"]) == (6, pytest.approx(0.35), 0.1)


def test_nothing_but_octave_errors_has_no_median():
    summary = figures.tempo_summary([{**figures.tempo_row(240.0, 120.0), "pulse": 0.5}])
    assert summary["median_error"] is None and summary["octave_share"] == 1


# Beats


def test_beats_on_the_grid():
    row = figures.grid_row(BEATS + 0.02, PLACES, 120, 20)
    assert row == {
        "beats": 40, "phase": 0, "precision": 1, "recall": 1, "deviation": pytest.approx(0.02), "downbeats": 1,
    }  # fmt: skip


@pytest.mark.parametrize("shift", [0.1, 0.25, 0.4])
def test_a_shifted_grid_counts_for_nothing_with_a_clock_and_for_all_without(shift):
    assert figures.grid_row(BEATS + shift, PLACES, 120, 20)["precision"] == 0
    free = figures.grid_row(BEATS + shift, PLACES, 120, 20, phase=None)
    assert free["precision"] == 1 and free["phase"] == pytest.approx(shift) and free["deviation"] < 1e-9


def test_another_tempo_drifts_off_every_grid():
    beats = np.arange(0, 300, 60 / 121)  # five beats more than asked for: all phases alike
    places = np.arange(len(beats)) % 4 + 1
    assert figures.grid_row(beats, places, 120, 300)["precision"] == pytest.approx(0.14, abs=0.02)
    assert figures.grid_row(beats, places, 120, 300, phase=None)["precision"] == pytest.approx(0.14, abs=0.02)
    assert figures.grid_row(beats, places, 121, 300)["precision"] == 1


def test_no_beats():
    row = figures.grid_row([], [], 120, 20, phase=None)
    assert (row["beats"], row["precision"], row["recall"], row["phase"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("seed", range(8))
def test_best_phase_is_best(seed):
    rng = np.random.default_rng(seed)
    beats, period = np.sort(rng.uniform(0, 20, 30)), 0.48

    def near(phase):
        return np.sum(np.abs((beats - phase + period / 2) % period - period / 2) <= 0.035 + 1e-6)

    assert near(figures.best_phase(beats, period)) == max(near(phase) for phase in np.linspace(0, period, 2000))


def test_best_phase_around_zero():
    assert figures.best_phase([0.48, 1.02, 1.5], 0.5) == pytest.approx(0.0, abs=1e-9)  # -0.02, 0.02, 0


def test_precision_is_that_of_all_beats_together():
    rows = [
        {"beats": 300, "precision": 1.0, "recall": 1.0, "downbeats": 1.0},
        {"beats": 100, "precision": 0.2, "recall": 0.5, "downbeats": 0.0},
    ]
    assert figures.grid_summary(rows) == {
        "pieces": 2, "beats": 400, "precision": pytest.approx(0.8), "precision_lowest": 0.2,
        "recall": 0.75, "downbeats": 0.5,
    }  # fmt: skip
    assert figures.grid_summary([{**rows[0], "beats": 0, "precision": 0.0}])["precision"] == 0


# Note density


def test_density_summary():
    rows = [{"measured": value} for value in (0.2, 0.5, 0.3)]
    assert figures.density_summary(rows) == {"pieces": 3, "mean": pytest.approx(1 / 3), "lowest": 0.2, "highest": 0.5}


def density_rows(*settings):
    return [{"requested": requested, "measured": value} for requested, values in settings for value in values]


def test_means_that_rise_though_pieces_overlap():
    summary = figures.rank_summary(density_rows((0.15, (0.1, 0.3)), (0.3, (0.2, 0.4)), (0.45, (0.5, 0.3))))
    assert summary["rises"] and 0.5 < summary["spearman"] < 1


def test_means_that_do_not_rise():
    assert not figures.rank_summary(density_rows((0.15, (0.1, 0.3)), (0.3, (0.2, 0.2)), (0.45, (0.4, 0.4))))["rises"]
    falling = figures.rank_summary(density_rows((0.15, (0.3,)), (0.3, (0.2,)), (0.45, (0.1,))))
    assert falling == {"spearman": pytest.approx(-1), "rises": False}


# Statistics


def test_correlations_by_hand():
    # Deviations (-3, -1, 1, 3) / 2 and (-3, 1, -1, 3) / 2: 4 / 5.
    assert figures.pearson([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)
    # Ranks (1, 2, 3, 4) and, with a tie, (1.5, 1.5, 4, 3): 3.5 / sqrt(5 x 4.5).
    assert figures.spearman([1, 2, 3, 4], [1, 1, 50, 2]) == pytest.approx(3.5 / 22.5**0.5)
    assert figures.spearman([1, 2, 3, 4], [1, 10, 11, 1000]) == pytest.approx(1)


def test_what_does_not_vary_correlates_with_nothing():
    assert figures.pearson([1, 1, 1], [1, 2, 3]) == 0 == figures.spearman([1, 2, 3], [5, 5, 5])


def test_moving_mean():
    np.testing.assert_allclose(figures.moving_mean(np.array([1.0, 2.0, 6.0, 4.0]), 2), [1.5, 4.0, 5.0])


def test_words_heard_where_they_were_asked_for_and_elsewhere():
    def piece(requested, rank, first, rock, piano):
        heard = {"heard": [first, "slow"], "activations": {"rock": rock, "piano": piano}}
        return {"requested": requested, "rank": rank, **heard}

    rocks = [piece("rock=0.5", 1, "rock", 0.5, 0.1), piece("rock=0.5", 3, "fast", 0.2, 0.3)]
    pianos = [piece("piano=1", 2, "fast", 0.0, 0.6), piece("piano=1", 1, "piano", 0.2, 0.8)]
    assert figures.tags_summary(rocks) == {
        "pieces": 2, "followed": 1, "mean": pytest.approx(0.35), "first": {"fast": 1, "rock": 1},
    }  # fmt: skip
    assert figures.tags_beside(rocks + pianos) == {"rock=0.5": pytest.approx(0.1), "piano=1": pytest.approx(0.2)}
    assert figures.tags_beside(rocks) == {"rock=0.5": 0.0}
