"""The training loop: works with any trainer that has a `step(batch)` -> named scalars.

What a trainer offers:
  step(batch)   trains once, returns a dict of scalar tensors
  step_count    tf.Variable, steps done so far, skipped ones among them
  n_steps       steps until it is done
  networks      its Keras models by name
  guard         update.Guard that has counted the steps that were skipped
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
from musika_tf.training.devices import ONE, watched
from musika_tf.training.report import Report

logger = logging.getLogger(__name__)


def train(trainer, batches, directory, save_every, preview=None, assess=None, devices=ONE, report_every=10):
    """Trains until `trainer.n_steps`, resuming from the newest checkpoint in `directory`.

    Where too many steps in a row had to be skipped, or a weight is not finite when it is to be saved, the training goes
    back to its newest checkpoint and on with half the learning rates. A first one is made before the first step: it
    finds out about the disk early, and there is always one to go back to.

    Args:
      trainer: see the module.
      batches: function of the first step's number -> iterable of batches, so that a resumed run goes on in the data.
      directory: where checkpoints, `summaries/` and previews go.
      save_every: steps between two checkpoints.
      preview: function (directory, step) called at each checkpoint, or None.
      assess: function without arguments -> figures by name, called at each checkpoint, or None. The checkpoint whose
        first figure is the lowest is kept as the best.
      devices: the trainer's Devices; of several workers the chief alone writes and reports.
      report_every: steps between two updates of the bar and the summaries, and looks at the guard.

    Returns:
      True when training is complete, False when a signal stopped it (any worker); either way it is saved.

    Raises:
      UserError: a checkpoint can't be written or read, going back helped no more, or another worker is gone.
    """
    with watched(devices):
        return _train(trainer, batches, directory, save_every, preview, assess, devices, report_every)


def _train(trainer, batches, directory, save_every, preview, assess, devices, report_every):
    directory = Path(directory)
    if devices.is_chief:
        checkpoints.clean(directory)
    saved = Checkpoints(trainer, directory, writes=devices.is_chief)
    resumed = saved.restore()
    devices.barrier()  # all have looked before the chief writes
    if resumed:
        logger.info("%s: resumed at step %d", directory, int(trainer.step_count.numpy()))
    elif not saved.save(0):
        raise UserError(f"{directory}: the weights to start from are not finite; give others")
    step = int(trainer.step_count.numpy())
    if step >= trainer.n_steps:
        return True
    report = Report(directory, trainer.n_steps) if devices.is_chief else None
    with interruption.noticed() as arrived:
        stream, is_last = _readable(batches(step)), False
        while not is_last:
            scalars = trainer.step(next(stream))
            step += 1
            asked = devices.any(bool(arrived))
            is_last = step == trainer.n_steps or asked
            reports, saves = is_last or step == 1 or step % report_every == 0, is_last or step % save_every == 0
            if reports and report is not None:
                report.step(step, scalars, trainer.guard)
            is_good = not (reports or saves) or not trainer.guard.tripped
            if is_good and saves:
                is_good = _keep(saved, step, report, preview, assess)
            if not is_good and is_last and asked:
                saved.restore()  # so that nothing is exported that isn't finite
                last = int(trainer.step_count.numpy())
                logger.warning("%s: step %d was not finite; step %d is the last", directory, step, last)
                step = last
            elif not is_good:
                step = _go_back(trainer, saved, step)
                stream, is_last = _readable(batches(step)), False
    if report is not None:
        report.close()
    devices.barrier()  # what the chief saved is there for all
    return step >= trainer.n_steps


def _keep(saved, step, report, preview, assess):
    """Saves, with a preview, and the best for itself; False where something to be saved is not finite."""
    path = saved.save(step)
    if path is None:
        return False
    if preview is not None:
        _preview(preview, saved.directory, step)
    if assess is not None:
        figures = assess()
        report.write(step, figures)
        saved.offer(path, step, *next(iter(figures.items())))
    return True


def _preview(preview, directory, step):
    """Previews are worth less than the training that they'd take with them."""
    try:
        preview(directory, step)
    except (UserError, OSError) as error:
        logger.warning("no preview of step %d (%s); training goes on", step, error)


def _go_back(trainer, saved, step):
    """Restores the newest checkpoint, with lower learning rates; returns its step."""
    guard, directory = trainer.guard, saved.directory
    if int(guard["rollbacks"].numpy()) >= guard.max_rollbacks:
        raise UserError(
            f"{directory}: losses or gradients are still not finite at step {step}, after going back "
            f"{guard.max_rollbacks} times and at {guard['rate_scale'].numpy():g} of the learning rate; look for NaN in "
            f"the data, or begin again at a lower rate; {saved.paths[-1]} is the last good checkpoint"
        )
    guard.go_back(saved.restore)
    back = int(trainer.step_count.numpy())
    message = "%s: step %d was not finite; back at step %d, and on with %g of the learning rate (roll-back %d of %d)"
    numbers = float(guard["rate_scale"].numpy()), int(guard["rollbacks"].numpy()), guard.max_rollbacks
    logger.warning(message, directory, step, back, *numbers)
    return back


def _readable(batches):
    """The batches; a file that proves unreadable in the middle of training is named in a UserError."""
    iterator = iter(batches)
    while True:
        try:
            batch = next(iterator)
        except StopIteration:
            return
        except tf.errors.OpError as error:
            # tf.data wraps a Python error in its own; the reader's line is within.
            found = re.search(r"(?:AudioFile|User)Error: (.*)", error.message)
            raise UserError(
                found[1] if found else f"reading the data failed: {error.message.splitlines()[0]}"
            ) from error
        yield batch
