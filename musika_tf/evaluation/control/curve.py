"""A piece of hours whose note density goes up and down, heard as a stream in bounded memory."""

import numpy as np

from musika_tf.conditioning import curves, note_density, recording
from musika_tf.conditioning.signal import SAMPLE_RATE, centres
from musika_tf.evaluation.control import figures

SMOOTHING_SECONDS = 30.0  # of both curves: a few bars, a twentieth of the slowest wave
_POINT_SECONDS = 10.0
_DRAWN_POINTS = 400


def sine(low, high, period, seconds):
    """A sine from `low` to `high` that begins in its middle, as text that `curves.parse` reads; times in seconds."""
    times = np.arange(0.0, seconds + _POINT_SECONDS, min(_POINT_SECONDS, period / 8))
    values = (low + high) / 2 + (high - low) / 2 * np.sin(2 * np.pi * times / period)
    return curves.Curve(times, values).text


def quartiles(metadata):
    """A quarter and three quarters of the way through the range of note density that the model was trained on."""
    low, high = next(row["range"] for row in metadata["conditioning"] if row["name"] == "note_density")
    return low + 0.25 * (high - low), low + 0.75 * (high - low)


def stream_onsets(blocks, detect, progress=lambda seconds: None):
    """(float64 `[onsets]` in ascending seconds, the stream's length in seconds) of a stream of any length.

    Each block is heard with two seconds of its neighbours, in their memory.

    Args:
      blocks: iterable of float32 `[samples, 2]`, consecutive.
      detect: function of a waveform to onsets in seconds.
      progress: called with the seconds heard so far.
    """
    found, n_samples = [], 0
    for part in recording.parts(blocks, 0, note_density.CONTEXT_SECONDS * SAMPLE_RATE, recording.FRAME):
        found.append(part.own_events(detect(part.waveform)))
        n_samples = part.start + len(part.waveform)
        if part.end is not None:
            progress(part.end / SAMPLE_RATE)
    return np.concatenate(found), n_samples / SAMPLE_RATE


def measure(parts, text, signal, detector, latents_per_second, progress=lambda seconds: None):
    """How a stream follows a curve of note density.

    Args:
      parts: iterable of float32 `[samples, 2]` at 44.1 kHz, consecutive; a minute or more in all.
      text: the curve that was asked for, in the model's scale, as `curves.parse` reads it.
      signal: the model's NoteDensity.
      detector: a name of `note_density.DETECTORS`.
      latents_per_second: where the density is sampled.
      progress: called with the seconds heard so far.

    Returns:
      `seconds`, `onsets`, `correlation` (Pearson, both curves as means of 30 s), `correlation_unsmoothed`,
      `smoothing_seconds` and `points` (`[time, requested, measured]` rows of the smoothed curves, for a picture).
    """
    onsets, seconds = stream_onsets(parts, lambda waveform: note_density.onsets(waveform, detector), progress)
    times = centres(int(seconds * latents_per_second), latents_per_second)
    measured = signal.to_units(note_density.density(onsets, times, seconds)).astype(np.float64)
    requested = curves.parse(text, "curve")(times)
    count = max(1, round(SMOOTHING_SECONDS * latents_per_second))
    smooth = [figures.moving_mean(values, count) for values in (times, requested, measured)]
    step = max(1, len(smooth[0]) // _DRAWN_POINTS)
    return {
        "seconds": seconds,
        "onsets": len(onsets),
        "correlation": figures.pearson(*smooth[1:]),
        "correlation_unsmoothed": figures.pearson(requested, measured),
        "smoothing_seconds": SMOOTHING_SECONDS,
        "points": np.round(np.stack(smooth, axis=1)[::step], 4).tolist(),
    }
