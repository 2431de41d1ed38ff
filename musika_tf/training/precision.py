"""Mixed precision: convolutions in half precision, everything whose small differences matter in float32.

| computed in half | always in float32 |
|---|---|
| hidden layers of all networks | weights, averages, optimisers, the standardiser |
| | the last layer of each network, so what it returns |
| | AdaIN's statistics, spectral normalisation |
| | STFT, inverse STFT, every loss, R1's norm |

Checkpoints and bundles are those of float32. float16 has too little range for gradients: `LossScale` is for it;
bfloat16 has float32's.
"""

import contextlib

import keras
import tensorflow as tf

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")


@contextlib.contextmanager
def policy(name):
    """While entered, Keras layers are made with this policy (one of POLICIES)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def loss_scale_of(network):
    """The LossScale that a network's policy needs, or None."""
    return LossScale() if network.dtype_policy.name == "mixed_float16" else None


class LossScale(tf.Module):
    """Keeps the gradients of float16 in its range.

    Gradients are computed of the loss times `value`, as large as they stay finite: it is halved when one does not,
    and that step is left out; it doubles after `patience` steps that went well.
    """

    def __init__(self, start=2.0**13, patience=2000):
        super().__init__()
        self.patience = patience
        self.value = tf.Variable(start, trainable=False)
        self.n_good = tf.Variable(0, dtype=tf.int64, trainable=False)

    def update(self, finite):
        """Adapts the scale to whether all gradients of a step were `finite` (bool scalar)."""
        n_good = tf.where(finite, self.n_good + 1, 0)
        doubled = n_good >= self.patience
        grown = tf.where(doubled, self.value * 2.0, self.value)
        self.value.assign(tf.clip_by_value(tf.where(finite, grown, self.value / 2.0), 1.0, 2.0**24))
        self.n_good.assign(tf.where(doubled, tf.zeros_like(n_good), n_good))
