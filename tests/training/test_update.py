"""One update: applied as a whole or not at all, counted, and at a rate that the guard may lower."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from musika_tf.errors import UserError
from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.update import Guard, all_finite, update


class Pair:
    """Two weights, each with an optimiser of its own and a loss that is a multiple of it."""

    def __init__(self, **limits):
        self.guard = Guard(**{"max_skips": 3, "max_rollbacks": 2, **limits})
        self.weights = [keras.Variable(1.0), keras.Variable(2.0)]
        scale = self.guard["rate_scale"]
        self.optimisers = [Adam(Falling(0.1, 100, 1.0, scale), (0.5, 0.9), [w]) for w in self.weights]
        self.n_applied, self.normalised = tf.Variable(0), tf.Variable(5.0)
        self.step = tf.function(self._step, autograph=False)

    def _step(self, slopes, offset=0.0):
        moved = [(self.normalised, tf.identity(self.normalised))]
        self.normalised.assign_add(1.0)  # as a forward pass of spectral normalisation does
        with tf.GradientTape(persistent=True) as tape:
            losses = [slope * weight + offset for slope, weight in zip(tf.unstack(slopes), self.weights, strict=True)]
        objectives = list(zip(self.optimisers, losses, strict=True))
        update(tape, objectives, self.guard, lambda: self.n_applied.assign_add(1), moved)

    def state(self):
        variables = [*self.weights, self.n_applied, self.normalised]
        return [np.array(v) for v in [*variables, *(v for o in self.optimisers for v in o.variables)]]

    def counters(self):
        return {name: float(v) for name, v in self.guard.variables.items()}


GOOD, BAD = tf.constant([1.0, -1.0]), tf.constant([1.0, np.nan])


@pytest.mark.parametrize(
    ("slopes", "offset"), [([1.0, np.nan], 0.0), ([np.inf, 1.0], 0.0), ([1.0, 1.0], np.inf)], ids=str
)
def test_a_step_that_is_not_finite_changes_nothing_but_its_count(slopes, offset):
    pair = Pair()
    pair.step(GOOD, tf.constant(0.0))
    before = pair.state()
    assert before[2:4] == [1, 6]
    pair.step(tf.constant(slopes), tf.constant(offset))  # the last: a loss of infinity whose gradients are finite
    np.testing.assert_equal(pair.state(), before)
    assert pair.counters() == {"skipped": 1, "in_a_row": 1, "rollbacks": 0, "rate_scale": 1}
    pair.step(GOOD, tf.constant(0.0))
    after = pair.state()
    assert after[2:4] == [2, 7]
    np.testing.assert_allclose(after[:2], [0.8, 2.2], rtol=1e-5)


def test_guard_trips_after_so_many_in_a_row_and_stays():
    guard, tripped = Guard(2, 1), []
    for finite in (False, True, False, True, False, False, True, True, False):
        guard.count(tf.constant(finite))
        tripped.append(guard.tripped)
    assert tripped == [False] * 5 + [True] * 4
    assert int(guard["skipped"]) == 5


def test_going_back_keeps_the_counters_and_halves_the_rate():
    pair = Pair()
    for _ in range(3):
        pair.step(BAD, tf.constant(0.0))

    def restore():  # as from a checkpoint of before
        for name, value in {"skipped": 0, "in_a_row": 0, "rollbacks": 0, "rate_scale": 1}.items():
            pair.guard[name].assign(value)

    pair.guard.go_back(restore)
    assert pair.counters() == {"skipped": 3, "in_a_row": 0, "rollbacks": 1, "rate_scale": 0.5}
    pair.step(GOOD, tf.constant(0.0))
    np.testing.assert_allclose(pair.state()[:2], [0.95, 2.05], rtol=1e-5)  # Adam's first step is its rate


def test_all_finite_is_that_of_numpy():
    tensors = [np.zeros([3, 4], np.float32), np.array(7.0, np.float32), np.full(2, -1e18, np.float32)]
    assert all_finite(tensors)
    for value in (np.nan, np.inf, -np.inf):
        for i, tensor in enumerate(tensors):
            spoilt = tensor.copy()
            spoilt.flat[-1] = value
            assert not all_finite([*tensors[:i], spoilt, *tensors[i + 1 :]])


def test_limits_that_make_no_sense_are_refused():
    with pytest.raises(UserError, match="max_skips=0, max_rollbacks=2: must be at least 1 and 0"):
        Guard(0, 2)
