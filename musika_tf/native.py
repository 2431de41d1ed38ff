"""TensorFlow as it is started: without notices, below Keras, and with paths that it can read."""

import contextlib
import functools
import gc
import os
import re
import sys
import tempfile

from musika_tf.errors import UserError

_BACKEND = "tensorflow"
_IMPORTED_BY_TENSORFLOW = "keras.src.optimizers"


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
    """Imports TensorFlow without its start-up notices, and has Keras run on it, which is not yet imported; UserError
    where Keras was imported before, on another backend."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    _use_tensorflow()
    # The newest ones print notices while they are imported whatever that says; errors are exceptions.
    with silent_stderr(), _keras_later(), no_collector():
        import tensorflow as tf
    return tf


@contextlib.contextmanager
def no_collector():
    """Around large imports: nothing of them is garbage, and looking for it is a quarter of TensorFlow's import."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def _keras_later():
    """Around TensorFlow's first import: it would import Keras too, a quarter of the time, and goes on where there is
    none. What generates needs none; `tf.keras` and `import keras` work as ever."""
    if not {"tensorflow", _IMPORTED_BY_TENSORFLOW}.isdisjoint(sys.modules):
        yield
        return
    sys.modules[_IMPORTED_BY_TENSORFLOW] = None  # Python's way to say that it can't be imported
    try:
        yield
    finally:
        del sys.modules[_IMPORTED_BY_TENSORFLOW]


def _use_tensorflow():
    """Chooses Keras's backend, whatever a user's environment and keras.json say."""
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = _BACKEND  # counts more than ~/.keras/keras.json
        return
    import keras

    backend = keras.config.backend()
    if backend != _BACKEND:
        raise UserError(
            f"KERAS_BACKEND={backend}: musika_tf needs {_BACKEND}; unset it and start again, or import musika_tf first"
        )


def plain_folder(folder):
    """A name of a folder that TensorFlow takes as it is, text.

    TensorFlow reads `*`, `?`, brackets and backslashes in a path as a pattern, and knows no names that aren't UTF-8. A
    folder with such a name, which has to exist, gets a link in a temporary folder that lasts until the program ends.
    """
    path = os.path.abspath(folder)
    if re.search(r"[*?\[\]{}\\]", path) is None and path.isprintable():
        return os.fspath(folder)
    return _link_to(path)


@functools.cache
def _link_to(path):
    link = os.path.join(tempfile.mkdtemp(dir=_links().name), "folder")
    os.symlink(path, link)
    return link


@functools.cache
def _links():
    return tempfile.TemporaryDirectory(prefix="musika-", ignore_cleanup_errors=True)
