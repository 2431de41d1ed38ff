"""How far music is from the music that a model learned: whether it copies.

For each patch of features (MusiCNN's, one a second, 3 s long) the distance to the nearest patch of the training set is
taken, Euclidean and in any `coherence.Scale`. Held-out music, which no model has seen, tells what such distances are
without copying:

    originality = median distance of the piece / median distance of held-out music

1 is as far from the training set as held-out music, 0 a copy whose patches begin where the training set's do. Noise is
far from all music and so above 1: this is a yardstick of copying, not of quality.

MusiCNN hears shifts of a fraction of a second, so a copy that begins elsewhere is not at 0: excerpts of a training
track of piano, begun a fraction of a second later, are at 0.4 to 0.65, and 61 to 100 % of their patches count as copied
(0.25 to 0.5 and 83 to 100 % with training patches every 0.25 s). To judge a model, put training excerpts that went
through its autoencoder beside its pieces.
"""

import numpy as np

_QUERIES_AT_ONCE, _TRAINING_AT_ONCE = 512, 8192  # 32 MiB of squared distances
COPIED_PERCENTILE = 5.0


def nearest(queries, training):
    """Distance and index of the training row nearest to each query.

    Args:
      queries: `[n, d]`, scaled.
      training: `[m, d]`, in the same scale.

    Returns:
      float64 `[n]`, exactly 0 where the row is in `training`, and int `[n]`.

    Raises:
      ValueError: no training rows, different numbers of dimensions, or values that are not finite.
    """
    queries, training = np.asarray(queries, np.float64), np.asarray(training, np.float64)
    if queries.ndim != 2 or training.ndim != 2 or not len(training) or queries.shape[1] != training.shape[1]:
        raise ValueError(f"nearest needs rows of one dimension, got {queries.shape} and {training.shape}")
    if not (np.isfinite(queries).all() and np.isfinite(training).all()):
        raise ValueError("the features have values that are not finite")
    index = np.concatenate(
        [np.zeros(0, int), *(_nearest_index(some, training) for some in _chunks(queries, _QUERIES_AT_ONCE))]
    )
    return np.linalg.norm(queries - training[index], axis=1), index


def _chunks(rows, size):
    return (rows[i : i + size] for i in range(0, len(rows), size))


def _nearest_index(queries, training):
    """Index of the nearest training row, `[n]`, without a matrix of all distances."""
    best, index = np.full(len(queries), np.inf), np.zeros(len(queries), int)
    for number, some in enumerate(_chunks(training, _TRAINING_AT_ONCE)):
        squared = np.sum(some**2, axis=1) - 2 * queries @ some.T  # less the query's own square
        place = squared.argmin(axis=1)
        value = np.take_along_axis(squared, place[:, None], axis=1)[:, 0]
        closer = value < best
        best[closer], index[closer] = value[closer], place[closer] + number * _TRAINING_AT_ONCE
    return index


def originality(distances, held_out):
    """Ratio of the medians of two arrays of `nearest` distances; None if one is empty, or the held-out music is itself
    in the training set."""
    if not len(distances) or not len(held_out) or not np.median(held_out):
        return None
    return float(np.median(distances) / np.median(held_out))


def copied(distances, held_out):
    """Share of the distances below the 5th percentile of held-out music's: 0.05 if nothing is copied, 1 if all is; None
    as in `originality`."""
    if originality(distances, held_out) is None:
        return None
    return float(np.mean(distances < np.percentile(held_out, COPIED_PERCENTILE)))
