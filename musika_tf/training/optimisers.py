"""Adam as every trainer here uses it."""

import keras
import tensorflow as tf


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
    optimiser = keras.optimizers.Adam(schedule, *betas, global_clipnorm=clip_norm)
    optimiser.build(variables)
    return optimiser


def minimise(optimiser, tape, loss, variables):
    """One step of `optimiser`; weights that the loss does not reach stay as they are."""
    gradients = tape.gradient(loss, variables)
    filled = [tf.zeros_like(v) if g is None else g for g, v in zip(gradients, variables, strict=True)]
    optimiser.apply(filled, variables)
