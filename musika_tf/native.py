"""What native libraries print where nobody asked them to."""

import contextlib
import os
import sys

from musika_tf import keras_environment


@contextlib.contextmanager
def silent_stderr():
    """Drops what native code writes to stderr, in all threads of the process; yields a file that still gets there."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        with open(kept, "w", closefd=False) as terminal:
            yield terminal
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


def import_tensorflow():
    """Imports TensorFlow without its start-up notices, where nothing has imported it before, and has Keras run on it.

    Raises:
      UserError: Keras was imported before, on another backend.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    keras_environment.use_tensorflow()
    # The newest ones print notices while they are imported whatever that says; errors are exceptions.
    with silent_stderr():
        import tensorflow as tf
    return tf
