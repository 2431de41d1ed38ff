"""Layers against NumPy by hand and against keras.layers."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from musika_tf import layers


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


# TransposedConv


@pytest.mark.parametrize(("n_steps", "n_in", "n_out"), [(1, 3, 2), (2, 1, 5), (9, 6, 4)])
def test_transposed_conv_is_the_one_of_keras(n_steps, n_in, n_out):
    ours, theirs = layers.TransposedConv(n_out), keras.layers.Conv1DTranspose(n_out, 4, 2, padding="same")
    x = tf.constant(normal(2, n_steps, n_in))
    ours(x), theirs(x)
    assert ours.stock_shape == tuple(theirs.kernel.shape) and ours.count_params() == theirs.count_params()
    kernel, bias = (normal(*w.shape, seed=i + 1) for i, w in enumerate(theirs.weights))
    ours.set_weights([layers.interleaved(kernel), bias]), theirs.set_weights([kernel, bias])
    upstream = normal(2, 2 * n_steps, n_out, seed=5)
    results = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(y * upstream)
        of_x, of_kernel, of_bias = tape.gradient(loss, [x, layer.kernel.value, layer.bias.value])
        results.append([y, of_x, layers.interleaved(of_kernel) if layer is theirs else of_kernel, of_bias])
    assert results[0][0].shape == [2, 2 * n_steps, n_out]
    for mine, oracle in zip(*results, strict=True):
        np.testing.assert_allclose(mine, oracle, atol=2e-5)


def test_transposed_conv_by_hand():
    layer = layers.TransposedConv(1)
    layer(tf.zeros([1, 2, 1]))
    layer.set_weights([layers.interleaved(np.array([1.0, 10.0, 100.0, 1000.0])[:, None, None]), np.array([0.5])])
    y = layer(tf.constant([[[1.0], [2.0]]]))[0, :, 0]
    # even[i] = x[i-1] w3 + x[i] w1, odd[i] = x[i] w2 + x[i+1] w0
    np.testing.assert_array_equal(y, [10.5, 100 + 2 + 0.5, 1000 + 20 + 0.5, 200.5])


def test_transposed_conv_starts_as_the_one_of_keras():
    ours, theirs = layers.TransposedConv(64), keras.layers.Conv1DTranspose(64, 4, 2, padding="same")
    ours(tf.zeros([1, 2, 32])), theirs(tf.zeros([1, 2, 32]))
    a, b = ours.kernel.numpy(), theirs.kernel.numpy()
    assert np.abs(a).max() == pytest.approx(np.abs(b).max(), rel=1e-2) and a.std() == pytest.approx(b.std(), rel=0.05)


# Sliced


@pytest.mark.parametrize(("start", "stop"), [(0, None), (1, None), (0, -1), (2, 5), (-3, None), (3, -3)])
@pytest.mark.parametrize("axis", [1, 2])
def test_a_slice_and_its_gradient_are_those_of_indexing(start, stop, axis):
    x, index = tf.constant(normal(2, 7, 8)), (*[slice(None)] * axis, slice(start, stop))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layers.sliced(x, start, stop, axis)
        loss = tf.reduce_sum(y**2)
    np.testing.assert_array_equal(y, x.numpy()[index])
    expected = np.zeros_like(x)
    expected[index] = 2 * x.numpy()[index]
    np.testing.assert_array_equal(tape.gradient(loss, x), expected)


# Noise


def test_noise_is_one_value_a_step_shared_by_all_channels():
    layer = layers.Noise()
    x, noise = normal(2, 5, 3), normal(2, 5, seed=1)
    np.testing.assert_array_equal(layer(x, noise), x)  # the scalar starts at 0
    layer.scale.assign(-0.7)
    added = layer(x, noise).numpy() - x
    np.testing.assert_allclose(added, np.repeat(-0.7 * noise[:, :, None], 3, axis=2), atol=1e-6)
    np.testing.assert_array_equal(layer(x), x)
    assert layer.count_params() == 1


def test_noise_starts_where_it_is_told():
    layer = layers.Noise(0.25)
    np.testing.assert_array_equal(layer(tf.zeros([1, 2, 2]), tf.ones([1, 2])), np.full([1, 2, 2], 0.25))


def test_several_noise_values_a_step_go_to_the_channels_by_a_matrix():
    layer = layers.Noise(0.3, n_values=2)
    x, noise = normal(2, 5, 3), normal(2, 10, seed=1)
    layer(x, noise)
    matrix = normal(2, 3, seed=2)
    layer.scale.assign(matrix)
    expected = x + np.einsum("btv,vc->btc", noise.reshape(2, 5, 2), matrix)
    np.testing.assert_allclose(layer(x, noise), expected, atol=1e-6)
    np.testing.assert_array_equal(layer(x), x)
    assert layer.count_params() == 6


def test_several_noise_values_add_at_first_what_one_would():
    layer = layers.Noise(0.25, n_values=8)
    added = layer(tf.zeros([4, 100, 64]), tf.constant(normal(4, 800)))
    assert np.std(added) == pytest.approx(0.25, rel=0.1)


def test_split_noise_shares_out_in_order():
    noise = np.arange(14, dtype=np.float32).reshape(2, 7)
    parts = [np.asarray(part) for part in layers.split_noise(tf.constant(noise), [4, 1, 2])]
    np.testing.assert_array_equal(parts[0], [[0, 1, 2, 3], [7, 8, 9, 10]])
    np.testing.assert_array_equal(parts[1], [[4], [11]])
    np.testing.assert_array_equal(parts[2], [[5, 6], [12, 13]])
    assert len(parts) == 3


def test_split_noise_of_none_is_none_for_every_layer():
    parts = layers.split_noise(None, [4, 1])
    assert [next(parts) for _ in range(3)] == [None] * 3


# SpatialAdaIN


def test_spatial_adain_by_hand():
    layer = layers.SpatialAdaIN(2)
    x, coordinates = normal(2, 6, 2) * 3 + 5, normal(2, 6, 4, seed=1)
    layer(x, coordinates)
    kernel, bias = normal(1, 4, 2, seed=2), normal(2, seed=3)
    layer.set_weights([kernel, bias])
    deviation = x.std(axis=1, keepdims=True)  # of the population: ddof 0
    expected = x / (deviation + 1e-5) * (coordinates @ kernel[0] + bias)
    np.testing.assert_allclose(layer(x, coordinates), expected, rtol=1e-4, atol=1e-4)


def test_spatial_adain_of_a_constant_is_finite():
    layer = layers.SpatialAdaIN(1)
    layer(np.ones([1, 4, 1], np.float32), np.ones([1, 4, 1], np.float32))
    layer.set_weights([np.ones([1, 1, 1]), np.zeros([1])])
    y = layer(np.full([1, 4, 1], 1e-5, np.float32), np.ones([1, 4, 1], np.float32))
    np.testing.assert_allclose(y, np.ones([1, 4, 1]), rtol=1e-3)


def test_spatial_adain_takes_statistics_of_half_precision_in_float32():
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        layer = layers.SpatialAdaIN(1)
        x = np.array([300.0, -300.0] * 4, np.float16)[None, :, None]  # squares overflow float16
        layer(x, np.ones([1, 8, 1], np.float16))
        layer.set_weights([np.ones([1, 1, 1]), np.zeros([1])])
        y = layer(x, np.ones([1, 8, 1], np.float16))
    finally:
        keras.config.set_dtype_policy(policy)
    assert y.dtype == tf.float16
    np.testing.assert_allclose(y[0, :, 0], [1, -1] * 4, atol=1e-2)


# pixel_shuffle, fold, unfold


def test_pixel_shuffle_turns_channel_pairs_into_two_steps():
    x = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    np.testing.assert_array_equal(
        layers.pixel_shuffle(tf.constant(x)), [[[0, 2], [1, 3], [4, 6], [5, 7], [8, 10], [9, 11]]]
    )


def test_fold_cuts_each_item_into_its_windows():
    x = normal(2, 12, 3)
    folded = layers.fold(tf.constant(x), 4).numpy()
    assert folded.shape == (6, 4, 3)
    np.testing.assert_array_equal(folded[1], x[0, 4:8])
    np.testing.assert_array_equal(folded[3], x[1, :4])


@pytest.mark.parametrize("window", [1, 4, 12])
def test_unfold_is_the_inverse_of_fold(window):
    x = normal(2, 12, 3)
    np.testing.assert_array_equal(layers.unfold(layers.fold(tf.constant(x), window), 2), x)


# clip_straight_through


def test_clip_straight_through_clips():
    np.testing.assert_array_equal(
        layers.clip_straight_through(tf.constant([-3.0, -1.0, 0.25, 1.0, 1.5])), [-1.0, -1.0, 0.25, 1.0, 1.0]
    )


@pytest.mark.parametrize(
    ("x", "upstream", "expected"),
    [
        (0.5, 2.0, 2.0),
        (-0.5, -2.0, -2.0),
        (1.0, -2.0, -2.0),  # on the edge is inside
        (1.5, 2.0, 2.0),  # descent leads back
        (1.5, -2.0, 0.0),  # descent leads further out
        (-1.5, -2.0, -2.0),
        (-1.5, 2.0, 0.0),
    ],
)
@pytest.mark.parametrize("traced", [False, True])
def test_clip_straight_through_gradient(x, upstream, expected, traced):
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = upstream * layers.clip_straight_through(x)
        return tape.gradient(loss, x)

    function = tf.function(gradient) if traced else gradient
    assert float(function(tf.constant(x))) == expected


# leaky_relu


def test_leaky_relu_and_its_gradient_are_those_of_tensorflow():
    x, upstream = tf.constant(normal(50)), tf.constant(normal(50, seed=1))
    results = []
    for function in (layers.leaky_relu, lambda x: tf.nn.leaky_relu(x, 0.2)):
        with tf.GradientTape(persistent=True) as outer:
            outer.watch([x, upstream])
            with tf.GradientTape() as inner:
                inner.watch(x)
                y = function(x)
            slope = inner.gradient(y, x, upstream)
        results.append([y, slope, outer.gradient(slope, upstream)])
    for mine, oracle in zip(*results, strict=True):
        np.testing.assert_allclose(mine, oracle, atol=1e-6)


def test_leaky_relu_sends_no_second_gradient_to_its_input():
    x = tf.constant(normal(5))
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = layers.leaky_relu(x)
        slope = inner.gradient(y, x)
    assert outer.gradient(slope, x) is None


@pytest.mark.parametrize("asked", [{"dilation_rate": 2}, {"groups": 2}])
def test_a_convolution_refuses_what_it_would_leave_out(asked):
    with pytest.raises(ValueError, match=f"{next(iter(asked))}=.*neither is made here"):
        layers.Conv1D(4, 3, **asked)(tf.zeros([1, 8, 4]))
