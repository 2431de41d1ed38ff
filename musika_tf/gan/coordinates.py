"""The infinite line: coordinates that tell the generator where in which piece it is.

| word | meaning |
|---|---|
| position | a latent's index on the line, from -2^40 to 2^40; its centre is half a step later |
| window | `window` (128) positions that the generator makes at once; window w starts at position 128 w |
| anchor | a random vector every `anchor_spacing` (384) positions; anchor i lies at the centre of window 3 i |
| style | one random vector for a whole piece |
| coordinate | anchors interpolated linearly at a position's centre, then style (then conditioning) |

An anchor is a pure function of (seed, i) and the style of its seed, so a coordinate is one of (seed, style seed,
position), and any range of the line can be had alone::

    window     |   0   |   1   |   2   |   3   |   4   |
    anchor         A0                      A1
    coordinate     A0 --- linear ---->     A1 ----> A2

The layout is the published one, where training crops windows so that an anchor lies at a window's centre.
"""

import tensorflow as tf

from musika_tf.randomness import Stream, truncated_normal_rows


def interpolate(anchors, spacing):
    """Interpolates linearly at half-step centres: `[b, k, size]` -> `[b, (k - 1) * spacing, size]`."""
    share = (tf.range(spacing, dtype=tf.float32) + 0.5)[:, None] / spacing
    between = anchors[:, :-1, None] * (1.0 - share) + anchors[:, 1:, None] * share  # [b, k-1, spacing, size]
    shape = tf.shape(anchors)
    return tf.reshape(between, [shape[0], (shape[1] - 1) * spacing, anchors.shape[-1]])


def training_coordinates(config, batch_size, seed):
    """Coordinates for the critic's span, as a training step draws them.

    Three anchors, cropped so that an anchor lies at one of the windows' centres or between them, per item.

    Args:
      config: GanConfig.
      batch_size: number of spans.
      seed: int `[2]` for stateless draws.

    Returns:
      float32 `[batch, critic_window, coordinate_size]`.
    """
    seeds = tf.random.experimental.stateless_split(seed, 3)
    anchors = tf.random.stateless_normal([batch_size, 3, config.anchor_size], seeds[0])
    style = tf.random.stateless_normal([batch_size, 1, config.anchor_size], seeds[1])
    line = interpolate(anchors, config.anchor_spacing)
    crop = tf.random.stateless_uniform([batch_size], seeds[2], 0, 3, tf.int32)
    starts = config.window // 2 + config.window * crop
    where = starts[:, None] + tf.range(config.critic_window)[None]
    line = tf.gather(line, where, batch_dims=1)
    return tf.concat([line, tf.repeat(style, config.critic_window, axis=1)], axis=-1)


def coordinates(config, seed, style_seed, first_window, n_windows, truncation):
    """Coordinates of consecutive windows of a piece, without conditioning.

    Args:
      config: GanConfig.
      seed: int64 scalar, of the anchors.
      style_seed: int64 scalar, of the style.
      first_window: int64 scalar, may be negative.
      n_windows: int32 scalar.
      truncation: float32 scalar, bound of the normal distribution that anchors and style are drawn from.

    Returns:
      float32 `[n_windows, window, coordinate_size]`.
    """
    span = 2 * config.anchor_spacing  # in half steps, so that everything is whole numbers
    steps = tf.range(tf.cast(n_windows, tf.int64) * config.window)
    half_steps = 2 * (tf.cast(first_window, tf.int64) * config.window + steps) + 1 - config.window
    index = tf.math.floordiv(half_steps, span)
    share = tf.cast(half_steps - index * span, tf.float32)[:, None] / span
    first_anchor = index[0]
    n_anchors = tf.cast(index[-1] - first_anchor, tf.int32) + 2
    anchors = truncated_normal_rows(seed, Stream.ANCHORS, first_anchor, n_anchors, config.anchor_size, truncation)
    left = tf.gather(anchors, index - first_anchor)
    right = tf.gather(anchors, index - first_anchor + 1)
    style = truncated_normal_rows(style_seed, Stream.STYLE, 0, 1, config.anchor_size, truncation)
    line = left * (1.0 - share) + right * share
    both = tf.concat([line, tf.repeat(style, tf.shape(line)[0], axis=0)], axis=-1)
    return tf.reshape(both, [n_windows, config.window, config.coordinate_size])
