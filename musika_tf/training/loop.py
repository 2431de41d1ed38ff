"""The training loop: works with any trainer that has a `step(batch)` -> named scalars.

What a trainer offers:
  step(batch)   trains once, returns a dict of scalar tensors
  step_count    tf.Variable, steps done so far, skipped ones among them
  n_steps       steps until it is done
  networks      its Keras models by name
  guard         update.Guard that has counted the skipped steps
  devices       the Devices that share each batch
and it is a tf.Module whose variables, with those of its networks and its guard, are all that a resumed run needs.
"""

import logging
import re
from pathlib import Path

import tensorflow as tf

from musika_tf import interruption
from musika_tf.errors import UserError
from musika_tf.training import checkpoints
from musika_tf.training.checkpoints import Checkpoints
from musika_tf.training.devices import watched
from musika_tf.training.report import Report

logger = logging.getLogger(__name__)

REPORT_EVERY = 10  # steps between two updates of the bar and the summaries, and looks at the guard


def train(trainer, batches, directory, save_every, preview=None, assess=None):
    """Trains until `trainer.n_steps`, resuming from the newest checkpoint in `directory`.

    Where too many steps in a row were skipped, or a weight is not finite when it is to be saved, the training goes back
    to its newest checkpoint and on at half the learning rates. A first checkpoint is saved before the first step: it
    finds a full disk early, and there is always one to go back to.

    Args:
      batches: function of the first step's number -> iterable of batches, so that a resumed run goes on in the data.
      directory: where checkpoints, `summaries/` and previews go.
      save_every: steps between two checkpoints.
      preview: function (directory, step) called at each checkpoint, or None.
      assess: function without arguments -> figures by name, called at each checkpoint, or None. The checkpoint whose
        first figure is the lowest is kept as the best.

    Of several workers the chief alone writes, reports and previews. A preview or an assessment that fails is a warning.

    Returns:
      True when training is complete, False when a signal stopped it (on any worker); either way it is saved.

    Raises:
      UserError: a checkpoint can't be written or read, going back did not help, or another worker is gone.
    """
    with watched(trainer.devices):
        return _Training(trainer, Path(directory), save_every, preview, assess).run(batches)


class _Training:
    """One call of `train`; its arguments, and the step that it is at."""

    def __init__(self, trainer, directory, save_every, preview, assess):
        self.trainer, self.directory, self.save_every = trainer, directory, save_every
        self.preview, self.assess = preview, assess
        self.devices = trainer.devices
        if self.devices.is_chief:
            checkpoints.clean(directory)
        self.saved = Checkpoints(trainer, directory, writes=self.devices.is_chief)
        self.step = self._resumed()

    def _resumed(self):
        """Restores the newest checkpoint, or saves a first one; returns its step."""
        found = self.saved.restore()
        self.devices.barrier()  # all have looked before the chief writes
        step = int(self.trainer.step_count.numpy())
        if found:
            logger.info("%s: resumed at step %d", self.directory, step)
        elif not self.saved.save(0):
            raise UserError(f"{self.directory}: the weights to start from are not finite; give others")
        return step

    def run(self, batches):
        """Trains; arguments and result as `train`."""
        if self.step >= self.trainer.n_steps:
            return True
        self.report = Report(self.directory, self.step, self.trainer.n_steps) if self.devices.is_chief else None
        try:
            with interruption.noticed() as arrived:
                self._run(batches, arrived)
        finally:
            if self.report is not None:
                self.report.close()
        self.devices.barrier()  # what the chief saved is there for all
        return self.step >= self.trainer.n_steps

    def _run(self, batches, arrived):
        """Trains until all steps are done or a signal is among those that have `arrived`."""
        stream, asked = _readable(batches(self.step)), False
        while self.step < self.trainer.n_steps and not asked:
            scalars = self.trainer.step(next(stream))
            self.step += 1
            asked = self.devices.any(bool(arrived))
            if self._is_good(scalars, is_last=asked or self.step == self.trainer.n_steps):
                continue
            if asked:
                self._give_up_step()
            else:
                self._go_back()
                stream = _readable(batches(self.step))

    def _is_good(self, scalars, is_last):
        """Reports and saves where it is time to; False where steps or weights prove not to be finite."""
        reports = is_last or self.step == 1 or self.step % REPORT_EVERY == 0
        saves = is_last or self.step % self.save_every == 0
        if reports and self.report is not None:
            self.report.step(self.step, scalars, self.trainer.guard)
        if (reports or saves) and self.trainer.guard.tripped:
            return False
        return not saves or self._save()

    def _save(self):
        """Saves, with a preview, and the best one apart; False where something to be saved is not finite."""
        path = self.saved.save(self.step)
        if path is None:
            return False
        if self.preview is not None:
            self._attempt("preview", self.preview, self.directory, self.step)
        figures = self._attempt("assessment", self.assess) if self.assess is not None else None
        if figures:
            self.report.write(self.step, figures)
            self.saved.offer(path, self.step, *next(iter(figures.items())))
        return True

    def _attempt(self, what, act, *arguments):
        """What `act` returns; a warning and None where it fails, whatever the reason: the training is worth more."""
        try:
            return act(*arguments)
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else ""
            if not isinstance(error, (UserError, OSError)):
                reason = f"{type(error).__name__}: {reason}"
            logger.warning("no %s of step %d (%s); training goes on", what, self.step, reason)
            return None

    def _give_up_step(self):
        """Restores the newest checkpoint, so that nothing is exported that isn't finite."""
        self.saved.restore()
        last = int(self.trainer.step_count.numpy())
        logger.warning("%s: step %d was not finite; step %d is the last", self.directory, self.step, last)
        self.step = last

    def _go_back(self):
        """Restores the newest checkpoint, with lower learning rates; UserError where that was done too often."""
        guard = self.trainer.guard
        if int(guard["rollbacks"].numpy()) >= guard.max_rollbacks:
            raise UserError(
                f"{self.directory}: losses or gradients are still not finite at step {self.step}, after going back "
                f"{guard.max_rollbacks} times and at {guard['rate_scale'].numpy():g} of the learning rate; look for "
                "NaN in the data, or begin again at a lower rate; "
                f"{self.saved.paths[-1]} is the last good checkpoint"
            )
        guard.go_back(self.saved.restore)
        back = int(self.trainer.step_count.numpy())
        share, times = float(guard["rate_scale"].numpy()), int(guard["rollbacks"].numpy())
        logger.warning(
            f"{self.directory}: step {self.step} was not finite; back at step {back}, and on with {share:g} of the "
            f"learning rate (roll-back {times} of {guard.max_rollbacks})"
        )
        self.step = back


def _readable(batches):
    """The batches; a file that proves unreadable in the middle of training is named in a UserError."""
    try:
        yield from batches
    except tf.errors.OpError as error:
        # tf.data wraps a Python error in its own; the reader's line is within.
        found = re.search(r"(?:AudioFile|User)Error: (.*)", error.message)
        raise UserError(found[1] if found else f"reading the data failed: {error.message.splitlines()[0]}") from error
