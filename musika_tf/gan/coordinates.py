"""The infinite line: coordinates that tell the generator where in which piece it is.

| word | meaning |
|---|---|
| position | a latent's index on the line, from -2^40 to 2^40; its centre is half a step later |
| window | `window` (128) positions that the generator makes at once; window w starts at position 128 w |
| anchor | a random vector every `anchor_spacing` (384) positions; anchor i lies at the centre of window 3 i |
| style | one random vector for a whole piece |
| coordinate | anchors interpolated linearly at a position's centre, then style (then conditioning) |
| loop | a line that repeats: its anchors are 0 .. k - 1 and then 0 again, evenly spaced over the loop's length |

An anchor is a pure function of (seed, i) and a style of its seed, so any range of the line can be had alone::

    window     |   0   |   1   |   2   |   3   |   4   |
    anchor         A0                      A1
    coordinate     A0 --- linear ---->     A1 ----> A2

This is the published layout. A loop of any length has as many anchors as fit best, evenly spaced (here 896 latents
hold two)::

    anchor         A0 <---- 448 ----> A1 <---- 448 ----> A0 ...

Where the length is a multiple of 384 the spacing stays 384, `LoopGrid.wrap` gives the windows of all rounds the same
names, and so the same noise: the line repeats exactly.
"""

import dataclasses

import tensorflow as tf

from musika_tf.config import GanConfig
from musika_tf.randomness import Stream, truncated_normal_rows

_MANY = 2**30


def interpolate(anchors, spacing):
    """Interpolates linearly at half-step centres: `[b, k, size]` -> `[b, (k - 1) * spacing, size]`."""
    share = (tf.range(spacing, dtype=tf.float32) + 0.5)[:, None] / spacing
    between = anchors[:, :-1, None] * (1.0 - share) + anchors[:, 1:, None] * share  # [b, k-1, spacing, size]
    shape = tf.shape(anchors)
    return tf.reshape(between, [shape[0], (shape[1] - 1) * spacing, anchors.shape[-1]])


def training_coordinates(config, batch_size, seed):
    """Coordinates for the critic's spans, as a training step draws them: float32 `[b, critic_window, coordinate_size]`.

    Each is cropped from three anchors so that one lies at a window's centre or between the windows. `seed` is
    stateless, int `[2]`.
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
    """Coordinates of windows of a piece, without conditioning: float32 `[n_windows, window, coordinate_size]`.

    Args:
      seed, style_seed: int64 scalars, of the anchors and of the style.
      first_window: int64 scalar, may be negative.
      n_windows: int32 scalar.
      truncation: float32 scalar, bound of the normal distribution of anchors and style.
    """
    steps = tf.range(tf.cast(n_windows, tf.int64) * config.window)
    line = anchor_line(config, seed, tf.cast(first_window, tf.int64) * config.window + steps, truncation)
    style = style_line(config, tf.reshape(style_seed, [1]), tf.ones([1, 1]), truncation)
    both = tf.concat([line, tf.repeat(style, tf.shape(line)[0], axis=0)], axis=-1)
    return tf.reshape(both, [n_windows, config.window, config.coordinate_size])


def anchor_line(config, seed, positions, truncation, loop=None):
    """The interpolated anchors at consecutive positions, int64 `[n]`: float32 `[n, anchor_size]`.

    Other arguments as of `coordinates`; `loop` is a LoopGrid, or None for an endless line.
    """
    half_steps = 2 * positions + 1 - config.window  # from anchor 0, so that everything is whole numbers
    span = 2 * config.anchor_spacing
    index = tf.math.floordiv(half_steps, span)
    share = tf.cast(half_steps - index * span, tf.float32) / span
    if loop is not None:
        warped_index, warped_share = loop.warp(half_steps)
        index = tf.where(loop.endless, index, warped_index)
        share = tf.where(loop.endless, share, warped_share)
    first, size = index[0], config.anchor_size
    needed = first + tf.range(index[-1] - first + 2)
    if loop is None:
        anchors = truncated_normal_rows(seed, Stream.ANCHORS, first, tf.size(needed), size, truncation)
    else:
        named = loop.anchors(needed)
        anchors = _each(lambda row: truncated_normal_rows(seed, Stream.ANCHORS, row, 1, size, truncation), named, size)
    left, right = tf.gather(anchors, index - first), tf.gather(anchors, index - first + 1)
    return left * (1.0 - share[:, None]) + right * share[:, None]


def style_line(config, style_seeds, weights, truncation):
    """Blends of styles: float32 `[n, anchor_size]`.

    Args:
      style_seeds: int64 `[m]`, all different.
      weights: float32 `[n, m]`; only their proportions count: an L2 norm of 1 keeps the deviation.
      truncation: float32 scalar.
    """
    size = config.anchor_size
    styles = _each(lambda seed: truncated_normal_rows(seed, Stream.STYLE, 0, 1, size, truncation), style_seeds, size)
    scale = tf.norm(weights, axis=-1, keepdims=True)
    return tf.linalg.matmul(tf.math.divide_no_nan(weights, scale), styles)


def _each(row, numbers, size):
    """A function of an int64 to a row float32 `[1, size]`, for each of the numbers `[n]`: `[n, size]`."""
    signature = tf.TensorSpec([size], tf.float32)
    return tf.map_fn(lambda number: row(number)[0], numbers, fn_output_signature=signature)


@dataclasses.dataclass(frozen=True)
class LoopGrid:
    """Where a loop of `latents` (float64 scalar, any length; 0: an endless line) has its anchors and windows."""

    config: GanConfig
    latents: tf.Tensor

    @property
    def endless(self):
        return self.latents <= 0.0

    @property
    def n_anchors(self):
        """int64 scalar, at least 1."""
        return tf.maximum(tf.cast(tf.round(self.latents / self.config.anchor_spacing), tf.int64), 1)

    @property
    def exact(self):
        """Whether the loop is a whole number of usual spacings, so that windows repeat too."""
        return tf.equal(self.latents, tf.cast(self.n_anchors * self.config.anchor_spacing, tf.float64))

    def wrap(self, positions):
        """Positions (int64) in the first round of an exact loop; others as they are."""
        return tf.where(self.exact, tf.math.floormod(positions, self.n_anchors * self.config.anchor_spacing), positions)

    def left(self, position):
        """Latents (int32) from `position` (int64) to the end of an exact loop's round; else many."""
        inside = tf.math.floormod(position, self.n_anchors * self.config.anchor_spacing)
        left = self.n_anchors * self.config.anchor_spacing - inside
        return tf.cast(tf.where(self.exact, tf.minimum(left, _MANY), _MANY), tf.int32)

    def anchors(self, index):
        """The anchors (int64) that lie at these indices of the spacing: 0 .. k - 1 in a loop."""
        return tf.where(self.endless, index, tf.math.floormod(index, self.n_anchors))

    def warp(self, half_steps):
        """Index (int64) and share (float32) between two anchors, at half steps from anchor 0 (int64 `[n]`).

        In float64, where the remainder of the loop's length is exact, so that round 10^6 equals the first.
        """
        length = tf.where(self.endless, tf.ones_like(self.latents), self.latents)
        steps = tf.cast(half_steps, tf.float64) / 2.0
        rest = tf.math.floormod(steps, length)
        rounds = tf.round((steps - rest) / length)  # not floor(steps / length), which may disagree with the remainder
        n_anchors = tf.cast(self.n_anchors, tf.float64)
        along = rest * n_anchors / length
        inside = tf.clip_by_value(tf.floor(along), 0.0, n_anchors - 1.0)
        index = tf.cast(rounds * n_anchors + inside, tf.int64)
        return index, tf.cast(along - inside, tf.float32)
