"""Adam as every trainer here uses it."""

import keras
import tensorflow as tf


class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam with TensorFlow's own kernel: the same numbers in one pass over each weight instead of ten.

    Gradients come reduced over the replicas, and each replica updates its own copies.
    """

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        # Keras's own for TensorFlow would sum the gradients over the replicas, after they were clipped.
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def update_step(self, gradient, variable, learning_rate):
        n = tf.cast(self.iterations.value + 1, tf.float32)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=_handle(variable),
            m=_handle(self._momentums[index]),
            v=_handle(self._velocities[index]),
            beta1_power=tf.pow(self.beta_1, n),
            beta2_power=tf.pow(self.beta_2, n),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _handle(variable):
    return (variable.value if isinstance(variable, keras.Variable) else variable).handle


class Falling(keras.optimizers.schedules.LearningRateSchedule):
    """A cosine from `rate` to `final_share` of it in `n_steps`, times `scale`, which may be a variable."""

    def __init__(self, rate, n_steps, final_share, scale):
        self._cosine = keras.optimizers.schedules.CosineDecay(rate, n_steps, alpha=final_share)
        self._scale = scale

    def __call__(self, step):
        return self._cosine(step) * self._scale


def adam(learning_rate, n_steps, final_share, betas, variables, clip_norm=None, rate_scale=1.0):
    """Adam whose rate falls along a cosine to `final_share` of itself, built before any step is traced.

    Args:
      learning_rate: rate at step 0.
      n_steps: steps until the rate reaches its end.
      final_share: share of the rate that is left then; 1 keeps it constant.
      betas: (beta_1, beta_2).
      variables: weights to train, in a fixed order.
      clip_norm: largest global norm of the gradients, or None.
      rate_scale: factor of the rate, such as a Guard's variable.

    Returns:
      A built keras.optimizers.Adam.
    """
    schedule = Falling(learning_rate, n_steps, final_share, rate_scale)
    optimiser = FusedAdam(schedule, *betas, global_clipnorm=clip_norm)
    optimiser.build(variables)
    return optimiser
