"""What workers do that die of it: a module of its own, so that they can import it."""

import os
import signal

from musika_tf.errors import UserError


class Mortal:
    """A recipe whose encoder dies of some files."""

    def __init__(self, *deadly):
        self.deadly = deadly

    def encoder(self):
        def encode(job):
            if job.row.file in self.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            if job.row.file == "full":
                raise UserError("out: can't be written (No space left on device)")
            return job.row.file

        return encode


def unprepared(threads):
    """A worker that needs no TensorFlow."""


def doubling():
    """Work that no worker dies of."""
    return lambda item: 2 * item
