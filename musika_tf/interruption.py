"""SIGINT, SIGTERM and SIGHUP, as Ctrl-C, a shutdown and a closed terminal send them: what they raise, and when."""

import contextlib
import signal
import sys
import threading

_WORDS = {signal.SIGINT: "interrupted", signal.SIGTERM: "terminated"}
if hasattr(signal, "SIGHUP"):
    _WORDS[signal.SIGHUP] = "hung up"


class Terminated(SystemExit):
    """SIGTERM or SIGHUP: unwinds the program, so that everybody cleans up, as Ctrl-C does."""


@contextlib.contextmanager
def in_order():
    """Around a program: a signal unwinds it, so that everybody cleans up, and ends it with one word and status 128 +
    its number.

    SIGINT raises KeyboardInterrupt, the others Terminated. Native code may turn these into any exception: once a signal
    has arrived, whatever comes out is taken for it. A signal that was ignored before, as by nohup, stays ignored.
    """
    received = []

    def leave(number, frame):
        received.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(128 + number)

    with handled_by(leave):
        try:
            yield
        except BaseException:
            if not received:
                raise
            with contextlib.suppress(OSError):  # the terminal may be closed
                print(_WORDS[received[-1]], file=sys.stderr)
            raise SystemExit(128 + received[-1]) from None


@contextlib.contextmanager
def noticed():
    """While entered, signals raise nothing; yields the list of those that have arrived."""
    arrived = []
    with handled_by(lambda number, frame: arrived.append(number)):
        yield arrived


@contextlib.contextmanager
def held():
    """Puts signals off to its end; around, or as decorator of, what calls TensorFlow, whose C++ calls Python in places
    where an exception is lost, or comes out as another one."""
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
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
def handled_by(handler):
    """While entered, those of the signals that are not ignored go to a handler."""
    handlers = {number: signal.getsignal(number) for number in _WORDS}
    handled = {number: old for number, old in handlers.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in handled:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in handled.items():
            signal.signal(number, old)
