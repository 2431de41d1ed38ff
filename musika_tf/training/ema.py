"""Exponential moving average of weights."""

import contextlib

import tensorflow as tf


class MovingAverage(tf.Module):
    """Keeps `average <- decay * average + (1 - decay) * weights`.

    Early on the decay is (1 + n) / (10 + n), so that the first weights are soon forgotten. Everything is in variables:
    a checkpoint resumes exactly. The averages may be those of a second network; by default they are new ones.
    """

    def __init__(self, variables, decay, averages=None):
        super().__init__()
        self.variables_followed = list(variables)
        self.decay = decay
        self.n_updates = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.averages = list(averages or [tf.Variable(v, trainable=False) for v in self.variables_followed])

    def update(self):
        """Follows the weights by one step."""
        n = tf.cast(self.n_updates.assign_add(1), tf.float32)
        decay = tf.minimum(self.decay, (1.0 + n) / (10.0 + n))
        for average, variable in zip(self.averages, self.variables_followed, strict=True):
            average.assign_sub((1.0 - decay) * (average - variable))

    @contextlib.contextmanager
    def swapped_in(self):
        """While entered, the variables that are followed hold their averages."""
        kept = [tf.identity(v) for v in self.variables_followed]
        self.copy_to(self.variables_followed)
        try:
            yield
        finally:
            for variable, value in zip(self.variables_followed, kept, strict=True):
                variable.assign(value)

    def copy_to(self, variables):
        """Writes the averages into `variables`, in the order that they were followed in."""
        for average, variable in zip(self.averages, variables, strict=True):
            variable.assign(average)
