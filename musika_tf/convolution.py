"""Convolution over time. In training steps much of it, with its gradients, is made of matrix products: these are fast.

Step t of a convolution of k taps and stride s sees x[s t], x[s t + 1], ..., x[s t + k - 1] of x with its padding. With
x folded s steps a row, s taps at a time are one matrix product of what they see::

    x folded, s = 2:   row 0  | x[0] x[1] |            y[t] = row[t] w[0..1] + row[t + 1] w[2..3]
                       row 1  | x[2] x[3] |
                       row 2  | x[4] x[5] |            and its gradients are the transposed products

Of the libraries that TensorFlow computes with, oneDNN is slower than these products at the gradient of the kernel, most
where sequences are short, and at the unpadded convolutions of `layers.TransposedConv`; Eigen at the gradient of x, by
far. Elsewhere the library is as good, and does it. So on x86, where each case was measured:

| | with oneDNN | with Eigen |
|---|---|---|
| y | products if unpadded, of several taps | library |
| gradient of x | products if unpadded, of several taps | products |
| gradient of the kernel | products | products |

Where the kernel covers all of x, which leaves one step, the product is plain, in bundles as well: oneDNN's convolution
takes five times as long for it.

R1 differentiates twice: the gradient of x is linear in what came down and in the kernel, and its own gradients are a
convolution and the gradient of a kernel again.

Wide ones of float32 need fewer products than that: `fast_fir`.
"""

import contextlib
import contextvars

import tensorflow as tf
from keras import ops

from musika_tf import fast_fir
from musika_tf.processor import onednn_switch

_by_products = contextvars.ContextVar("by_products", default=False)


@contextlib.contextmanager
def by_products():
    """While entered, `convolve` is as above; elsewhere, as in bundles, all of more than a step is the library's."""
    before = _by_products.set(True)
    try:
        yield
    finally:
        _by_products.reset(before)


def convolve(x, kernel, bias=None, stride=1, padding="same"):
    """The numbers of `keras.ops.conv`, plus the bias.

    Args:
      x: `[b, t, in]`; of known t where it is by products.
      kernel: `[k, in, out]`.
      bias: `[out]`, or None.
      stride: steps.
      padding: "same" or "valid".

    Returns:
      `[b, ceil(t / stride), out]`; with "valid" `[b, ceil((t - k + 1) / stride), out]`.
    """
    sees_all = x.shape[1] == kernel.shape[0] and (padding == "valid" or kernel.shape[0] == 1)
    if sees_all or not _by_products.get():
        y = _one_step(x, kernel) if sees_all else ops.conv(x, kernel, stride, padding)
        return y if bias is None else ops.add(y, bias)
    weights = [tf.convert_to_tensor(w) for w in (kernel, bias) if w is not None]  # as Keras casts them
    convolution = _Convolution(x, kernel, stride, padding)
    return (convolution.fast if fast_fir.pays(x, kernel, stride) else convolution)(x, *weights)


def _one_step(x, kernel):
    """`[b, k, in]` under a kernel of k taps `[k, in, out]` -> `[b, 1, out]`: one product."""
    n_taps, n_in, n_out = kernel.shape
    y = ops.matmul(ops.reshape(x, (-1, n_taps * n_in)), ops.reshape(kernel, (n_taps * n_in, n_out)))
    return ops.reshape(y, (-1, 1, n_out))


class _Convolution:
    """A convolution of these shapes, and its gradients."""

    def __init__(self, x, kernel, stride, padding):
        self.stride, self.padding = stride, padding.upper()
        self.x_shape, self.n_steps = tf.shape(x), x.shape[1]
        self.n_taps, self.n_in, self.n_out = kernel.shape
        self.n_rows = -(-(self.n_steps - (self.n_taps - 1) * (padding == "valid")) // stride)
        self.n_products = -(-self.n_taps // stride)
        n_seen = (self.n_rows - 1) * stride + self.n_taps
        self.before = max(n_seen - self.n_steps, 0) // 2 if padding == "same" else 0
        self.length = (self.n_rows + self.n_products - 1) * stride  # of x, padded and cut
        unpadded = padding == "valid" and self.n_taps > 1
        with_onednn = onednn_switch() is True  # as programs that train ask for it
        self.library_is_good_forward = not (unpadded and with_onednn)
        self.library_is_good_backward = not unpadded and with_onednn

    def __call__(self, x, kernel, *bias):
        """The result, plus the bias, if there is one: added here, TensorFlow fuses it with its convolution."""

        @tf.custom_gradient
        def convolved(x, kernel, *bias):
            def gradients(upstream):
                to_bias = [tf.raw_ops.BiasAddGrad(out_backprop=upstream) for _ in bias]
                return self._to_x(upstream, kernel), self._to_kernel(x, upstream), *to_bias

            y = self._y(x, kernel)
            return tf.nn.bias_add(y, *bias) if bias else y, gradients

        return convolved(x, kernel, *bias)

    def fast(self, x, kernel, *bias):
        """The same with fewer products, and gradients that TensorFlow derives."""
        seen = fast_fir.ranged(x, -self.before, self.length - self.before)
        rows = tf.reshape(seen, [-1, self.length // self.stride, self.stride * self.n_in])
        taps, missing = self._taps(kernel), self.n_products * self.stride - self.n_taps
        if not missing:
            y = fast_fir.filtered(rows, taps, self.n_rows)
        else:  # the last taps see less of a row than the others: two filters
            sizes = [(self.stride - missing) * self.n_in, missing * self.n_in]
            long, short = tf.split(rows, sizes, axis=2)
            short = fast_fir.ranged(short, 0, short.shape[1] - 1)
            long_taps, short_taps = map(list, zip(*(tf.split(tap, sizes) for tap in taps), strict=True))
            y = fast_fir.filtered(long, long_taps, self.n_rows)
            y += fast_fir.filtered(short, short_taps[:-1], self.n_rows)
        return tf.nn.bias_add(y, *bias) if bias else y

    def _to_x(self, y, kernel):
        """The gradient of x where that of the result is `y`."""

        @tf.custom_gradient
        def to_x(y, kernel):
            return self._x(y, kernel), lambda upstream: (self(upstream, kernel), self._to_kernel(upstream, y))

        return to_x(y, kernel)

    def _y(self, x, kernel):
        if self.library_is_good_forward:
            return tf.nn.conv1d(x, kernel, self.stride, self.padding)
        y = tf.add_n([tf.matmul(*pair) for pair in zip(self._rows(x), self._taps(kernel), strict=True)])
        return tf.reshape(y, [-1, self.n_rows, self.n_out])

    def _x(self, y, kernel):
        if self.library_is_good_backward:
            return tf.nn.conv1d_transpose(y, kernel, self.x_shape, self.stride, self.padding)
        y = tf.reshape(y, [-1, self.n_out])
        shifted = []
        for i, taps in enumerate(self._taps(kernel)):
            rows = tf.reshape(tf.matmul(y, taps, transpose_b=True), [-1, self.n_rows, self.stride * self.n_in])
            shifted.append(tf.pad(rows, [[0, 0], [i, self.n_products - 1 - i], [0, 0]]))
        padded = tf.reshape(tf.add_n(shifted), [-1, self.length, self.n_in])
        unseen = self.before + self.n_steps - self.length
        padded = tf.pad(padded, [[0, 0], [0, unseen], [0, 0]]) if unseen > 0 else padded
        return padded[:, self.before : self.before + self.n_steps]

    def _to_kernel(self, x, y):
        """The gradient of the kernel where `x` was convolved and that of the result is `y`."""
        y = tf.reshape(y, [-1, self.n_out])
        products = [tf.matmul(rows, y, transpose_a=True) for rows in self._rows(x)]
        return tf.reshape(tf.concat(products, axis=0), [-1, self.n_in, self.n_out])[: self.n_taps]

    def _rows(self, x):
        """What `stride` taps at a time see: a list of `[b * n_rows, stride * in]`."""
        after = max(self.length - self.before - self.n_steps, 0)
        if self.before or after:
            x = tf.pad(x, [[0, 0], [self.before, after], [0, 0]])
        rows = tf.reshape(x[:, : self.length], [-1, self.length // self.stride, self.stride * self.n_in])
        return [tf.reshape(rows[:, i : i + self.n_rows], [-1, self.stride * self.n_in]) for i in range(self.n_products)]

    def _taps(self, kernel):
        """The kernel, `stride` taps at a time: a list of `[stride * in, out]`."""
        missing = self.n_products * self.stride - self.n_taps
        kernel = tf.pad(kernel, [[0, missing], [0, 0], [0, 0]]) if missing else kernel
        return tf.unstack(tf.reshape(kernel, [self.n_products, self.stride * self.n_in, self.n_out]))
