"""Standard output and error that never fail: the work goes on where nobody takes what is said."""

import contextlib
import os
import sys

from absl import logging as absl_logging


class _Reports:
    """Standard output or error as reports need it: the work goes on where they can't be written."""

    def __init__(self, file, tells=True):
        self._file, self._tells = file, tells

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, text):
        with self._outlived():
            self._file.write(text)
        return len(text)

    def flush(self):
        with self._outlived():
            self._file.flush()

    @contextlib.contextmanager
    def _outlived(self):
        try:
            yield
        except OSError as error:
            if self._tells and not isinstance(error, BrokenPipeError):  # whose reader has heard enough, as head does
                print(f"standard output: can't be written ({error.strerror}); the work goes on", file=sys.stderr)
            _to_nothing(self._file.fileno(), os.O_WRONLY)  # what is still to be flushed, too


def _to_nothing(descriptor, mode):
    null = os.open(os.devnull, mode)
    os.dup2(null, descriptor)
    if null != descriptor:
        os.close(null)


def prepare():
    """Standard output and error that never fail; where they are closed (`>&-`), no other file gets their numbers."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            _to_nothing(descriptor, os.O_RDONLY)  # a stream to it fails
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files hold anything
    sys.stdout, sys.stderr = _Reports(sys.stdout), _Reports(sys.stderr, tells=False)
    absl_logging.get_absl_handler().python_handler.stream = sys.stderr
