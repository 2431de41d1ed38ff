"""How a training step changes weights, in one place: gradients -> (reduce) -> finite? -> apply."""

import tensorflow as tf

from musika_tf.errors import UserError
from musika_tf.training.devices import ONE


class Guard:
    """Counts the steps whose losses or gradients were not finite, and what was done about it.

    A plain object and no tf.Module, so that checkpoints hold its variables apart from the trainer's: those that were
    made before there were guards can still be resumed.

    Args:
      max_skips: skipped steps in a row after which the training has to go back; at least 1, or UserError.
      max_rollbacks: times that it goes back before it gives up.
      loss_scale: LossScale where gradients are float16's, otherwise None. As long as it can fall, a step that is not
        finite is taken for an overflow, and not counted.

    Attributes:
      variables: by name, scalars:
        skipped: steps left out so far, int64.
        in_a_row: of these, the latest without a good one between; stays once it is `max_skips`, int64.
        rollbacks: times that the training went back, int64.
        rate_scale: factor of all learning rates, float32.
    """

    def __init__(self, max_skips, max_rollbacks, loss_scale=None):
        if max_skips < 1 or max_rollbacks < 0:
            raise UserError(f"max_skips={max_skips}, max_rollbacks={max_rollbacks}: must be at least 1 and 0")
        self.max_skips, self.max_rollbacks, self.loss_scale = max_skips, max_rollbacks, loss_scale
        counters = {
            name: tf.Variable(0, dtype=tf.int64, trainable=False) for name in ("skipped", "in_a_row", "rollbacks")
        }
        self.variables = {**counters, "rate_scale": tf.Variable(1.0, trainable=False)}

    def __getitem__(self, name):
        return self.variables[name]

    @property
    def tripped(self):
        """Whether so many steps in a row were skipped that skipping won't help."""
        return int(self["in_a_row"].numpy()) >= self.max_skips

    def count(self, finite):
        """Enters the outcome of one step, a boolean scalar."""
        if self.loss_scale is not None:
            overflows = self.loss_scale.value > 1.0
            self.loss_scale.update(finite)
            finite = tf.logical_or(finite, overflows)
        in_a_row = self["in_a_row"]
        after_good = tf.where(in_a_row >= self.max_skips, in_a_row, 0)  # so that the loop needn't look at every step
        self["skipped"].assign_add(tf.cast(tf.logical_not(finite), tf.int64))
        in_a_row.assign(tf.where(finite, after_good, in_a_row + 1))

    def go_back(self, restore):
        """Lets `restore` put everything back, and remembers all the same: the counters stay, the rates are lowered."""
        kept = {name: variable.numpy() for name, variable in self.variables.items()}
        restore()
        kept |= {"in_a_row": 0, "rollbacks": kept["rollbacks"] + 1, "rate_scale": kept["rate_scale"] / 2}
        for name, value in kept.items():
            self[name].assign(value)


def update(tape, objectives, guard, applied, moved=(), devices=ONE):
    """Moves the weights of all networks of a step, or of none: where one loss or gradient is not finite, it is skipped.

    Args:
      tape: persistent tf.GradientTape that saw the losses.
      objectives: pairs (Adam, loss that its weights are to lower). Weights that a loss does not reach stay as they are.
      applied: function without arguments for what else changes with the weights, such as averages; called only
        when they do.
      moved: pairs (variable, its value before the step) of what the forward pass has changed already, as spectral
        normalisation does; put back when the step is skipped.
      devices: Devices whose replicas share the step; a loss is the mean over a replica's share.
    """
    scale = None if guard.loss_scale is None else tf.identity(guard.loss_scale.value)
    losses = [loss for _, loss in objectives]
    gradients = [_gradients(tape, loss, optimiser.weights, scale) for optimiser, loss in objectives]
    losses, gradients = devices.mean((losses, gradients))  # from here on all replicas decide alike
    if scale is not None:
        gradients = [[g / scale for g in some] for some in gradients]
    finite = all_finite(losses + [g for some in gradients for g in some])

    def apply():
        for (optimiser, _), some in zip(objectives, gradients, strict=True):
            optimiser.apply(some)
        applied()
        return finite

    def skip():
        for variable, before in moved:
            variable.assign(before)
        return finite

    tf.cond(finite, apply, skip)
    guard.count(finite)


def _gradients(tape, loss, weights, scale):
    gradients = tape.gradient(loss, weights, output_gradients=scale)
    return [tf.zeros_like(v) if g is None else g for g, v in zip(gradients, weights, strict=True)]


def all_finite(tensors):
    """Whether all tensors are finite, and their squares' sums too: a boolean scalar.

    A sum of squares is one pass without a temporary, a quarter of what `is_finite` of every entry takes.
    """
    return tf.reduce_all(tf.math.is_finite([tf.nn.l2_loss(tf.cast(t, tf.float32)) for t in tensors]))
