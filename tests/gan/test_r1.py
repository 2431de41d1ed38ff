import numpy as np
import pytest
import tensorflow as tf
from tiny import normal

from musika_tf.gan.r1 import R1Controller, scores_and_penalty


def test_controller_starts_fully_on():
    assert float(R1Controller(10.0).weight) == 10.0


def test_controller_trajectory_by_hand():
    controller = R1Controller(10.0)
    # mean D(real), mean D(fake) -> certainty -> switch
    for real, fake, switch in [
        (0.0, 0.0, -0.9999),  # 0: rises
        (5.0, -5.0, -1.0),  # clipped to 1: falls
        (1.0, -1.0, -1.0),  # 1: stays at the lowest
        (0.5, -0.5, -0.9999),  # 0.5: rises
        (1.0, -0.79, -0.9998),  # 0.895: not above 0.9
        (1.0, -0.81, -0.9999),  # 0.905
        (-3.0, 3.0, -0.9998),  # clipped to 0
    ]:
        controller.update(real, fake)
        assert float(controller.switch) == pytest.approx(switch, abs=1e-6)
        assert float(controller.weight) == pytest.approx(-10 * switch, abs=1e-5)


def test_controller_ends_fully_off():
    controller = R1Controller(10.0)
    controller.switch.assign(-1.5e-4)
    for expected in (-0.5e-4, 0.0, 0.0):
        controller.update(0.0, 0.0)
        assert float(controller.switch) == pytest.approx(expected, abs=1e-9)


def test_inactive_controller_stays_on():
    controller = R1Controller(50.0, active=False)
    controller.update(0.0, 0.0)
    assert float(controller.weight) == 50.0


def test_penalty_of_a_critic_with_a_known_gradient():
    real, weights = normal(3, 4, 2), normal(4, 2, seed=1)
    heads = [tf.constant([[1.0, 3.0]]), tf.constant([[2.0]])]  # of 2 patches and of 1: 2 in the mean, twice
    # D(x) = 2 sum(w x^2) / 2, so its gradient is 2 w x.

    def energy(x):
        return tf.reduce_sum(weights * x**2, axis=(1, 2))[:, None] / 2

    scores, penalty = scores_and_penalty(lambda x: [energy(x) * head for head in heads], tf.constant(real))
    np.testing.assert_allclose(scores[0], energy(real) * [[1.0, 3.0]], rtol=1e-5)
    assert scores[1].shape == [3, 1]
    assert float(penalty) == pytest.approx(np.mean(np.sum((2 * weights * real) ** 2, axis=(1, 2))), rel=1e-5)


def test_penalty_is_float32_and_can_be_differentiated():
    scale = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        _, penalty = scores_and_penalty(
            lambda x: [scale * tf.reduce_sum(x, axis=(1, 2))[:, None]], tf.ones([2, 4, 2], tf.float16)
        )
    assert penalty.dtype == tf.float32
    assert float(penalty) == 9 * 8
    assert float(tape.gradient(penalty, scale)) == 2 * 3 * 8
