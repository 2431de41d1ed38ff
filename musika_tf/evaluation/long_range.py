"""Long-range figures of pieces and folders, beside those of real music: what the Frechet distance does not see.

A piece is heard once (`hear`), then folders are compared (`compare`). All values are plain, None where undefined.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from musika_tf.audio.files import SAMPLE_RATE
from musika_tf.evaluation import coherence, intervals, notes, originality, structure


@dataclass(frozen=True)
class Piece:
    """One piece as heard.

    Attributes:
      features: MusiCNN's, `[patches, 200]`.
      loudness_slope: dB per minute, positive where it gets louder; and loudness_range, dB (`structure.loudness_drift`).
      notes: `notes.NoteFigures` of the middle 24 s, or None without an ear.
    """

    name: str
    seconds: float
    features: np.ndarray
    loudness_slope: float | None
    loudness_range: float | None
    notes: notes.NoteFigures | None


def hear(name, waveform, network, ear=None):
    """The `Piece` of a waveform float32 `[samples, 2]` at 44.1 kHz, 3 s at least.

    Args:
      network: `musicnn.MusiCNN`, or another callable waveform -> object with `features` `[patches, d]`.
      ear: `notes.BasicPitch`, or another callable waveform -> `notes.Heard`.

    Raises:
      ValueError: the network's: too short, or not finite.
    """
    slope, spread = structure.loudness_drift(waveform)
    return Piece(
        name=name,
        seconds=len(waveform) / SAMPLE_RATE,
        features=network(waveform).features,
        loudness_slope=slope,
        loudness_range=spread,
        notes=ear and notes.figures(ear(notes.excerpt(waveform))),
    )


def compare(generated, reference, training=None):
    """Figures of two folders side by side.

    Args:
      generated, reference: lists of `Piece`; the reference is held-out music, one piece at least.
      training: features `[m, 200]` of the training set, or None, which leaves the originality undefined. Where it is
        given, its mean and deviation are the scale of all similarities and distances; else the reference's are.

    Returns:
      Dict of `scale` ("training" or "reference"), `generated` and `reference`, each a dict of
        pieces: list of dicts: name, seconds, similarity (dict of lag in seconds, as text, -> number), shuffled, floor,
          repetition, repetition_chance, repetition_lag (seconds), repetition_at_lag, loudness_slope, loudness_range,
          originality, copied, polyphony, pitch_low, pitch_high, sharpness, note_rate. See the modules.
        summary: dict of the same figures -> `intervals.interval` over the pieces, and `coherence` (dict of lag ->
          interval), the ratio of the means over those pieces that are long enough for the lag.

    Raises:
      ValueError: no reference.
    """
    beside = Beside.of(reference, training)
    return {
        "scale": "reference" if training is None else "training",
        "generated": beside.figures(generated),
        "reference": beside.figures(reference),
    }


@dataclass(frozen=True)
class Beside:
    """What folders are measured beside: the scale, and in it the training set (or None) and the distances of the
    reference to it."""

    scale: coherence.Scale
    training: np.ndarray | None
    held_out: np.ndarray

    @classmethod
    def of(cls, reference, training=None):
        """Arguments and errors as of `compare`."""
        if not reference:
            raise ValueError("the figures need a reference: one piece of held-out music at least")
        learned = np.concatenate([piece.features for piece in reference]) if training is None else training
        scale = coherence.Scale.of(learned)
        scaled = None if training is None else scale(training)
        return cls(scale, scaled, np.concatenate(_distances(reference, scale, scaled)))

    def figures(self, pieces):
        """`pieces` and `summary` of a folder, as in `compare`."""
        return _folder(pieces, self.scale, _distances(pieces, self.scale, self.training), self.held_out)


def _distances(pieces, scale, training):
    """For each piece the distances of its patches to the training set; empty arrays without one."""
    if training is None:
        return [np.zeros(0)] * len(pieces)
    return [originality.nearest(scale(piece.features), training)[0] for piece in pieces]


def _folder(pieces, scale, distances, held_out):
    scaled = [scale(piece.features) for piece in pieces]
    floors = coherence.floors(scaled)
    rows = [
        {"name": piece.name, "seconds": piece.seconds}
        | _similarities(features, floor)
        | {
            "loudness_slope": piece.loudness_slope,
            "loudness_range": piece.loudness_range,
            "originality": originality.originality(far, held_out),
            "copied": originality.copied(far, held_out),
        }
        | _notes(piece.notes)
        for piece, features, floor, far in zip(pieces, scaled, floors, distances, strict=True)
    ]
    return {"pieces": rows, "summary": summary(rows)}


def _similarities(scaled, floor):
    found = coherence.repetition(scaled)
    return {
        "similarity": {f"{lag}": coherence.similarity(scaled, lag) for lag in coherence.LAGS},
        "shuffled": coherence.shuffled(scaled),
        "floor": floor,
        "repetition": found and found.best,
        "repetition_chance": found and found.chance,
        "repetition_lag": found and found.lag_seconds,
        "repetition_at_lag": found and found.at_lag,
    }


def _notes(figures):
    names = [field.name for field in dataclasses.fields(notes.NoteFigures)]
    return {name: figures and getattr(figures, name) for name in names}


def summary(rows):
    """Intervals over the pieces' dicts, as in `compare`; an empty dict without pieces."""
    if not rows:
        return {}
    lags = [f"{lag}" for lag in coherence.LAGS]
    curves = {lag: [row["similarity"][lag] for row in rows] for lag in lags}
    figures = [name for name in rows[0] if name not in ("name", "similarity")]
    return {
        "similarity": {lag: intervals.interval(curves[lag]) for lag in lags},
        "coherence": {lag: _coherence(curves[lag], curves[lags[0]], rows) for lag in lags[1:]},
        **{name: intervals.interval([row[name] for row in rows]) for name in figures},
    }


def _coherence(at_lag, at_shortest, rows):
    values = [(*pair, row["floor"]) for *pair, row in zip(at_lag, at_shortest, rows, strict=True)]
    return intervals.interval(values, lambda means: coherence.coherence(*np.moveaxis(means, -1, 0)))
