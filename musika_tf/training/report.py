"""What a training says while it runs: the progress bar and TensorBoard's summaries."""

import contextlib
import logging
import os
import time

import tensorflow as tf

from musika_tf.native import plain_folder
from musika_tf.progress import Bar

logger = logging.getLogger(__name__)


class Report:
    """Shows scalars in the bar and writes them to `directory`/summaries; a full disk ends the summaries alone."""

    def __init__(self, directory, step, n_steps):
        self._bar = Bar(total=n_steps, initial=step, unit="step", dynamic_ncols=True)
        self._directory, self._writer, self._previous = directory / "summaries", None, None
        with self._failure_is_a_warning():
            path = os.path.join(plain_folder(directory), self._directory.name)
            self._writer = tf.summary.create_file_writer(path)

    def step(self, step, scalars, guard):
        """Reports the scalars of a training step, how fast the steps are, and what the guard has counted."""
        now = time.monotonic()
        values = {name: float(value) for name, value in scalars.items()} | {"skipped": int(guard["skipped"].numpy())}
        if int(guard["rollbacks"].numpy()):
            values["rate_scale"] = float(guard["rate_scale"].numpy())
        self._bar.set_postfix(values, refresh=False)
        self._bar.update(step - self._bar.n)  # back, after a roll-back
        if self._previous is not None and step > self._previous[1]:
            values["steps/s"] = (step - self._previous[1]) / (now - self._previous[0])
        self._previous = now, step
        self.write(step, values)

    def write(self, step, values):
        """Writes scalars for TensorBoard alone."""
        if self._writer is not None:
            with self._failure_is_a_warning(), self._writer.as_default(step):
                for name, value in values.items():
                    tf.summary.scalar(name, value)

    def close(self):
        self._bar.close()
        if self._writer is not None:
            with self._failure_is_a_warning():
                self._writer.close()

    @contextlib.contextmanager
    def _failure_is_a_warning(self):
        try:
            yield
        except tf.errors.OpError as error:
            self._writer = None
            reason = error.message.splitlines()[0].rpartition("; ")[2]
            logger.warning("%s: no more summaries (%s); training goes on", self._directory, reason)
