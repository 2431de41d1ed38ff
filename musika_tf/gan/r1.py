"""R1 regularisation and the controller that switches it."""

import tensorflow as tf


class R1Controller(tf.Module):
    """Turns R1 up while the critic is too certain.

    The switch starts at -1 (fully on) and stays in [-1, 0]. An update lowers it by 1e-4 where the critic's certainty,
    clip(mean D(real) - mean D(fake), 0, 2) / 2, is above 0.9, and raises it by 1e-4 otherwise. Where it isn't `active`
    the switch stays at -1. `weight` is that of R1 when fully on.
    """

    def __init__(self, weight, active=True):
        super().__init__()
        self.full_weight, self.active = weight, active
        self.switch = tf.Variable(-1.0, trainable=False)

    @property
    def weight(self):
        """The weight of R1 now."""
        return self.full_weight * -self.switch

    def update(self, real_score, fake_score):
        """Moves the switch by the critic's mean scores of this step."""
        if self.active:
            certainty = tf.clip_by_value(real_score - fake_score, 0.0, 2.0) / 2.0
            change = tf.where(certainty > 0.9, -1e-4, 1e-4)
            self.switch.assign(tf.clip_by_value(self.switch + change, -1.0, 0.0))


def scores_and_penalty(critic, real, loss_scale=None):
    """Scores of real data, and R1: the mean over the batch of ||grad_x D(x)||^2, a float32 scalar.

    D(x) is the mean over heads of the mean over patches.

    Args:
      critic: function of latents `[b, t, c]` to a list of scores `[b, patches]`.
      loss_scale: where the critic computes in float16: the inner gradient needs its range too.
    """
    real = tf.cast(real, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(real)
        scores = critic(real)
        total = tf.add_n([tf.reduce_sum(tf.reduce_mean(s, axis=1)) for s in scores]) / len(scores)
    if loss_scale is None:
        gradient = tape.gradient(total, real)
    else:
        gradient = tape.gradient(total, real, output_gradients=tf.identity(loss_scale.value)) / loss_scale.value
    return scores, tf.reduce_mean(tf.reduce_sum(tf.square(gradient), axis=(1, 2)))
