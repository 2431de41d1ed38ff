"""The critic: two windows of latents to scores."""

import keras
from keras import ops

from musika_tf.layers import Conv1D, leaky_relu

_HALF = 0.5**0.5
_CONTRAST_STEPS = (4, 16)


class Critic(keras.Model):
    """Judges two windows together, so that their seam is judged too.

    As published: one score from the flattened end. With `patch_critic`: scores of patches at every depth, of a step's
    neighbourhood, bar and phrase; a small model learns faster that way.

    With `critic_contrast` two further input channels say how far apart the two windows are at the same place in each. A
    patch doesn't see both, and without them a generator's windows can repeat one another unpunished.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        c = config.critic_width
        self.patches, self.has_contrast = config.patch_critic, config.critic_contrast
        self.stem = Conv1D(3 * c, 4, 2, padding="same")
        widths = [3 * c, 4 * c, 5 * c, 6 * c, 7 * c]
        if config.window == 128:  # the small variant ends at the same 4 steps without it
            widths.append(7 * c)
        self.blocks = [
            CriticBlock(i, o, 1 if n == 4 else 4) for n, (i, o) in enumerate(zip(widths[:-1], widths[1:], strict=True))
        ]
        self.last = Conv1D(7 * c, 3, padding="same")
        n_heads = 1 + len(self.blocks) if self.patches else 1
        head, sizes = (Conv1D, (1, 1)) if self.patches else (keras.layers.Dense, (1,))
        self.heads = [head(*sizes, dtype="float32") for _ in range(n_heads)]

    def call(self, latents):
        """Scores of `latents` `[b, critic_window, channels]`: a list of `[b, patches]`."""
        if self.has_contrast:
            latents = ops.concatenate([latents, contrast(latents)], axis=-1)
        x = leaky_relu(self.stem(latents))
        levels = []
        for block in self.blocks:
            x = block(x)
            levels.append(x)
        x = leaky_relu(self.last(x))
        if not self.patches:
            return [self.heads[0](ops.reshape(x, (-1, x.shape[1] * x.shape[2])))]
        return [head(level)[..., 0] for head, level in zip(self.heads, [*levels, x], strict=True)]


def contrast(latents):
    """How far apart the two halves of `[b, 2 n, channels]` are: `[b, 2 n, 2]`, the same for both.

    The root of the mean square, over channels, of the difference of their means over 4 latents (0.4 s) and over 16.
    Step by step, noise from one step to the next would do for a difference.
    """
    first, second = ops.split(ops.cast(latents, "float32"), 2, axis=1)
    found = []
    for n_steps in _CONTRAST_STEPS:
        difference = ops.average_pool(first - second, n_steps, n_steps)
        apart = ops.sqrt(ops.mean(ops.square(difference), axis=-1, keepdims=True) + 1e-4)  # finite slope at 0
        found.append(ops.tile(ops.repeat(apart, n_steps, axis=1), (1, 2, 1)))
    return ops.cast(ops.concatenate(found, axis=-1), latents.dtype)


class CriticBlock(keras.layers.Layer):
    """Two convolutions, the second strided, plus the average-pooled (and projected) input."""

    def __init__(self, in_channels, out_channels, kernel, **kwargs):
        super().__init__(**kwargs)
        self.first = Conv1D(in_channels, kernel, padding="same")
        self.second = Conv1D(out_channels, 4, 2, padding="same")
        self.project = Conv1D(out_channels, 1, use_bias=False) if in_channels != out_channels else None

    def call(self, x):
        y = leaky_relu(self.first(x)) * _HALF
        y = leaky_relu(self.second(y)) * _HALF
        shortcut = ops.average_pool(x, 2, 2)
        return y + (shortcut if self.project is None else self.project(shortcut))
