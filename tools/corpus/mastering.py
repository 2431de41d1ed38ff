"""The last hand on a mix: silence cut, width and loudness set, dither; and what meters say of it.

A mix is float32 [samples, 2], left and right, at 44.1 kHz.
"""

import numpy as np

from corpus import mixing, rooms

# The loudest thousandth of a mix stays below this: the limiter must not flatten it.
HIGHEST_DBFS = -2.0
LEAST_SIGNIFICANT_BIT = 1 / 32768
QUIET_DB = -66.0  # against the peak
LONGEST_QUIET_SECONDS = 0.6
FRAMES_PER_SECOND = 20


def finish(mix, rng, correlation, loudness_dbfs):
    """Cuts silence, sets the stereo width and the loudness, and dithers.

    Args:
        mix: [samples, 2].
        rng: numpy.random.Generator, for the dither.
        correlation: wanted, of left and right.
        loudness_dbfs: wanted RMS level; what has high peaks is set softer.

    Returns:
        float32 [samples, 2], peaks below 1, never silent for longer than a moment, nowhere digitally silent.
    """
    mix = rooms.set_correlation(without_silence(mix), correlation)
    crest_db = decibels(np.quantile(np.abs(mix[::7]), 0.999) / max(mixing.rms(mix), 1e-9))
    mix = mixing.set_loudness(mix, min(loudness_dbfs, HIGHEST_DBFS - crest_db))
    mixing.fade_out(mix, 0.05)
    noise = rng.random((2, *mix.shape), dtype=np.float32)
    return mix + np.float32(LEAST_SIGNIFICANT_BIT) * (noise[0] - noise[1])


def without_silence(mix, longest_seconds=LONGEST_QUIET_SECONDS):
    """Leaves out silence at the start, and elsewhere all of a silence but its first moment."""
    frame = mixing.SAMPLE_RATE // FRAMES_PER_SECOND
    frames = mix[: len(mix) // frame * frame].reshape(-1, frame, 2)
    levels = np.abs(frames).max(axis=(1, 2))
    quiet = levels < levels.max(initial=0) * 10 ** (QUIET_DB / 20)
    longest, since, kept = round(longest_seconds * FRAMES_PER_SECOND), 0, []
    for number, is_quiet in enumerate(quiet):
        since = since + 1 if is_quiet else 0
        if since <= longest and (kept or not is_quiet):
            kept.append(number)
    return frames[kept].reshape(-1, 2)


def measure(mix):
    """What meters show of a mix: a dict of rms_dbfs, peak (of 1), correlation, and quiet_share.

    quiet_share is the share of the twentieths of a second whose RMS level is below -60 dBFS.
    """
    frame = mixing.SAMPLE_RATE // FRAMES_PER_SECOND
    levels = np.sqrt(np.mean(np.square(mix[: len(mix) // frame * frame].reshape(-1, 2 * frame)), axis=1))
    return {
        "rms_dbfs": round(decibels(mixing.rms(mix)), 1),
        "peak": round(float(np.abs(mix).max()), 3),
        "correlation": round(rooms.correlation(mix), 2),
        "quiet_share": round(float(np.mean(levels < 1e-3)), 4),
    }


def decibels(amplitude):
    """20 log10 of an amplitude; -180 for 0."""
    return 20 * float(np.log10(max(float(amplitude), 1e-9)))
