"""Adam as every trainer here uses it."""

import keras
import tensorflow as tf

from musika_tf.training.devices import ONE


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


def adam(learning_rate, n_steps, final_share, betas, variables, clip_norm=None):
    """Adam whose rate falls along a cosine to `final_share` of itself, built before any step is traced.

    Args:
      learning_rate: rate at step 0.
      n_steps: steps until the rate reaches its end.
      final_share: share of the rate that is left then; 1 keeps it constant.
      betas: (beta_1, beta_2).
      variables: weights to train, in a fixed order.
      clip_norm: largest global norm of the gradients, or None.

    Returns:
      A built keras.optimizers.Adam.
    """
    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, n_steps, alpha=final_share)
    optimiser = FusedAdam(schedule, *betas, global_clipnorm=clip_norm)
    optimiser.build(variables)
    return optimiser


def minimise(optimiser, tape, loss, variables, devices=ONE, loss_scale=None):
    """One step of `optimiser`; weights that the loss does not reach stay as they are.

    Args:
      optimiser: of `adam`.
      tape: that recorded the loss.
      loss: scalar, a mean over this replica's share of the batch.
      variables: weights to train.
      devices: Devices over whose replicas the gradients are averaged.
      loss_scale: LossScale, where the gradients are float16's; then a step that overflows is left out.

    Returns:
      bool scalar: whether the gradients were finite, looked at with a loss scale only.
    """
    scale = None if loss_scale is None else tf.identity(loss_scale.value)
    gradients = tape.gradient(loss, variables, output_gradients=scale)
    filled = [tf.zeros_like(v) if g is None else g for g, v in zip(gradients, variables, strict=True)]
    reduced = devices.mean(filled)
    if scale is None:
        optimiser.apply(reduced, variables)
        return tf.constant(True)
    unscaled = [g / scale for g in reduced]
    finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in unscaled])
    tf.cond(finite, lambda: optimiser.apply(unscaled, variables), lambda: None)
    return finite
