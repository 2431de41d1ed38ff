"""Measures the extractors of conditioning signals on tracks that know the truth: their onsets, or their grid."""

import numpy as np

from musika_tf.audio import files
from musika_tf.conditioning import beat, extraction, madmom_package, note_density, tempo
from musika_tf.conditioning.signal import SAMPLE_RATE, centres
from musika_tf.errors import UserError

BEAT_TOLERANCE_SECONDS = 0.035
TEMPO_TOLERANCE_BPM = 2.0
# What tempo estimators mistake one tempo for: another metrical level.
OCTAVES = {"1/3": 1 / 3, "1/2": 1 / 2, "2/3": 2 / 3, "3/2": 3 / 2, "2": 2.0, "3": 3.0}
_OCTAVE_TOLERANCE = 0.04
_LATENTS_PER_SECOND = 44_100 / 4096


def measure_track(waveform, facts):
    """What the installed extractors make of a track, float32 `[samples, 2]` at 44.1 kHz, against its own `facts`: dict
    of (signal, extractor) -> dict of figures."""
    rows = {}
    if "onsets_seconds" in facts:
        times = centres(int(len(waveform) / SAMPLE_RATE * _LATENTS_PER_SECOND), _LATENTS_PER_SECOND)
        true = note_density.NoteDensity().from_grid(facts, times)[:, 0]
        for detector in _installed(note_density.DETECTORS):
            found = note_density.onsets(waveform, detector)
            measured = note_density.density(found, times, facts["seconds"])
            rows["note_density", detector] = density_figures(measured, true)
    if "first_beat_seconds" in facts:
        for estimator in _installed(tempo.ESTIMATORS):
            bpm, confidence = tempo.estimate(waveform, estimator)
            rows["tempo", estimator] = {**tempo_figures(bpm, facts["bpm"]), "confidence": confidence}
        if madmom_package.installed():
            rows["beat", madmom_package.NAME] = beat_figures(*beat.track(waveform), facts)
    return rows


def _installed(extractors):
    present = {"librosa": True, madmom_package.NAME: madmom_package.installed(), "tempocnn": tempo.installed()}
    return [name for name in extractors if present[name]]


def density_figures(measured, true):
    """Pearson correlation of two density curves `[n]`, and the ratio of their means."""
    return {"correlation": float(np.corrcoef(measured, true)[0, 1]), "ratio": float(np.mean(measured) / np.mean(true))}


def tempo_figures(bpm, true):
    """Error in BPM, and whether it is one of taking another metrical level for the beat."""
    return {"error": abs(bpm - true), "octave": octave(bpm, true) is not None}


def octave(bpm, true):
    """Name of the multiple of the true tempo (of OCTAVES) that `bpm` is within 4 % of, or None."""
    return next((name for name, ratio in OCTAVES.items() if abs(bpm / true / ratio - 1) < _OCTAVE_TOLERANCE), None)


def beat_figures(beats, places, grid):
    """Detected beats against a grid.

    Args:
      beats: float64 `[beats]`, seconds.
      places: `[beats]`, 1..4.
      grid: dict with `bpm`, `first_beat_seconds`, `n_bars`, `beats_per_bar`.

    Returns:
      `precision` and `recall` (shares of the detected and of the grid's beats with one of the others within 35 ms),
      `deviation` (median absolute distance, seconds) and `downbeats` (share of the detected beats within 35 ms whose
      place in the bar is right).
    """
    period = 60.0 / grid["bpm"]
    numbers = (beats - grid["first_beat_seconds"]) / period
    nearest = np.round(numbers).astype(np.int64)
    distances = np.abs(numbers - nearest) * period
    hits = distances <= BEAT_TOLERANCE_SECONDS
    n_beats = grid["n_bars"] * grid["beats_per_bar"]
    found = np.unique(nearest[hits & (nearest >= 0) & (nearest < n_beats)])
    right = nearest[hits] % grid["beats_per_bar"] + 1 == places[hits]
    return {
        "precision": float(hits.mean()),
        "recall": len(found) / n_beats,
        "deviation": float(np.median(distances)),
        "downbeats": float(right.mean()) if len(right) else 0.0,
    }


def summary(tracks):
    """A list of dicts of `measure_track` -> lines of a Markdown table."""
    lines = ["| signal | extractor | tracks | |", "|---|---|---|---|"]
    for key in sorted({key for rows in tracks for key in rows}):
        rows = [rows[key] for rows in tracks if key in rows]
        column = {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}
        lines.append(f"| {key[0]} | {key[1]} | {len(rows)} | {_SENTENCES[key[0]](column)} |")
    return lines


def _density_sentence(column):
    r = column["correlation"]
    return (
        f"correlation with the true density {np.median(r):.3f} (lowest {r.min():.3f}; at least 0.9 on "
        f"{np.mean(r >= 0.9):.0%}), {np.mean(column['ratio']):.2f} of the true onsets"
    )


def _tempo_sentence(column):
    error, octave = column["error"], column["octave"].astype(bool)
    near = np.mean(error <= TEMPO_TOLERANCE_BPM)
    return f"within 2 BPM {near:.0%}, median error {np.median(error):.2f} BPM, octave errors {octave.mean():.0%}"


def _beat_sentence(column):
    return (
        f"within 35 ms {np.mean(column['precision']):.0%} of the detected and {np.mean(column['recall']):.0%} of the "
        f"true beats (median track {np.median(column['precision']):.0%}), median distance "
        f"{1000 * np.median(column['deviation']):.0f} ms, place in the bar right {np.mean(column['downbeats']):.0%}"
    )


_SENTENCES = {"note_density": _density_sentence, "tempo": _tempo_sentence, "beat": _beat_sentence}


def measure_tracks(paths, audio_dir, n_tracks, report):
    """What the installed extractors make of the tracks that know the truth: dict of name below `audio_dir` ->
    `measure_track`.

    Args:
      paths: of audio below `audio_dir`.
      audio_dir: a folder.
      n_tracks: how many to measure, in order; 0: all.
      report: called with a line per track.

    Raises:
      UserError: no track knows the truth.
    """
    known = [path for path in paths if extraction.read_facts(path)]
    if not known:
        raise UserError(
            f"--audio_dir={audio_dir}: no track with a .json beside it; tools/render_corpus.py renders some"
        )
    tracks = {}
    for path in known[: n_tracks or None]:
        name = str(path.relative_to(audio_dir))
        tracks[name] = measure_track(files.read(path), extraction.read_facts(path))
        report(f"{name}: {_one_line(tracks[name])}")
    return tracks


def _one_line(rows):
    return "; ".join(
        f"{'/'.join(key)} " + ", ".join(f"{name} {value:.3g}" for name, value in row.items())
        for key, row in rows.items()
    )
