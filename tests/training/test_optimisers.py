import keras
import numpy as np
import pytest
import tensorflow as tf

from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.update import Guard, update


def apply(optimiser, tape, loss):
    update(tape, [(optimiser, loss)], Guard(3, 3), lambda: None)


def step(optimiser, weight, slope):
    with tf.GradientTape() as tape:
        loss = slope * weight
    apply(optimiser, tape, loss)


def test_rate_falls_along_a_cosine():
    # Adam's first step is its rate, whatever the gradient; with betas of 0 every step is.
    weight = keras.Variable(0.0)
    optimiser = Adam(Falling(0.1, 10, 0.2), (0.0, 0.0), [weight])
    for n in range(12):
        before = float(weight)
        step(optimiser, weight, 3.0)
        share = 0.2 + 0.8 * (1 + np.cos(np.pi * min(n, 10) / 10)) / 2
        assert before - float(weight) == pytest.approx(0.1 * share, rel=1e-3)


def test_share_of_1_keeps_the_rate():
    weight = keras.Variable(0.0)
    optimiser = Adam(Falling(0.1, 10, 1.0), (0.0, 0.0), [weight])
    for _ in range(20):
        step(optimiser, weight, -1.0)
    assert float(weight) == pytest.approx(2.0, rel=1e-4)


def test_betas_by_hand():
    weight = keras.Variable(0.0)
    optimiser = Adam(Falling(0.1, 1000, 1.0), (0.5, 0.9), [weight])
    expected, m, v = 0.0, 0.0, 0.0
    for n, slope in enumerate([2.0, -1.0, 4.0], start=1):
        step(optimiser, weight, slope)
        m, v = 0.5 * m + 0.5 * slope, 0.9 * v + 0.1 * slope**2
        expected -= 0.1 * (m / (1 - 0.5**n)) / np.sqrt(v / (1 - 0.9**n))
        assert float(weight) == pytest.approx(expected, rel=1e-4)


def test_norm_is_clipped_over_all_weights():
    weights = [keras.Variable(0.0), keras.Variable(0.0)]
    optimiser = Adam(Falling(1.0, 10, 1.0), (0.0, 0.0), weights, clip_norm=1e-7)
    with tf.GradientTape() as tape:
        loss = 3.0 * weights[0] + 4.0 * weights[1]
    apply(optimiser, tape, loss)
    # Clipped to 0.6e-7 and 0.8e-7, next to Adam's epsilon of 1e-7.
    np.testing.assert_allclose([float(w) for w in weights], [-0.6 / 1.6, -0.8 / 1.8], rtol=1e-3)


def test_weights_that_the_loss_does_not_reach_stay():
    weights = [keras.Variable(1.0), keras.Variable(1.0)]
    optimiser = Adam(Falling(0.1, 10, 1.0), (0.5, 0.9), weights)
    with tf.GradientTape() as tape:
        loss = 2.0 * weights[0]
    apply(optimiser, tape, loss)
    assert float(weights[0]) == pytest.approx(0.9, rel=1e-4)
    assert float(weights[1]) == 1.0
