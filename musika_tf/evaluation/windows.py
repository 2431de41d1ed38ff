"""Whether the windows of a generator repeat one another, read from its latents.

The generator makes windows one by one, and neighbours have nearly the same coordinates: one that hardly uses its noise
plays the same bars again and again. Tags and distances between sets of songs hardly see it.
"""

import numpy as np

# Lags, as shares of a window, of spans that are about as far apart as two neighbours and not in line with the window.
_UNALIGNED = (0.75, 0.8125, 0.875, 0.9375, 1.0625, 1.125, 1.1875, 1.25)


def position_share(latents, window=128, per_piece=False):
    """Share of the latents' variance over time that the position within the window explains.

    Near 1 every window repeats one template (time-template collapse); in real music it is near 0.

    With x[r, j, c] position j of window r (of R, the whole ones of all pieces) in channel c, less the window's mean,
    m[j, c] its mean over r, and e = x - m:

        explained = sum over c of  mean_j m^2  -  mean_rj e^2 / (R - 1)
        share     = explained / sum over c of the mean variance over time of the pieces

    The subtracted term is what independent windows leave by chance: without it white noise has a share of 1/R.

    Args:
      latents: list of `[n, channels]` of any lengths; each starts on the generator's grid.
      window: latents.
      per_piece: True lets each piece have a template of its own (R is its number of windows, both sums run over pieces
        too), and counts a musical loop of exactly one window as well.

    Returns:
      0 on average for noise, 1 for a template repeated exactly. Can be slightly negative.

    Raises:
      ValueError: too few windows, values that are not finite, or latents that do not vary.
    """
    pieces = [_whole_windows(piece, window) for piece in latents]
    groups = pieces if per_piece else [np.concatenate(pieces)] if pieces else []
    if min(map(len, groups), default=0) < 2:
        raise ValueError(f"position_share needs two windows of {window} latents{' in each piece' * per_piece}")
    total = sum(len(piece) * piece.var(axis=(0, 1)).sum() for piece in pieces if len(piece))
    if total == 0:
        raise ValueError("the latents do not vary over time")
    explained = sum(len(group) * _variance_by_position(group) for group in groups)
    return float(explained / total)


def _whole_windows(piece, window):
    """`[n, channels]` -> float64 `[windows, window, channels]`."""
    piece = _finite(piece)
    n_windows = len(piece) // window
    return piece[: n_windows * window].reshape(n_windows, window, piece.shape[-1])


def _finite(piece):
    piece = np.asarray(piece, np.float64)
    if not np.isfinite(piece).all():
        raise ValueError("the latents have values that are not finite")
    return piece


def _variance_by_position(windows):
    """Bias-corrected variance that the position explains, summed over channels."""
    windows = windows - windows.mean(axis=1, keepdims=True)
    template = windows.mean(axis=0)
    chance = np.mean((windows - template) ** 2, axis=(0, 1)) / (len(windows) - 1)
    return np.sum(np.mean(template**2, axis=0) - chance)


def neighbour_distance(latents, window=128):
    """Mean squared distance of neighbouring windows, place by place, over that of spans about as far apart which are
    not in line with the windows: lags of 0.75 to 1.25 windows, but for one.

    1 in music, which knows nothing of windows; 0 where every window repeats the one before. Unlike `position_share` of
    each piece it sees windows that repeat for a while and then change. A loop of exactly one window is below 1, too.

    Args:
      latents: list of `[n, channels]`; what is shorter than a window and a quarter is left out.
      window: latents, a multiple of 16.

    Raises:
      ValueError: no piece that is long enough, values that are not finite, or latents that do not vary.
    """
    lags = [window, *(round(share * window) for share in _UNALIGNED)]
    pieces = [_finite(piece) for piece in latents]
    pieces = [piece for piece in pieces if len(piece) > max(lags)]
    if not pieces:
        raise ValueError(f"neighbour_distance needs a piece of more than {max(lags)} latents")
    aligned, *others = (_distance_at(pieces, lag) for lag in lags)
    if not any(others):
        raise ValueError("the latents do not vary over time")
    return float(aligned / np.mean(others))


def _distance_at(pieces, lag):
    """Mean squared distance of latents that are `lag` apart."""
    squares = [np.square(piece[lag:] - piece[:-lag]).sum(axis=1) for piece in pieces]
    return np.mean(np.concatenate(squares))
