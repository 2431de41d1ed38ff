"""Sets of songs of which the truth is known: a Gaussian for each song's middle, and one for its patches around it."""

import numpy as np


def songs(rng, n_songs, patches=5, d=3, shift=0.0, scale=1.0):
    """List of n_songs arrays `[patches, d]`; over all songs a patch is N(shift on the first axis, 2 scale^2)."""
    middle = np.zeros(d)
    middle[0] = shift
    return [
        middle + scale * (rng.standard_normal(d) + rng.standard_normal([patches, d])) for _ in range(n_songs)
    ]  # fmt: skip


def uneven_songs(seed, n_songs, d, scale=1.0):
    """Songs of one to some dozens of patches."""
    rng = np.random.default_rng(seed)
    lengths = [1, *rng.integers(1, 30, n_songs - 1)]
    return [(scale * (rng.standard_normal(d) + rng.standard_normal([n, d]))).astype(np.float32) for n in lengths]


def true_frechet(d, shift, scale):
    """Of `songs` to those of shift 0 and scale 1."""
    return shift**2 + d * 2 * (scale - 1) ** 2


def true_kad(d, shift, scale, bandwidth):
    """The same by integrals of the Gaussian kernel over Gaussians."""

    def mean_kernel(variance, distance=0.0):
        total = bandwidth**2 + variance
        return (bandwidth**2 / total) ** (d / 2) * np.exp(-(distance**2) / (2 * total))

    return 100 * (mean_kernel(4 * scale**2) + mean_kernel(4) - 2 * mean_kernel(2 * scale**2 + 2, shift))
