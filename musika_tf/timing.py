"""How long something takes on this machine."""

import statistics
import time

_CALLS = 3  # at least, of which the median counts
_ENOUGH_SECONDS = 2.0


def median_seconds(function):
    """Median time of a few calls."""
    taken = []
    while len(taken) < _CALLS or sum(taken) < _ENOUGH_SECONDS:
        begin = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)
