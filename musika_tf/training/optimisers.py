"""Adam as every trainer here uses it."""

import keras
import tensorflow as tf


class Falling:
    """A learning rate by step: a cosine from `rate` to `final_share` of it in `n_steps`, times `scale`.

    The scale may be a variable, such as a Guard's. A share of 1 keeps the rate constant.
    """

    def __init__(self, rate, n_steps, final_share, scale=1.0):
        self._cosine = keras.optimizers.schedules.CosineDecay(rate, n_steps, alpha=final_share)
        self._scale = scale

    def __call__(self, step):
        return self._cosine(step) * self._scale


class Adam(tf.Module):
    """Keras's Adam by TensorFlow's own kernel: the same numbers in one pass over each weight instead of ten.

    Gradients come reduced over the replicas, and each replica updates its own copies. The names of the attributes that
    checkpoints hold are those of Keras's optimisers, so that what these saved is resumed.

    The schedule is a function of the step to the learning rate, `clip_norm` the largest global norm of the gradients.
    """

    def __init__(self, schedule, betas, weights, clip_norm=None):
        super().__init__()
        self.schedule, self.betas, self.clip_norm, self.epsilon = schedule, betas, clip_norm, 1e-7
        self._trainable_variables = list(weights)
        self._iterations = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Step, then momentum and velocity of each weight.
        moments = [tf.Variable(tf.zeros(w.shape), trainable=False) for w in weights for _ in range(2)]
        self._variables = [self._iterations, *moments]

    @property
    def weights(self):
        """What it trains."""
        return list(self._trainable_variables)

    @property
    def iterations(self):
        """Steps done, int64."""
        return self._iterations

    @property
    def learning_rate(self):
        """Of the next step."""
        return self.schedule(self._iterations)

    def apply(self, gradients):
        """Moves the weights by one step."""
        if self.clip_norm is not None:
            norm = tf.sqrt(tf.reduce_sum(tf.stack([tf.reduce_sum(tf.square(g)) for g in gradients])))
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm, norm)
        n = tf.cast(self._iterations + 1, tf.float32)
        (beta_1, beta_2), rate = self.betas, tf.cast(self.learning_rate, tf.float32)
        moments = self._variables[1::2], self._variables[2::2]
        for gradient, weight, momentum, velocity in zip(gradients, self.weights, *moments, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=(weight.value if isinstance(weight, keras.Variable) else weight).handle,
                m=momentum.handle,
                v=velocity.handle,
                beta1_power=tf.pow(beta_1, n),
                beta2_power=tf.pow(beta_2, n),
                lr=rate,
                beta1=beta_1,
                beta2=beta_2,
                epsilon=self.epsilon,
                grad=gradient,
            )
        self._iterations.assign_add(1)
