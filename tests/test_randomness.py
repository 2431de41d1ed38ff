"""Draws that are functions of (seed, stream, row), against scipy's distributions and laws."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from musika_tf.randomness import Stream, normal_rows, truncated_normal_rows


def normal(seed=1, stream=Stream.ANCHORS, first_row=0, n_rows=50, size=6):
    return normal_rows(seed, stream, first_row, n_rows, size).numpy()


def truncated(bound, seed=1, stream=Stream.ANCHORS, first_row=0, n_rows=50, size=6):
    return truncated_normal_rows(seed, stream, first_row, n_rows, size, bound).numpy()


@pytest.mark.parametrize("size", [1, 4, 6, 64])
@pytest.mark.parametrize("draw", [normal, lambda **kwargs: truncated(2.0, **kwargs)])
def test_any_range_equals_the_same_range_of_a_longer_one(draw, size):
    whole = draw(first_row=-20, n_rows=50, size=size)
    assert whole.shape == (50, size)
    for first, n in [(-20, 1), (-3, 7), (0, 0), (0, 30), (13, 5)]:
        np.testing.assert_array_equal(draw(first_row=first, n_rows=n, size=size), whole[first + 20 : first + 20 + n])


@pytest.mark.parametrize("first_row", [-(2**40), -1, 2**40])
def test_far_rows_are_as_good_as_near_ones(first_row):
    rows = normal(first_row=first_row, n_rows=2, size=328)
    np.testing.assert_array_equal(normal(first_row=first_row + 1, n_rows=1, size=328), rows[1:])
    assert abs(np.corrcoef(rows)[0, 1]) < 0.25
    assert 0.8 < rows.std() < 1.2


def test_seeds_streams_and_rows_differ():
    draws = [normal(seed=seed, stream=stream, n_rows=1, size=200)[0] for seed in (0, 1, -1, 2**40) for stream in Stream]
    draws += list(normal(n_rows=20, size=200)[1:])
    correlations = np.corrcoef(draws) - np.eye(len(draws))
    assert np.abs(correlations).max() < 0.35  # five standard deviations of 1 / sqrt(200)


def test_streams_keep_their_numbers():
    # They are part of every piece's identity: another number would change all music made so far.
    assert {stream.name: stream.value for stream in Stream} == {
        "ANCHORS": 1,
        "STYLE": 2,
        "GENERATOR_NOISE": 3,
        "DECODER2_NOISE": 4,
        "DECODER1_NOISE": 5,
        "CONDITIONING": 6,
        "MOVEMENT": 7,
        "REFINER_NOISE": 8,
    }


def test_seed_may_be_a_tensor_in_a_graph():
    @tf.function(
        input_signature=[tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.int64), tf.TensorSpec([], tf.int32)]
    )
    def draw(seed, first_row, n_rows):
        return normal_rows(seed, Stream.ANCHORS, first_row, n_rows, 6)

    np.testing.assert_array_equal(draw(1, -5, 9), normal(first_row=-5, n_rows=9))


def test_normal_rows_are_standard_normal():
    numbers = normal(n_rows=400, size=250).ravel()
    assert abs(numbers.mean()) < 0.016  # five standard errors
    assert abs(numbers.std() - 1) < 0.012
    assert abs((numbers**4).mean() - 3) < 0.16
    assert scipy.stats.kstest(numbers, "norm").pvalue > 1e-3
    assert scipy.stats.kstest(normal(n_rows=20_000, size=1).ravel(), "norm").pvalue > 1e-3  # one number of each block


@pytest.mark.parametrize("bound", [0.1, 1.0, 2.0, 3.9])
def test_truncated_normal_rows_are_those_of_scipy(bound):
    numbers = truncated(bound, n_rows=400, size=100)
    oracle = scipy.stats.truncnorm(-bound, bound)
    assert np.abs(numbers).max() <= bound
    assert np.abs(numbers).max() > 0.98 * oracle.ppf(1 - 1e-4)
    assert scipy.stats.kstest(numbers.ravel(), oracle.cdf).pvalue > 1e-3
    assert numbers.std() == pytest.approx(oracle.std(), rel=0.02)


def test_a_lower_bound_keeps_the_order():
    # Inversion: the same piece, drawn in towards the middle, not another one.
    low, high = truncated(0.5).ravel(), truncated(2.0).ravel()
    np.testing.assert_array_equal(np.sign(low), np.sign(high))
    np.testing.assert_array_equal(np.argsort(low), np.argsort(high))
    assert (np.abs(low) < np.abs(high)).all()
