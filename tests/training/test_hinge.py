"""The hinge loss against hand arithmetic."""

import pytest
import tensorflow as tf

from musika_tf.training import hinge


def test_hinge_by_hand():
    real = [tf.constant([[0.5, 2.0]]), tf.constant([[-1.0]])]
    fake = [tf.constant([[-3.0, 0.0]]), tf.constant([[0.5]])]
    # First head: real (0.5 + 0) / 2, fake (0 + 1) / 2; second: real 2, fake 1.5.
    assert float(hinge.on_real(real)) == pytest.approx((0.25 + 2) / 2)
    assert float(hinge.on_fake(fake)) == pytest.approx((0.5 + 1.5) / 2)
    assert float(hinge.mean(fake)) == pytest.approx((-1.5 + 0.5) / 2)


def test_it_is_zero_when_the_critic_is_sure():
    assert float(hinge.on_real([tf.constant([1.0, 3.0])])) == float(hinge.on_fake([tf.constant([-1.0, -3.0])])) == 0
