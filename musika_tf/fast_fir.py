"""Convolution over time with fewer multiplications: the short-length fast FIR algorithm, of plain operations.

A filter A, B of two taps needs for two steps of its result three products in place of four::

    y[2u]     = x[2u] A     + x[2u + 1] B       (x[2u] - x[2u + 1]) A     + x[2u + 1] (A + B)
    y[2u + 1] = x[2u + 1] A + x[2u + 2] B       (x[2u + 2] - x[2u + 1]) B + x[2u + 1] (A + B)

That holds as well where A and B are filters themselves, of the even and of the odd taps, over every second step. So
four taps need 9 of 16 products, three 8 of 12; for sequences of vectors they are matrix products, beside which the sums
are cheap. The gradients are the same algorithm transposed, at the same saving: TensorFlow derives them, once and twice.
Products are of sums, so float32 loses a bit or two; bfloat16 has none to lose.

Source: Winograd 1980 ("Arithmetic Complexity of Computations"); Mou & Duhamel 1991 ("Short-length FIR filters and their
use in fast nonrecursive filtering").
"""

import tensorflow as tf

_LEAST_CHANNELS = 256  # in and out, below which the sums take what the products save


def pays(x, kernel, stride):
    """Whether a convolution of x `[b, t, in]` with a kernel `[k, in, out]` is faster so, by measurement."""
    n_taps, n_in, n_out = kernel.shape
    size = min((n_taps % stride or stride) * n_in, n_out)
    return n_taps > stride and x.shape[1] >= 2 * stride and x.dtype == tf.float32 and size >= _LEAST_CHANNELS


def filtered(x, taps, n):
    """sum over i of x[t + i] taps[i], for t of 0 .. n - 1: x `[b, n + len(taps) - 1, in]` -> `[b, n, out]`."""
    if len(taps) == 1:
        return _product(x, taps[0])
    if n == 1:
        return tf.add_n([_product(step, tap) for step, tap in zip(tf.split(x, len(taps), axis=1), taps, strict=True)])
    half, even_taps, odd_taps = -(-n // 2), taps[::2], taps[1::2]
    seen = half + len(even_taps) - 1  # of every second step
    even, odd = tf.unstack(tf.reshape(ranged(x, 0, 2 * (seen + 1)), [-1, seen + 1, 2, x.shape[2]]), axis=2)
    odd, after = ranged(odd, 0, seen), ranged(even, 1, seen + 1)
    n_odd = half + len(odd_taps) - 1
    both = [a + b for a, b in zip(even_taps, odd_taps, strict=False)] + even_taps[len(odd_taps) :]
    middle = filtered(odd, both, half)
    first = filtered(ranged(even, 0, seen) - odd, even_taps, half)
    second = filtered(ranged(after - odd, 0, n_odd), odd_taps, half)
    y = tf.stack([first + middle, second + middle], axis=2)
    return ranged(tf.reshape(y, [-1, 2 * half, y.shape[3]]), 0, n)


def _product(x, tap):
    """`[b, n, in]` times `[in, out]`."""
    flat = tf.matmul(tf.reshape(x, [-1, x.shape[2]]), tap)
    return tf.reshape(flat, [-1, x.shape[1], tap.shape[1]])


def ranged(x, begin, end):
    """Steps `begin` .. `end - 1` of `[b, t, channels]`, zeros beyond its ends. Its gradient is such a range again; XLA
    could not differentiate TensorFlow's own twice."""
    n_steps = x.shape[1]
    if (begin, end) == (0, n_steps):
        return x

    @tf.custom_gradient
    def in_range(x):
        first, last = max(begin, 0), min(end, n_steps)
        inside = tf.slice(x, [0, first, 0], [-1, last - first, -1])
        y = tf.pad(inside, [[0, 0], [first - begin, end - last], [0, 0]])
        return y, lambda upstream: ranged(upstream, -begin, n_steps - begin)

    return in_range(x)
