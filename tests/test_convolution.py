"""Our convolution and its gradients, once and twice differentiated, against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf
from tiny import normal

from musika_tf import convolution, fast_fir
from musika_tf.processor import ONEDNN_SWITCH
from musika_tf.training.devices import Devices

SHAPES = [  # steps, kernel, stride, padding
    (9, 4, 1, "same"),
    (9, 4, 2, "same"),
    (8, 3, 2, "same"),
    (8, 4, 2, "same"),
    (7, 5, 3, "same"),
    (5, 1, 1, "same"),
    (5, 1, 2, "same"),
    (2, 4, 2, "same"),
    (1, 4, 1, "same"),
    (10, 2, 1, "valid"),
    (10, 4, 3, "valid"),
    (9, 2, 4, "valid"),
    (11, 16, 1, "same"),
    (16, 16, 1, "valid"),
]


def stock(x, kernel, bias, stride, padding):
    y = tf.nn.conv1d(x, kernel, stride, padding.upper())
    return y if bias is None else y + bias


def derivatives(convolve, n_steps, n_taps, stride, padding, with_bias):
    """The result, its gradients, and those of a penalty on the gradient of x, as R1 is."""
    x, kernel = tf.constant(normal(3, n_steps, 5)), tf.constant(normal(n_taps, 5, 2, seed=1))
    variables = [x, kernel, *([tf.constant(normal(2, seed=2))] if with_bias else [])]
    with tf.GradientTape(persistent=True) as outer:
        outer.watch(variables)
        with tf.GradientTape() as inner:
            inner.watch(variables)
            y = convolve(x, kernel, variables[2] if with_bias else None, stride, padding)
            loss = tf.reduce_sum(tf.sin(y))
        first = inner.gradient(loss, variables)
        penalty = tf.reduce_sum(first[0] ** 2 * normal(*x.shape, seed=3))
    return [y, *first, *outer.gradient(penalty, variables)]


@pytest.mark.parametrize("switch", ["0", "1"])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(("n_steps", "n_taps", "stride", "padding"), SHAPES)
def test_convolution_and_its_gradients_are_those_of_tensorflow(
    n_steps, n_taps, stride, padding, with_bias, switch, monkeypatch
):
    settings = n_steps, n_taps, stride, padding, with_bias
    monkeypatch.setenv(ONEDNN_SWITCH, switch)
    derive = tf.function(derivatives, autograph=False)
    with convolution.by_products():
        ours = derive(convolution.convolve, *settings)
    theirs = derive(stock, *settings)
    assert len(ours) == len(theirs) == (7 if with_bias else 5)
    for mine, oracle in zip(ours, theirs, strict=True):
        assert mine.shape == oracle.shape
        np.testing.assert_allclose(mine, oracle, atol=2e-4, rtol=2e-4)


@pytest.fixture
def fast(monkeypatch):
    """All convolutions by the fast algorithm, however narrow."""
    monkeypatch.setattr(fast_fir, "pays", lambda *_: True)
    with convolution.by_products():
        yield


@pytest.mark.parametrize(("n_steps", "n_taps", "stride", "padding"), [s for s in SHAPES if s[1] >= s[2]])
def test_the_fast_algorithm_has_the_same_numbers(n_steps, n_taps, stride, padding, fast):
    settings = n_steps, n_taps, stride, padding, False
    ours = derivatives(convolution.convolve, *settings)
    for mine, oracle in zip(ours, derivatives(stock, *settings), strict=True):
        assert mine.shape == oracle.shape
        np.testing.assert_allclose(mine, oracle, rtol=0, atol=2e-5 * np.abs(oracle).max())


@pytest.mark.parametrize("shape", [(9, 4, 2, "same"), (9, 3, 2, "same"), (7, 2, 1, "valid")])
def test_xla_differentiates_the_fast_algorithm_twice(shape, fast):
    def derive():
        return derivatives(convolution.convolve, *shape, False)

    for mine, oracle in zip(tf.function(derive, jit_compile=True)(), derivatives(stock, *shape, False), strict=True):
        np.testing.assert_allclose(mine, oracle, rtol=0, atol=2e-5 * np.abs(oracle).max())


@pytest.mark.parametrize(
    ("n_taps", "stride", "share"), [(4, 1, 9 / 16), (4, 2, 3 / 4), (2, 1, 3 / 4), (3, 1, 2 / 3), (3, 2, 5 / 6)]
)
def test_the_fast_algorithm_saves_products(n_taps, stride, share, fast):
    """As its docstring says, of the result and of both gradients."""
    steps, n_in, n_out = 32, 7, 11

    def gradients(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = convolution.convolve(x, kernel, None, stride, "same")
            loss = tf.reduce_sum(y**2)  # so that the result is needed
        return tape.gradient(loss, [x, kernel])

    function = tf.function(gradients, autograph=False)
    graph = function.get_concrete_function(tf.zeros([2, steps, n_in]), tf.zeros([n_taps, n_in, n_out])).graph
    found = 0
    for product in (operation for operation in graph.get_operations() if operation.type == "MatMul"):
        a, b = (x.shape for x in product.inputs)
        inner = a[0] if product.get_attr("transpose_a") else a[1]
        found += product.outputs[0].shape.num_elements() * inner
        assert inner in b
    assert found == 3 * share * 2 * (steps // stride) * n_taps * n_in * n_out


@pytest.mark.parametrize(
    ("expected", "n_steps", "n_taps", "stride", "channels", "dtype"),
    [
        (True, 8, 4, 1, 256, tf.float32),
        (True, 8, 4, 2, 256, tf.float32),
        (False, 8, 4, 1, 255, tf.float32),
        (False, 8, 4, 1, 256, tf.bfloat16),  # which has no bit to lose
        (True, 8, 3, 2, 256, tf.float32),
        (False, 8, 2, 2, 256, tf.float32),
        (False, 8, 1, 1, 256, tf.float32),
        (False, 1, 4, 1, 256, tf.float32),
    ],
)
def test_wide_float32_convolutions_of_training_are_fast(expected, n_steps, n_taps, stride, channels, dtype):
    x, kernel = tf.zeros([1, n_steps, channels], dtype), tf.zeros([n_taps, channels, channels], dtype)
    assert fast_fir.pays(x, kernel, stride) == expected

    def convolved(x, kernel):
        return convolution.convolve(x, kernel, None, stride)

    graph = tf.function(convolved, autograph=False)
    with convolution.by_products():
        found = {operation.type for operation in graph.get_concrete_function(x, kernel).graph.get_operations()}
    assert ("Conv2D" not in found) == expected


def operations(function, *shapes):
    """The operations of a function's gradients."""

    def gradients(*tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            y = function(*tensors)
        return tape.gradient(y, tensors)

    graph = tf.function(gradients, autograph=False).get_concrete_function(*map(tf.zeros, shapes)).graph
    return {operation.type for operation in graph.get_operations()}


def test_products_are_for_training_steps_alone():
    shapes = [2, 8, 3], [4, 3, 5]
    plain = operations(convolution.convolve, *shapes)
    assert "MatMul" not in plain and "Conv2DBackpropFilter" in plain and "IdentityN" not in plain
    with convolution.by_products():
        found = operations(convolution.convolve, *shapes)
    assert "MatMul" in found and "Conv2DBackpropFilter" not in found
    assert operations(convolution.convolve, *shapes) == plain


@pytest.mark.parametrize("gpus", [[], ["GPU"]])
def test_devices_choose_products_where_there_is_no_gpu(monkeypatch, gpus):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    found = set()
    Devices().function(lambda x, kernel: found.update(operations(convolution.convolve, x.shape, kernel.shape)))(
        tf.zeros([2, 8, 3]), tf.zeros([4, 3, 5])
    )
    assert ("MatMul" in found) == (not gpus)


@pytest.mark.parametrize(
    ("expected", "n_steps", "n_taps", "padding"),
    [
        (True, 3, 3, "valid"),
        (True, 1, 1, "same"),
        (False, 3, 3, "same"),
        (False, 4, 3, "valid"),
        (False, 2, 1, "valid"),
    ],
)
def test_a_kernel_that_covers_all_is_one_product_in_bundles_too(expected, n_steps, n_taps, padding):
    x, kernel, bias = normal(2, n_steps, 5), normal(n_taps, 5, 3, seed=1), normal(3, seed=2)
    convolved = tf.function(lambda x: convolution.convolve(x, kernel, bias, padding=padding), autograph=False)
    np.testing.assert_allclose(convolved(x), stock(x, kernel, bias, 1, padding), rtol=0, atol=1e-5)
    found = {operation.type for operation in convolved.get_concrete_function(tf.constant(x)).graph.get_operations()}
    assert ("MatMul" in found, "Conv2D" in found) == (expected, not expected)
