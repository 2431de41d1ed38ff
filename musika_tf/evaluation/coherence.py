"""Coherence over time and repetition, from embeddings of a piece: what no distance between distributions sees.

Features are MusiCNN's `[patches, 200]`, a patch of 3.01 s every 0.992 s. They are taken in the `Scale` of one set, less
its mean and divided by its standard deviation in each dimension, so that curves of several folders compare. Two patches
are as similar as the cosine of their scaled features: 1 alike, 0 as far apart as two patches of any music, -1 opposite.

    similarity(lag)  mean over all pairs of patches of a piece that lie `lag` apart; falls with the lag in real music
    shuffled         mean over all pairs of the piece: what each lag has on average over all orders, so a flat line
    floor            mean over all pairs with one patch in this piece and one in another of the folder
    coherence(lag) = (similarity(lag) - floor) / (similarity(3 s) - floor)

Coherence is 1 where a piece stays what it was, 0 where it ends up as far from itself as from other pieces; what is
missing to 1 is the share of the similarity that decays. Lags start at 3 s, since patches closer than that hear the
same samples. The scale's set is one of the folders, or better a larger one: P pieces in their own scale have a floor
below 0 (about -1 / P times what a piece's patches have in common).
"""

from dataclasses import dataclass

import numpy as np

LAGS = (3, 5, 10, 20, 40, 80)  # seconds
HOP_SECONDS = 0.992  # from patch to patch: a second in whole frames of MusiCNN
BLOCK_SECONDS = 8.0  # of sound are looked for elsewhere in the piece
AWAY_SECONDS = 10.0  # at least, from a block to its repetition
SMALLEST_CONTRAST = 0.02  # between similarity at 3 s and floor, below which pieces can't be told apart

_PATCH_SECONDS = 3.0
_FEWEST_PAIRS = 10
_ORDERS = 3  # random ones that tell what chance is
_SMALLEST_DEVIATION = 1e-4  # of features over a piece, in those of the scale; below are rounding errors
_BLOCKS_AT_ONCE = 512  # bounds the memory
_DECIMALS = 6  # lags whose similarities agree so far tie, and the shortest wins


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation per dimension, float64 `[d]` each; call it with features.

    A dimension that does not vary in the set has standard deviation 1 here.
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, features):
        """Of features `[n, d]`; ValueError if there are none or some are not finite."""
        features = _checked(features)
        deviation = features.std(axis=0)
        return cls(features.mean(axis=0), np.where(deviation > 0, deviation, 1.0))

    def __call__(self, features):
        """`[n, d]` -> float64 `[n, d]`, in standard deviations from the mean; ValueError as in `of`."""
        return (_checked(features) - self.mean) / self.deviation


def _checked(features):
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or not len(features):
        raise ValueError(f"features have the shape [patches, dimensions], got {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("the features have values that are not finite")
    return features


def similarity(scaled, lag_seconds):
    """Mean cosine of the patches `[n, d]` (scaled) of one piece that lie `lag_seconds` apart; None below ten pairs."""
    lag = round(lag_seconds / HOP_SECONDS)
    if lag < 1:
        raise ValueError(f"a lag is at least {HOP_SECONDS} s, got {lag_seconds}")
    if len(scaled) - lag < _FEWEST_PAIRS:
        return None
    units = _units(scaled)
    return float(np.mean(np.sum(units[lag:] * units[:-lag], axis=1)))


def shuffled(scaled):
    """Mean cosine of all pairs of different patches `[n, d]` (scaled) of one piece; None below two patches.

    This is the expectation of `similarity` at every lag over all orders of the patches.
    """
    n = len(scaled)
    if n < 2:
        return None
    units = _units(scaled)
    with_itself = np.sum(units**2)
    return float((np.sum(units.sum(axis=0) ** 2) - with_itself) / (n * (n - 1)))


def floors(pieces):
    """For each piece, of a list of `[n, d]` (scaled), the mean cosine of its patches with those of the others, which
    count alike whatever their length; None for a piece alone."""
    if len(pieces) < 2:
        return [None] * len(pieces)
    means = np.stack([_units(piece).mean(axis=0) for piece in pieces])
    others = (means.sum(axis=0) - means) / (len(means) - 1)
    return [float(value) for value in np.sum(means * others, axis=1)]


def coherence(similarity_at_lag, similarity_at_shortest, floor):
    """Share of the similarity at the shortest lag that is left, arrays or numbers; NaN where that is within 0.02 of the
    floor, since pieces that are all alike have nothing of their own to keep."""
    contrast = np.subtract(similarity_at_shortest, floor)
    kept = np.subtract(similarity_at_lag, floor)
    return np.divide(kept, contrast, out=np.full_like(contrast, np.nan), where=contrast >= SMALLEST_CONTRAST)


def _units(scaled):
    """Rows of length 1; a row of zeros, which has no direction, stays."""
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(length > 0, length, 1.0)


@dataclass(frozen=True)
class Repetition:
    """How much of a piece returns.

    Attributes:
      best: mean over blocks of the highest similarity with a block 10 s away or more: 1 where every block returns
        exactly.
      chance: the same of the piece's patches in random order. The longer a piece, the higher.
      lag_seconds: the lag at which the whole piece repeats itself most, 10 s to half its length.
      at_lag: mean similarity of all blocks with those that lag later: 1 for an exact loop, about 0 for none.
    """

    best: float
    chance: float
    lag_seconds: float
    at_lag: float


def repetition(scaled):
    """The `Repetition` of one piece `[n, d]` (scaled); None if it is shorter than 20 s and a block, or never changes.

    A block is 8 s of sound, 6 patches. Similarity is the cosine of two blocks, less the piece's own mean (that of the
    scale would make noise, where every second sounds alike, a loop). A loop is exact only if it lasts a whole number of
    hops: a loop of piano that lasts half a hop more has 0.9 (`best`) and 0.8 (`at_lag`). Piano music that does not loop
    has 0.4 and 0.1, no more than chance: this finds loops, not a theme that returns in other notes.
    """
    size = 1 + round((BLOCK_SECONDS - _PATCH_SECONDS) / HOP_SECONDS)
    away = int(np.ceil(AWAY_SECONDS / HOP_SECONDS))
    n_blocks = len(scaled) - size + 1
    if n_blocks < 2 * away or np.std(scaled, axis=0).max() < _SMALLEST_DEVIATION:
        return None
    blocks = _blocks(scaled, size)
    orders = [np.random.default_rng(seed).permutation(scaled) for seed in range(_ORDERS)]
    by_lag = [np.mean(np.sum(blocks[lag:] * blocks[:-lag], axis=1)) for lag in range(away, n_blocks // 2 + 1)]
    strongest = int(np.argmax(np.round(by_lag, _DECIMALS)))
    return Repetition(
        best=float(np.mean(_best_elsewhere(blocks, away))),
        chance=float(np.mean([_best_elsewhere(_blocks(order, size), away) for order in orders])),
        lag_seconds=(away + strongest) * HOP_SECONDS,
        at_lag=float(by_lag[strongest]),
    )


def _blocks(scaled, size):
    """`[n, d]` -> all runs of `size` patches, less the piece's mean, as unit rows `[n - size + 1, d * size]`."""
    runs = np.lib.stride_tricks.sliding_window_view(scaled - scaled.mean(axis=0), size, axis=0)
    return _units(runs.reshape(len(runs), -1))


def _best_elsewhere(blocks, away):
    """The highest cosine of each block (unit rows) with one at least `away` rows from it: `[blocks]`."""
    places = np.arange(len(blocks))
    best = []
    for first in range(0, len(blocks), _BLOCKS_AT_ONCE):
        some = slice(first, first + _BLOCKS_AT_ONCE)
        cosines = blocks[some] @ blocks.T
        cosines[np.abs(places[some, None] - places) < away] = -np.inf
        best.append(cosines.max(axis=1))
    return np.concatenate(best)
