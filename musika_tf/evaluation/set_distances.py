"""All distances of a set of songs to the reference, as plain values: None where there is too little to tell."""

import dataclasses

import numpy as np

from musika_tf.evaluation import bootstrap, distances, kernel_distance
from musika_tf.evaluation.bootstrap import FEWEST_SONGS


def measure(songs, reference, number=1):
    """Distances of a set of songs to the reference, lists of float `[patches, d]`.

    Args:
      number: of the set, from 1 on, for the draws of the bootstrap.

    Returns:
      Dict of
        songs, patches: how many.
        frechet: dict of estimate, corrected, low, high; all but the first None with fewer than ten songs in a set.
        frechet_infinity: dict of distance, r_squared, and the sizes and values that it extrapolates; or None.
        frechet_per_song: dict of mean and median; or None.
        kad: number; or None.
        kad_between_songs: dict of estimate, low, high; or None with a single song.
    """
    return {
        "songs": len(songs),
        "patches": sum(map(len, songs)),
        "frechet": _frechet(songs, reference, number),
        "frechet_infinity": _defined(lambda: _extrapolated(songs, reference)),
        "frechet_per_song": _defined(lambda: _per_song(songs, reference)),
        **_kad(songs, reference, number),
    }


def _defined(function):
    """What a function gives, None where it says that there is too little to measure."""
    try:
        return function()
    except ValueError:
        return None


def _has_interval(songs, reference):
    return min(len(songs), len(reference)) >= FEWEST_SONGS


def _frechet(songs, reference, number):
    if not _has_interval(songs, reference):
        estimate = _defined(lambda: distances.frechet(songs, reference))
        return {"estimate": estimate, "corrected": None, "low": None, "high": None}
    drawn = bootstrap.frechet_resampled(songs, reference, number=number)
    low, high = drawn.interval()
    return {"estimate": drawn.estimate, "corrected": drawn.corrected, "low": low, "high": high}


def _extrapolated(songs, reference):
    found = dataclasses.asdict(distances.frechet_infinity(songs, reference))
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def _per_song(songs, reference):
    found = distances.frechet_per_song(songs, reference)
    values = [float(value) if np.isfinite(value) else None for value in found.values]
    return {"mean": found.mean, "median": found.median, "values": values}


def _kad(songs, reference, number):
    sums = _defined(lambda: kernel_distance.KernelSums.of(songs, reference))
    if sums is None:
        return {"kad": None, "kad_between_songs": None}
    return {"kad": _defined(sums.kad), "kad_between_songs": _defined(lambda: _between(sums, songs, reference, number))}


def _between(sums, songs, reference, number):
    if not _has_interval(songs, reference):
        return {"estimate": float(sums.kad_between_songs()), "low": None, "high": None}
    drawn = bootstrap.kad_resampled(sums, number=number)
    low, high = drawn.interval()
    return {"estimate": drawn.estimate, "low": low, "high": high}
