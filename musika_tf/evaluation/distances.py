"""Frechet distance between two sets of songs: as it is, extrapolated to endless sets, and song by song.

A set of songs is a list of float `[patches, d]`, a song's embeddings in order. The plain distance is biased upwards by
about c / n for n patches (or songs), so sets of different sizes can't be compared by it; the extrapolated one can.

Sources: Kilgour et al. 2019 (arXiv:1812.08466) for the distance of audio, Chong & Forsyth 2020 (arXiv:1911.07023) for
the extrapolation, Gui et al. 2024 (arXiv:2311.01616) for both on music, and for the distance of each song.
"""

import dataclasses

import numpy as np

from musika_tf.frechet import between, frechet_distance, gaussian

UNITS = ("patches", "songs")
_FEWEST_SIZES = 3


@dataclasses.dataclass(frozen=True)
class Extrapolation:
    """A distance extrapolated to endlessly many patches or songs.

    Attributes:
      distance: where the line meets 1/n = 0; may fall below 0 where the sets are of one distribution.
      slope: of the line over 1/n.
      r_squared: share of the values' variance that the line explains; a low one says not to trust it.
      sizes, values: how many patches or songs, and the mean distance of the subsets of that size.
    """

    distance: float
    slope: float
    r_squared: float
    sizes: tuple
    values: tuple


@dataclasses.dataclass(frozen=True)
class PerSong:
    """The distance of each song: `values` float64 `[songs]`, NaN for a song of one patch; the rest leaves it out."""

    values: np.ndarray
    mean: float
    median: float


def checked(songs, what="songs"):
    """A set of songs as a list of float64 `[patches, d]`; ValueError, which names `what`, where it is none."""
    songs = [np.asarray(song, np.float64) for song in songs]
    if not songs:
        raise ValueError(f"{what}: no songs to measure")
    for i, song in enumerate(songs):
        if song.ndim != 2 or not len(song) or song.shape[1:] != songs[0].shape[1:]:
            raise ValueError(f"{what}: song {i} has shape {song.shape}, the first {songs[0].shape}; [patches, d] works")
        if not np.isfinite(song).all():
            raise ValueError(f"{what}: song {i} has values that are not finite")
    return songs


def checked_pair(generated, reference):
    """Two sets of songs of one d, as `checked`."""
    generated, reference = checked(generated, "generated"), checked(reference, "reference")
    if generated[0].shape[1] != reference[0].shape[1]:
        raise ValueError(f"the sets have {generated[0].shape[1]} and {reference[0].shape[1]} features")
    return generated, reference


def frechet(generated, reference):
    """Frechet distance of all patches of one set of songs to all of another; ValueError as `checked_pair`."""
    generated, reference = checked_pair(generated, reference)
    return frechet_distance(np.concatenate(generated), np.concatenate(reference))


def frechet_per_song(generated, reference):
    """`PerSong`: each song against the whole reference.

    Only songs of about the same length compare: what a short one lacks to span the space counts as distance.
    """
    generated, reference = checked_pair(generated, reference)
    whole = gaussian(np.concatenate(reference))
    values = np.array([between(gaussian(song), whole) if len(song) > 1 else np.nan for song in generated])
    if np.isnan(values).all():
        raise ValueError("generated: every song has a single patch; two at least make a distance")
    return PerSong(values, float(np.nanmean(values)), float(np.nanmedian(values)))


def frechet_infinity(generated, reference, unit="patches", n_sizes=15, n_draws=8, seed=0):
    """The Frechet distance that endless generated sets would have: an Extrapolation, FAD-infinity by Gui et al.

    Subsets of n_sizes sizes, a quarter of the set to all of it, are measured, n_draws of each; a line over 1/n is
    fitted to their means. Subsets are drawn without replacement: any is then itself a sample of its size. (fadtk draws
    with replacement, and so extrapolates to the set that it has, whose own bias stays.) The reference stays whole, and
    its bias with it: hold what is compared against the same one.

    Args:
      unit: what is drawn, of UNITS. Patches of a song resemble each other, so that patches, as published, remove less
        of the bias than songs do; songs need some dozens of them.
      seed: the same one gives the same result; each subset is a function of (seed, size, draw) alone.

    Raises:
      ValueError: as `checked_pair`, another unit, or too few patches or songs for three sizes.
    """
    generated, reference = checked_pair(generated, reference)
    if unit not in UNITS:
        raise ValueError(f"unit {unit!r}: give one of {', '.join(UNITS)}")
    units = generated if unit == "songs" else np.concatenate(generated)[:, None]
    sizes = np.unique(np.linspace(max(len(units) // 4, 2), len(units), n_sizes).astype(int))
    if len(sizes) < _FEWEST_SIZES:
        raise ValueError(f"generated: {len(units)} {unit} are too few to extrapolate from")
    whole = gaussian(np.concatenate(reference))
    values = [_mean_distance(units, int(size), whole, 1 if size == len(units) else n_draws, seed) for size in sizes]
    return _fitted(sizes, np.array(values))


def _mean_distance(units, size, whole, n_draws, seed):
    """Mean distance of n_draws subsets of `size` units, each `[patches, d]`, to a Gaussian."""
    distances = []
    for draw in range(n_draws):
        chosen = np.random.default_rng([seed, size, draw]).choice(len(units), size, replace=False)
        rows = np.concatenate([units[i] for i in np.sort(chosen)])
        covariance = np.cov(rows, rowvar=False).reshape(1, rows.shape[1], rows.shape[1])
        distances.append(to_gaussian(rows.mean(axis=0)[None], covariance, *whole)[0])
    return np.mean(distances)


def to_gaussian(means, covariances, mean, roots):
    """Distances `[b]` of Gaussians, means `[b, d]` and covariances `[b, d, d]`, to one or to b others.

    As `musika_tf.frechet.between`, faster where rows are many, and exact to some 1e-7 of the variance.

    Args:
      mean: `[d]` or `[b, d]`.
      roots: R with S = R^T R, `[rank, d]` or `[b, rank, d]`.
    """
    inner = roots @ covariances @ np.swapaxes(roots, -1, -2)
    traces_of_root = np.sqrt(np.maximum(np.linalg.eigvalsh(inner), 0)).sum(axis=-1)
    variances = np.trace(covariances, axis1=-2, axis2=-1) + np.sum(roots**2, axis=(-2, -1))
    return np.sum((means - mean) ** 2, axis=-1) + variances - 2 * traces_of_root


def _fitted(sizes, values):
    """The Extrapolation of distances over 1 / size, by least squares."""
    inverse = 1 / sizes
    slope, intercept = np.polyfit(inverse, values, 1)
    left = np.sum((values - slope * inverse - intercept) ** 2)
    spread = np.sum((values - values.mean()) ** 2)
    r_squared = float(1 - left / spread) if spread > 0 else 1.0
    return Extrapolation(float(intercept), float(slope), r_squared, tuple(map(int, sizes)), tuple(map(float, values)))
