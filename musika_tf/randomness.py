"""Random numbers that are pure functions of (seed, stream, row): any range of rows can be drawn alone.

Rows are blocks of a Philox counter sequence, so a range costs what it is long, wherever it lies, and equals
the same range of a longer draw. The key is a hash of (seed, stream).
"""

import enum

import tensorflow as tf

_PHILOX = 1
_PER_BLOCK = 4  # numbers that one counter value yields
_ORIGIN = 2**48  # counter of row 0: rows may be negative, and a counter must not wrap


class Stream(enum.IntEnum):
    """What a draw is for. The numbers are part of every piece's identity: never change them."""

    ANCHORS = 1
    STYLE = 2
    GENERATOR_NOISE = 3
    DECODER2_NOISE = 4
    DECODER1_NOISE = 5
    CONDITIONING = 6
    MOVEMENT = 7
    REFINER_NOISE = 8


def normal_rows(seed, stream, first_row, n_rows, size):
    """Rows `first_row` .. `first_row + n_rows - 1` of an endless table of N(0, 1): float32 `[n_rows, size]`.

    Args:
      seed, first_row: int64 scalars, of any sign.
      stream: Stream.
      n_rows: int32 scalar.
      size: a Python int.
    """
    return _rows(tf.raw_ops.StatelessRandomNormalV2, seed, stream, first_row, n_rows, size)


def truncated_normal_rows(seed, stream, first_row, n_rows, size, bound):
    """As `normal_rows`, from a normal distribution truncated at +-`bound` (float32 scalar)."""
    uniform = _rows(tf.raw_ops.StatelessRandomUniformV2, seed, stream, first_row, n_rows, size)
    # By inversion, because rejection would use a varying share of the counter sequence.
    tail = tf.math.erfc(tf.cast(bound, tf.float32) / 2.0**0.5) / 2.0
    half_step = 2.0**-24  # uniform is k / 2^23; its middle keeps the quantile finite
    return tf.math.ndtri(tail + (uniform + half_step) * (1.0 - 2.0 * tail))


def _rows(operation, seed, stream, first_row, n_rows, size):
    blocks = -(-size // _PER_BLOCK)
    key, counter = _key_counter(seed, stream)
    start = tf.cast(first_row, tf.int64) * blocks + _ORIGIN
    counter = tf.stack([tf.bitcast(start, tf.uint64), counter[1]])
    n_rows = tf.cast(n_rows, tf.int32)
    numbers = operation(shape=tf.stack([n_rows, blocks * _PER_BLOCK]), key=key, counter=counter, alg=_PHILOX)
    return numbers[:, :size]


def _key_counter(seed, stream):
    pair = tf.stack([tf.cast(seed, tf.int64), tf.constant(int(stream), tf.int64)])
    result = tf.raw_ops.StatelessRandomGetKeyCounter(seed=pair)
    return result.key, result.counter
