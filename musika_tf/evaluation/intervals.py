"""Bootstrap intervals over pieces: how far a mean could be another with other pieces of the same kind."""

import numpy as np

_RESAMPLES = 2000
_LEVEL = 95.0  # per cent
_SEED = 0


def interval(values, statistic=None):
    """Mean over pieces and its 95 % interval, the percentile bootstrap (Efron 1979) with pieces as the unit.

    The draw of pieces is fixed, so equal values give an equal interval. It is too narrow for few pieces: of a normal
    distribution it holds the true mean 80 times in 100 with four pieces, 89 with eight, 93 with twenty.

    Args:
      values: a number per piece, or a tuple of k numbers; a piece with a None is left out.
      statistic: function of the means, float64 `[..., k]` -> `[...]`, for what is no mean of the pieces' own values, as
        a ratio of means is; NaN where it is undefined. The mean itself by default, for plain numbers.

    Returns:
      Dict of `mean`, `low`, `high` (None where undefined: no pieces, for low and high fewer than two, or a statistic
      that is undefined) and `pieces`, how many counted.
    """
    rows = [np.atleast_1d(np.array(row, np.float64)) for row in values if _complete(row)]
    nothing = {"mean": None, "low": None, "high": None, "pieces": len(rows)}
    if not rows:
        return nothing
    statistic = statistic or (lambda means: means[..., 0])
    rows = np.stack(rows)
    mean = float(statistic(rows.mean(axis=0)))
    if not np.isfinite(mean):
        return nothing
    draws = np.random.default_rng(_SEED).integers(0, len(rows), (_RESAMPLES, len(rows)))
    drawn = statistic(rows[draws].mean(axis=1))
    if len(rows) < 2 or not np.isfinite(drawn).all():
        return nothing | {"mean": mean}
    low, high = np.percentile(drawn, [50 - _LEVEL / 2, 50 + _LEVEL / 2])
    return nothing | {"mean": mean, "low": float(low), "high": float(high)}


def _complete(row):
    return all(value is not None for value in (row if isinstance(row, tuple) else (row,)))
