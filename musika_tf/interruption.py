"""SIGINT and SIGTERM, as Ctrl-C and a shutdown send them: what they raise, and when."""

import contextlib
import signal
import sys
import threading

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}


class Terminated(SystemExit):
    """SIGTERM: leaves by way of everybody's clean-up, as Ctrl-C does."""


@contextlib.contextmanager
def in_order():
    """Around a program: a signal unwinds it, through everybody's clean-up, and ends it with one word and status 128 +
    its number.

    SIGINT raises KeyboardInterrupt and SIGTERM Terminated. Native code may make any exception of that: once a signal
    has arrived, whatever comes out is its doing. One that was ignored before, as by a shell's background jobs, stays
    so.
    """
    received = []

    def leave(number, frame):
        received.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(128 + number)

    with _handled_by(leave):
        try:
            yield
        except BaseException:
            if not received:
                raise
            print(_WORDS[received[-1]], file=sys.stderr)
            raise SystemExit(128 + received[-1]) from None


@contextlib.contextmanager
def noticed():
    """While entered, signals raise nothing; yields the list of those that have arrived."""
    arrived = []
    with _handled_by(lambda number, frame: arrived.append(number)):
        yield arrived


@contextlib.contextmanager
def held():
    """Puts signals off to its end; around, or as decorator of, what calls TensorFlow.

    Its C++ calls Python in places where nothing is expected to be raised: what a signal raises there is lost, or comes
    out as another exception.
    """
    if threading.current_thread() is not threading.main_thread():  # which alone is told of signals
        yield
        return
    arrived = []
    try:
        with noticed() as arrived:
            yield
    finally:
        for number in arrived[-1:]:
            signal.raise_signal(number)


@contextlib.contextmanager
def _handled_by(handler):
    """While entered, those of the signals that are not ignored go to a handler."""
    handlers = {number: signal.getsignal(number) for number in _WORDS}
    heeded = {number: old for number, old in handlers.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in heeded:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in heeded.items():
            signal.signal(number, old)
