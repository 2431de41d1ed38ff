"""Frechet distance between two sets of features, each taken as one Gaussian (Heusel et al. 2017)."""

import numpy as np


def frechet_distance(features_a, features_b):
    """||mean_a - mean_b||^2 + tr(S_a + S_b - 2 sqrt(S_a S_b)), of float `[rows, features]`; covariances over rows - 1.

    With S = R^T R (R from the QR factorisation of the centred rows) the eigenvalues of S_a S_b are the squared singular
    values of R_a R_b^T: the trace of the root is their sum, exact where rows are few and a matrix root turns complex.
    Few rows bias it upwards: compare only sets of similar size.

    Raises:
      ValueError: fewer than two rows, different numbers of features or values that are not finite.
    """
    return between(gaussian(features_a), gaussian(features_b))


def gaussian(features):
    """Mean `[features]` and a root R `[rank, features]` of the covariance, S = R^T R; errors as `frechet_distance`."""
    features = np.asarray(features, np.float64)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"a Frechet distance needs at least two rows of features, got shape {features.shape}")
    if not np.isfinite(features).all():
        raise ValueError("the features have values that are not finite")
    mean = features.mean(axis=0)
    return mean, np.linalg.qr((features - mean) / np.sqrt(len(features) - 1), mode="r")


def between(gaussian_a, gaussian_b):
    """The distance between two pairs of mean and root, as `gaussian` gives them; ValueError where sizes differ."""
    return max(0.0, sum(parts(gaussian_a, gaussian_b)))  # rounding can leave -1e-13


def parts(gaussian_a, gaussian_b):
    """The two parts of `between`: that of the means, and that of the covariances, which rounding may leave below 0."""
    (mean_a, root_a), (mean_b, root_b) = gaussian_a, gaussian_b
    if len(mean_a) != len(mean_b):
        raise ValueError(f"the sets have {len(mean_a)} and {len(mean_b)} features")
    trace_of_root = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    return float(np.sum((mean_a - mean_b) ** 2)), float(np.sum(root_a**2) + np.sum(root_b**2) - 2 * trace_of_root)
