"""The training loop: works with any trainer that has a `step(batch)` -> named scalars.

What a trainer offers:
  step(batch)   trains once, returns a dict of scalar tensors
  step_count    tf.Variable, steps done so far
  n_steps       steps until it is done
  networks      its Keras models by name
and it is a tf.Module whose variables, with those of its networks, are all that a resumed run needs.
"""

import logging
import re
import signal
import time
from pathlib import Path

import keras
import tensorflow as tf

from musika_tf.errors import UserError
from musika_tf.training.devices import ONE, watched

logger = logging.getLogger(__name__)


class Checkpoints:
    """Saves and restores a trainer under `directory`, keeping the newest few."""

    def __init__(self, trainer, directory, keep=2):
        # Layers that a Keras model keeps in lists are unknown to TensorFlow's checkpoints: all weights are listed here.
        networks = {name: [v.value for v in network.weights] for name, network in trainer.networks.items()}
        checkpoint = tf.train.Checkpoint(trainer=trainer, networks=networks)
        self.manager = tf.train.CheckpointManager(checkpoint, str(directory), keep)

    def restore(self):
        """Restores the newest checkpoint; False where there is none."""
        newest = self.manager.latest_checkpoint
        if newest is None:
            return False
        try:
            self.manager.checkpoint.restore(newest).assert_existing_objects_matched()
        except (AssertionError, ValueError) as error:  # what is missing, and what has another shape
            raise UserError(
                f"{newest}: of networks of other sizes, or of an older version; "
                "resume with the flags that lie beside it, or give another --checkpoint_dir"
            ) from error
        return True

    def save(self, step):
        self.manager.save(checkpoint_number=step)


class Interrupt:
    """While entered, SIGINT and SIGTERM only set `asked`; the loop then saves and returns."""

    _signals = (signal.SIGINT, signal.SIGTERM)

    def __enter__(self):
        self.asked = False
        self._previous = {s: signal.signal(s, self._ask) for s in self._signals}
        return self

    def _ask(self, *_):
        self.asked = True

    def __exit__(self, *_):
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def train(trainer, batches, directory, save_every, preview=None, devices=ONE, report_every=10):
    """Trains until `trainer.n_steps`, resuming from the newest checkpoint in `directory`.

    Args:
      trainer: see the module.
      batches: function of the first step's number -> iterable of batches, so that a resumed run goes on in the data.
      directory: where checkpoints, `summaries/` and previews go.
      save_every: steps between two checkpoints.
      preview: function (directory, step) called at each checkpoint, or None.
      devices: the trainer's Devices; of several workers the chief alone writes and reports.
      report_every: steps between two updates of the bar and the summaries.

    Returns:
      True when training is complete, False when a signal stopped it (any worker); either way it is saved.

    Raises:
      UserError: the data can't be read, a checkpoint is another trainer's, or another worker is gone.
    """
    with watched(devices):
        return _train(trainer, batches, directory, save_every, preview, devices, report_every)


def _train(trainer, batches, directory, save_every, preview, devices, report_every):
    directory = Path(directory)
    checkpoints = Checkpoints(trainer, directory)
    if checkpoints.restore():
        logger.info("%s: resumed at step %d", directory, int(trainer.step_count.numpy()))
    step = int(trainer.step_count.numpy())
    if step >= trainer.n_steps:
        return True
    writer = tf.summary.create_file_writer(str(directory / "summaries")) if devices.is_chief else None
    bar = keras.utils.Progbar(trainer.n_steps)
    log = None
    with Interrupt() as interrupt:
        for batch in _readable(batches(step)):
            scalars = trainer.step(batch)
            step += 1
            asked = devices.any(interrupt.asked)
            is_last = asked or step == trainer.n_steps
            if devices.is_chief and (step % report_every == 0 or step in (1, trainer.n_steps)):
                log = _report(bar, writer, scalars, step, log)
            if devices.is_chief and (step % save_every == 0 or is_last):
                checkpoints.save(step)
                if preview is not None:
                    preview(directory, step)
            if is_last:
                break
    if devices.is_chief:
        writer.flush()
    devices.barrier()  # what the chief saved is there for all
    return step >= trainer.n_steps


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


def _report(bar, writer, scalars, step, previous):
    """Updates the progress bar and TensorBoard; returns (time, step) for the next rate."""
    now = time.monotonic()
    values = {name: float(value) for name, value in scalars.items()}
    if previous is not None:
        values["steps/s"] = (step - previous[1]) / (now - previous[0])
    bar.stateful_metrics.update(values)  # show the losses of this step, not their mean since the start
    bar.update(step, values.items())
    with writer.as_default(step):
        for name, value in values.items():
            tf.summary.scalar(name, value)
    return now, step
