"""The hinge loss of critics with several heads; scores are a list of `[b, patches]`, one a head.

Each is the mean over heads of the mean over patches and batch. A critic minimises (on_real + on_fake) / 2, and what it
judges minimises -mean.
"""

import tensorflow as tf


def mean(scores):
    """Of the scores themselves."""
    return tf.add_n([tf.reduce_mean(s) for s in scores]) / len(scores)


def on_real(scores):
    """max(0, 1 - score), of what the critic should accept."""
    return mean([tf.nn.relu(1.0 - s) for s in scores])


def on_fake(scores):
    """max(0, 1 + score), of what it should reject."""
    return mean([tf.nn.relu(1.0 + s) for s in scores])
