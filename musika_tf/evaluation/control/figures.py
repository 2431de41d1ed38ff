"""From what was asked for and what was measured to figures: plain arithmetic, no audio."""

import numpy as np

from musika_tf.evaluation.signals import BEAT_TOLERANCE_SECONDS, OCTAVES, beat_figures, octave

BEATS_PER_BAR = 4


def tempo_row(measured, requested):
    """Dict of `error` (absolute, BPM) and `octave` (name of the wrong metrical level that was taken, or None)."""
    return {"error": abs(measured - requested), "octave": octave(measured, requested)}


def tempo_summary(rows):
    """Of pieces (dicts with `error`, `octave`, `pulse`) at one or several tempi: `pieces`; `median_error` (BPM, of the
    pieces without an octave error; None where there are none) and `median_error_of_all`; `octave_errors` (name -> how
    many) and `octave_share` of the pieces; `pulse_median`, `pulse_lowest`."""
    errors = [row["error"] for row in rows if row["octave"] is None]
    counts = {name: sum(row["octave"] == name for row in rows) for name in OCTAVES}
    return {
        "pieces": len(rows),
        "median_error": float(np.median(errors)) if errors else None,
        "median_error_of_all": float(np.median([row["error"] for row in rows])),
        "octave_errors": {name: count for name, count in counts.items() if count},
        "octave_share": 1.0 - len(errors) / len(rows),
        "pulse_median": float(np.median([row["pulse"] for row in rows])),
        "pulse_lowest": min(row["pulse"] for row in rows),
    }


def grid_row(beats, places, bpm, seconds, phase=0.0):
    """Detected beats against the grid that was asked for: `beats` (how many), `phase`, and as `beat_figures`.

    Args:
      beats: float64 `[beats]`, seconds; may be empty.
      places: int `[beats]`, places in the bar, 1..4.
      bpm: tempo of the grid.
      seconds: length of the piece.
      phase: when its first bar begins, seconds; None finds the best one, for a model without a clock.
    """
    beats = np.asarray(beats, np.float64)
    if phase is None:
        phase = best_phase(beats, 60.0 / bpm)
    row = {"beats": len(beats), "phase": phase}
    if not len(beats):
        return {**row, "precision": 0.0, "recall": 0.0, "deviation": None, "downbeats": 0.0}
    n_bars = int((seconds - phase) * bpm / 60.0 / BEATS_PER_BAR)
    grid = {"bpm": bpm, "first_beat_seconds": phase, "n_bars": n_bars, "beats_per_bar": BEATS_PER_BAR}
    return {**row, **beat_figures(beats, np.asarray(places), grid)}


def best_phase(beats, period):
    """The phase, 0 .. `period` seconds, of the even grid that has the most beats within 35 ms; 0 of none."""
    if not len(beats):
        return 0.0
    phases = np.sort(np.mod(beats, period))
    around = np.concatenate([phases, phases + period])  # the phase is a circle
    slack = 1e-9  # beats at the very ends of the tolerance count, as they do for the grid
    ends = np.searchsorted(around, phases + 2 * BEAT_TOLERANCE_SECONDS + slack, side="right")
    counts = np.minimum(ends - np.arange(len(phases)), len(phases))
    first = int(np.argmax(counts))
    return float(np.mod((around[first] + around[first + counts[first] - 1]) / 2.0, period))


def grid_summary(rows):
    """`pieces`, `beats`, `precision` (of all beats), `precision_lowest` (of a piece), mean `recall` and `downbeats`."""
    n_beats = sum(row["beats"] for row in rows)
    return {
        "pieces": len(rows),
        "beats": n_beats,
        "precision": sum(row["precision"] * row["beats"] for row in rows) / max(n_beats, 1),
        "precision_lowest": min(row["precision"] for row in rows),
        "recall": float(np.mean([row["recall"] for row in rows])),
        "downbeats": float(np.mean([row["downbeats"] for row in rows])),
    }


def density_summary(rows):
    """Of pieces at one density: `pieces`, and `mean`, `lowest`, `highest` of their measured means."""
    measured = [row["measured"] for row in rows]
    return {"pieces": len(rows), "mean": float(np.mean(measured)), "lowest": min(measured), "highest": max(measured)}


def rank_summary(rows):
    """Of pieces at all densities (`requested`, `measured`): `spearman` over the pieces, and whether each setting's mean
    is above that of the next lower one (`rises`)."""
    requested, measured = (np.array([row[key] for row in rows], np.float64) for key in ("requested", "measured"))
    means = [measured[requested == value].mean() for value in np.unique(requested)]
    return {"spearman": spearman(requested, measured), "rises": bool(np.all(np.diff(means) > 0))}


def word_of(requested):
    """The word of what was asked for, such as "techno=0.9"."""
    return requested.partition("=")[0]


def tags_summary(rows):
    """Of pieces asked for one word: `pieces`; how many `followed`, that is, have it as first or second of all words;
    the `mean` of its activation; and which words are the `first` (word -> how many pieces)."""
    first = [row["heard"][0] for row in rows]
    return {
        "pieces": len(rows),
        "followed": sum(row["rank"] <= 2 for row in rows),
        "mean": float(np.mean([row["activations"][word_of(row["requested"])] for row in rows])),
        "first": {name: first.count(name) for name in sorted(set(first), key=lambda name: (-first.count(name), name))},
    }


def tags_beside(rows):
    """Of pieces asked for all words: the mean activation of each in the pieces that were asked for another
    (`requested` -> 0..1); 0 where there are none."""
    beside = {}
    for asked in dict.fromkeys(row["requested"] for row in rows):
        word = word_of(asked)
        others = [row["activations"][word] for row in rows if row["requested"] != asked]
        beside[asked] = float(np.mean(others)) if others else 0.0
    return beside


def pearson(x, y):
    """Pearson correlation of `[n]` and `[n]`; 0 where one of them does not vary."""
    return _correlation("pearsonr", x, y)


def spearman(x, y):
    """Spearman's rank correlation of `[n]` and `[n]`, equal values sharing the mean of their ranks; 0 as `pearson`."""
    return _correlation("spearmanr", x, y)


def _correlation(name, x, y):
    from scipy import stats  # slow

    return float(getattr(stats, name)(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0


def moving_mean(values, count):
    """Means of `count` neighbours each: `[n]` -> `[n - count + 1]`."""
    return np.convolve(values, np.full(count, 1.0 / count), mode="valid")
