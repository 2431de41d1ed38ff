"""Others and ours in turn, so that both meet the same disturbance, and the ratios within a round."""

import statistics

from benchmarks.results import spread
from benchmarks.worker import Taken


def interleaved(others, measure, measure_ours, n_runs):
    """Measures ours, one of the others, ours, the next one, ..., ours: `n_runs` times.

    Args:
      others: what is measured beside ours.
      measure: function of one of them to what it took.
      measure_ours: the same of ours, without arguments.
      n_runs: rounds.

    Yields:
      (its place, what it took, what ours took before, and after), one for each of the others in each round.
    """
    for _ in range(n_runs):
        before = measure_ours()
        for i, other in enumerate(others):
            took, after = measure(other), measure_ours()
            yield i, took, before, after
            before = after


def times_as_fast(rounds):
    """How many times as fast ours was, by each clock.

    Other programs come and go while one works, so it is held against the mean of ours before and after.

    Args:
      rounds: (another's Taken, [ours before, ours after]) of each round.

    Returns:
      {"wall": a `results.spread`, "cpu": another}.
    """
    rounds = list(rounds)
    return {
        clock: spread(took[k] / statistics.mean(t[k] for t in beside) for took, beside in rounds)
        for k, clock in enumerate(Taken._fields)
    }
