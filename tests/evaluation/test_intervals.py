import numpy as np
import pytest

from musika_tf.evaluation.intervals import interval


def test_mean_and_interval_of_two_pieces_by_hand():
    """Of two pieces 0 and 1 a resample is 0, 1/2 or 1, a quarter of the time each end."""
    assert interval([0.0, 1.0]) == {"mean": 0.5, "low": 0.0, "high": 1.0, "pieces": 2}


def test_a_wide_sample_has_the_interval_of_its_standard_error():
    values = np.random.default_rng(0).normal(5, 2, 400)
    found = interval(list(values))
    error = values.std() / np.sqrt(400)
    assert found["mean"] == pytest.approx(values.mean())
    np.testing.assert_allclose([found["low"], found["high"]], values.mean() + [-1.96 * error, 1.96 * error], atol=0.02)
    assert interval(list(values)) == found


def test_nothing_is_invented():
    assert interval([]) == interval([None]) == {"mean": None, "low": None, "high": None, "pieces": 0}
    assert interval([None, 3]) == {"mean": 3.0, "low": None, "high": None, "pieces": 1}


def test_a_statistic_of_the_means():
    """Of rows (numerator, denominator): a ratio of means, not a mean of ratios."""
    rows = [(1.0, 1.0), (1.0, 3.0), (None, 5.0), (2.0, 2.0)]
    found = interval(rows, lambda means: means[..., 0] / means[..., 1])
    assert found["mean"] == pytest.approx(4 / 6) and found["pieces"] == 3
    assert 1 / 3 <= found["low"] < 4 / 6 < found["high"] <= 1


def test_a_statistic_that_is_undefined_has_no_interval():
    def undefined_above(limit):
        return lambda means: np.where(means[..., 0] > limit, np.nan, means[..., 0])

    assert interval([0.0, 1.0], undefined_above(0.4))["mean"] is None
    partly = interval([0.0, 1.0], undefined_above(0.6))  # some resamples are (1, 1)
    assert (partly["mean"], partly["low"], partly["high"]) == (0.5, None, None)
