"""KAD, the kernel audio distance: unbiased squared maximum mean discrepancy (MMD) of embeddings, times 100.

    k(x, y) = exp(-|x - y|^2 / (2 sigma^2)), sigma the median distance within the reference
    KAD = 100 (mean k(x, x') + mean k(y, y') - 2 mean k(x, y)), over pairs of different patches

No assumption on the distribution, and no bias with the number of patches: it may fall below 0. Kernels are summed song
by song, so that other weights of the songs cost next to nothing.

Sources: Chung et al. 2025 (arXiv:2502.15602); the factor and sigma as in their toolkit kadtk 1.1 (`SCALE_FACTOR`,
`median_pairwise_distance`), which takes sigma from the second set it is given; here that is always the reference.
"""

import dataclasses
import itertools

import numpy as np

from musika_tf.evaluation.distances import checked, checked_pair

SCALE = 100.0
_BLOCK = 1024  # patches on each side that are in memory as a matrix, 8 MB
_MEDIAN_PATCHES = 4096  # 8.4 million distances, 67 MB


def kad(generated, reference, bandwidth=None):
    """KAD as published: all pairs of different patches count, those within a song too.

    Args:
      generated, reference: lists of float `[patches, d]`.
      bandwidth: sigma; default: `median_distance` of the reference.

    Raises:
      ValueError: as `distances.checked_pair` and `median_distance`; a set of a single patch.
    """
    return KernelSums.of(generated, reference, bandwidth).kad()


def median_distance(songs, most_patches=_MEDIAN_PATCHES):
    """Median distance between two patches of a set of songs: of all pairs, or where there are more than most_patches
    patches, of all pairs of that many, evenly spread. ValueError where it is 0, or there is only one patch."""
    rows = np.concatenate(checked(songs, "reference"))
    if len(rows) > most_patches:
        rows = rows[np.arange(most_patches) * len(rows) // most_patches]
    if len(rows) < 2:
        raise ValueError("reference: a single patch has no median distance; give longer or more songs")
    rows = rows - rows.mean(axis=0)  # fewer digits cancel
    distances = np.concatenate([_following(rows, i) for i in range(0, len(rows), _BLOCK)])
    median = float(np.median(distances))
    if not median > 0:
        raise ValueError("reference: half of its patches or more are equal; give others")
    return median


def _following(rows, start):
    """Distances of each of the `_BLOCK` rows from `start` on to all rows behind it, `[pairs]`."""
    squares = _squared_distances(rows[start : start + _BLOCK], rows[start:])
    return np.sqrt(squares[np.triu_indices(len(squares), 1, squares.shape[1])])


@dataclasses.dataclass(frozen=True)
class KernelSums:
    """Kernels summed over all pairs of patches of any two songs; a patch is no pair with itself.

    Attributes:
      within_generated: float64 `[g, g]` for g songs; on the diagonal the pairs within a song.
      within_reference: `[r, r]`.
      across: `[g, r]`.
      generated_patches, reference_patches: float64 `[g]` and `[r]`, how many each song has.
    """

    within_generated: np.ndarray
    within_reference: np.ndarray
    across: np.ndarray
    generated_patches: np.ndarray
    reference_patches: np.ndarray

    @classmethod
    def of(cls, generated, reference, bandwidth=None):
        """Sums of two sets of songs; arguments and errors as `kad`. Memory does not grow with the songs' length."""
        generated, reference = checked_pair(generated, reference)
        bandwidth = median_distance(reference) if bandwidth is None else bandwidth
        if not (np.isfinite(bandwidth) and bandwidth > 0):
            raise ValueError(f"bandwidth {bandwidth}: give a number above 0")
        origin = np.concatenate(reference).mean(axis=0)  # fewer digits cancel
        first, second = (_Pooled.of(songs, origin, bandwidth) for songs in (generated, reference))
        return cls(_sums(first), _sums(second), _sums(first, second), first.patches, second.patches)

    def kad(self):
        """The distance as published; ValueError where a set has a single patch."""
        g, r = self.generated_patches, self.reference_patches
        if min(g.sum(), r.sum()) < 2:
            raise ValueError("a set has a single patch; KAD needs two in each")
        within_generated = self.within_generated.sum() / (g.sum() * (g.sum() - 1))
        within_reference = self.within_reference.sum() / (r.sum() * (r.sum() - 1))
        across = self.across.sum() / (g.sum() * r.sum())
        return SCALE * float(within_generated + within_reference - 2 * across)

    def kad_between_songs(self, generated_counts=None, reference_counts=None):
        """KAD over pairs of patches from different songs, which alone are independent.

        Patches of a song resemble each other, so that pairs within songs raise the published distance, the more the
        fewer songs there are. Without them it is unbiased for sets of songs, each patch counted alike.

        Args:
          generated_counts, reference_counts: how often each song counts, `[..., g]` and `[..., r]`; default: once.
            A song is never a pair with its own copy.

        Returns:
          float64 `[...]`.

        Raises:
          ValueError: fewer than two songs in a set.
        """
        if min(self.across.shape) < 2:
            raise ValueError("a set has a single song; pairs between songs need two in each")
        g = np.ones(self.across.shape[0]) if generated_counts is None else generated_counts
        r = np.ones(self.across.shape[1]) if reference_counts is None else reference_counts
        within_generated = _mean_between(self.within_generated, self.generated_patches, g)
        within_reference = _mean_between(self.within_reference, self.reference_patches, r)
        n_pairs = (g @ self.generated_patches) * (r @ self.reference_patches)
        across = np.sum((g @ self.across) * r, axis=-1) / n_pairs
        return SCALE * (within_generated + within_reference - 2 * across)


def _mean_between(sums, patches, counts):
    """Mean kernel of two patches from different songs that count `[..., songs]` times."""
    between = sums - np.diag(np.diag(sums))
    n_pairs = (counts @ patches) ** 2 - counts**2 @ patches**2
    return np.sum((counts @ between) * counts, axis=-1) / n_pairs


@dataclasses.dataclass(frozen=True)
class _Pooled:
    """All patches of a set of songs over sqrt(2) sigma, `rows` `[n, d]`, with `song` `[n]` and `patches` `[songs]`."""

    rows: np.ndarray
    song: np.ndarray
    patches: np.ndarray

    @classmethod
    def of(cls, songs, origin, bandwidth):
        lengths = np.array([len(song) for song in songs])
        rows = (np.concatenate(songs) - origin) / (np.sqrt(2) * bandwidth)
        return cls(rows, np.repeat(np.arange(len(songs)), lengths), lengths.astype(float))

    def blocks(self):
        """Slices of the rows, in order."""
        return [slice(i, i + _BLOCK) for i in range(0, len(self.rows), _BLOCK)]


def _sums(first, second=None):
    """Kernels summed song by song, `[songs, songs']`, of two sets, or of the pairs within one."""
    second, is_within = second or first, second is None
    sums = np.zeros([len(first.patches), len(second.patches)])
    for a, b in itertools.product(first.blocks(), second.blocks()):
        if is_within and b.start < a.start:
            continue  # the mirror image of another
        kernel = np.exp(-_squared_distances(first.rows[a], second.rows[b]))
        if is_within and a == b:
            np.fill_diagonal(kernel, 0)
        songs_a, at_a = np.unique(first.song[a], return_index=True)
        songs_b, at_b = np.unique(second.song[b], return_index=True)
        part = np.add.reduceat(np.add.reduceat(kernel, at_a, axis=0), at_b, axis=1)
        sums[np.ix_(songs_a, songs_b)] += part
        if is_within and a != b:
            sums[np.ix_(songs_b, songs_a)] += part.T
    return sums


def _squared_distances(a, b):
    """`[n, d]` and `[m, d]` -> `[n, m]`, none below 0."""
    squares = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1) - 2 * a @ b.T
    return np.maximum(squares, 0)
