import numpy as np
import pytest
import tensorflow as tf

from musika_tf.training.ema import MovingAverage


def test_arithmetic_by_hand():
    weight = tf.Variable(8.0)
    average = MovingAverage([weight], 0.5)
    assert float(average.averages[0]) == 8.0  # starts as the weights
    expected = 8.0
    for n, value in enumerate([1.0, 3.0, -2.0, 5.0, 0.0, 7.0, 7.0, 1.0, 4.0], start=1):
        weight.assign(value)
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))  # 2/11, 3/12, ... and 0.5 from the eighth on
        expected = decay * expected + (1 - decay) * value
        assert float(average.averages[0]) == pytest.approx(expected, rel=1e-5)


def test_long_average_of_noise_is_its_mean():
    weight = tf.Variable(0.0)
    average = MovingAverage([weight], 0.99)
    update = tf.function(lambda x: (weight.assign(x), average.update()), autograph=False)
    for x in np.random.default_rng(0).normal(3.0, 1.0, 1500):
        update(tf.constant(x, tf.float32))
    assert float(average.averages[0]) == pytest.approx(3.0, abs=5 * np.sqrt(0.01 / 2))


def test_keeps_the_average_in_given_variables_and_copies_it():
    weights = [tf.Variable([1.0, 2.0]), tf.Variable(3.0)]
    second_network = [tf.Variable([0.0, 0.0]), tf.Variable(0.0)]
    average = MovingAverage(weights, 0.0, second_network)
    average.update()
    np.testing.assert_array_equal(second_network[0], [1.0, 2.0])
    weights[0].assign([9.0, 9.0])
    average.copy_to(weights)
    np.testing.assert_array_equal(weights[0], [1.0, 2.0])


def test_resumes_exactly_from_a_checkpoint(tmp_path):
    weight = tf.Variable(1.0)
    average = MovingAverage([weight], 0.9)
    weight.assign(5.0)
    average.update()
    path = tf.train.Checkpoint(average=average).write(str(tmp_path / "ck"))
    other_weight = tf.Variable(7.0)
    other = MovingAverage([other_weight], 0.9)
    tf.train.Checkpoint(average=other).read(path).assert_existing_objects_matched()
    for follower, variable in ((average, weight), (other, other_weight)):
        variable.assign(2.0)
        follower.update()
    assert float(other.averages[0]) == float(average.averages[0])
