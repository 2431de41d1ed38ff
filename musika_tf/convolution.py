"""Convolution over time. In training steps its kernel gradient is made of matrix products, which are fast.

On processors the library's own kernel gradient runs at 0.2 to 0.9 of the rate of a matrix product, the less the fewer
steps a sequence has, and it was two fifths of the GAN's step. Step t of a convolution of k taps and stride s sees ::

    x[s t], x[s t + 1], ..., x[s t + k - 1]        of x with its padding

so that with x folded s steps a row, the gradients of s taps of the kernel at a time are one product of what these taps
saw, transposed, and what came down. The gradient of x is the library's transposed convolution, whose own gradients are
again these two: R1 differentiates twice.
"""

import contextlib
import contextvars

import tensorflow as tf
from keras import ops

_by_products = contextvars.ContextVar("by_products", default=False)


@contextlib.contextmanager
def kernel_gradients_by_products():
    """While entered, `convolve` has its own gradients; elsewhere, as in bundles, all is the library's."""
    before = _by_products.set(True)
    try:
        yield
    finally:
        _by_products.reset(before)


def convolve(x, kernel, bias=None, stride=1, padding="same"):
    """The numbers of `keras.ops.conv`, plus the bias.

    Args:
      x: `[b, t, in]`; of known t where gradients are by products.
      kernel: `[k, in, out]`.
      bias: `[out]`, or None.
      stride: steps.
      padding: "same" or "valid".

    Returns:
      `[b, ceil(t / stride), out]`; with "valid" `[b, ceil((t - k + 1) / stride), out]`.
    """
    if not _by_products.get():
        y = ops.conv(x, kernel, stride, padding)
        return y if bias is None else ops.add(y, bias)
    padding, kernel = padding.upper(), tf.convert_to_tensor(kernel)  # as Keras casts it
    if bias is None:
        return _forward(x, kernel, stride, padding)
    bias = tf.convert_to_tensor(bias)

    @tf.custom_gradient
    def biased(x, kernel, bias):
        def gradient(upstream):
            to_x = _backward(upstream, kernel, x, stride, padding)
            return to_x, _to_kernel(x, upstream, kernel, stride, padding), tf.raw_ops.BiasAddGrad(out_backprop=upstream)

        return tf.nn.bias_add(tf.nn.conv1d(x, kernel, stride, padding), bias), gradient

    return biased(x, kernel, bias)


def _forward(x, kernel, stride, padding):
    @tf.custom_gradient
    def forward(x, kernel):
        def gradient(upstream):
            return _backward(upstream, kernel, x, stride, padding), _to_kernel(x, upstream, kernel, stride, padding)

        return tf.nn.conv1d(x, kernel, stride, padding), gradient

    return forward(x, kernel)


def _backward(y, kernel, x, stride, padding):
    """The gradient of `x` where that of the convolution's result is `y`."""
    shape = tf.shape(x)

    @tf.custom_gradient
    def backward(y, kernel):
        def gradient(upstream):
            return _forward(upstream, kernel, stride, padding), _to_kernel(upstream, y, kernel, stride, padding)

        return tf.nn.conv1d_transpose(y, kernel, shape, stride, padding), gradient

    return backward(y, kernel)


def _to_kernel(x, y, kernel, stride, padding):
    """The gradient of the kernel where `x` was convolved and the gradient of the result is `y`."""
    n_taps, n_in, n_out = kernel.shape
    n_steps, n_rows = x.shape[1], y.shape[1]
    n_products = -(-n_taps // stride)
    missing = max((n_rows - 1) * stride + n_taps - n_steps, 0) if padding == "SAME" else 0
    length = (n_rows + n_products - 1) * stride
    if missing or length > n_steps:
        x = tf.pad(x, [[0, 0], [missing // 2, max(length - n_steps - missing // 2, 0)], [0, 0]])
    rows = tf.reshape(x[:, :length], [-1, n_rows + n_products - 1, stride * n_in])
    y = tf.reshape(y, [-1, n_out])
    products = [
        tf.matmul(tf.reshape(rows[:, i : i + n_rows], [-1, stride * n_in]), y, transpose_a=True)
        for i in range(n_products)
    ]
    return tf.reshape(tf.concat(products, axis=0), [-1, n_in, n_out])[:n_taps]
