"""Signals: what a program makes of them, and that TensorFlow's C++ is never interrupted."""

import os
import signal
import threading

import pytest

from musika_tf import interruption
from musika_tf.errors import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def send(number):
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def handlers():
    """Whatever a test does, the handlers are afterwards those of before."""
    before = [signal.getsignal(number) for number in SIGNALS]
    yield
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.fixture
def told():
    """The signals that arrive, where nothing else takes them."""
    arrived, before = [], {number: signal.getsignal(number) for number in SIGNALS}
    for number in SIGNALS:
        signal.signal(number, lambda number, frame: arrived.append(number))
    yield arrived
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "raised", "word"),
    [
        (signal.SIGINT, KeyboardInterrupt, "interrupted"),
        (signal.SIGTERM, interruption.Terminated, "terminated"),
        (signal.SIGHUP, interruption.Terminated, "hung up"),
    ],
)
def test_a_signal_unwinds_a_program_and_ends_it_with_a_word(number, raised, word, capsys):
    cleaned_up = []
    with pytest.raises(SystemExit) as ended, interruption.in_order():
        try:
            send(number)
        except raised:
            cleaned_up.append(True)
            raise
    assert cleaned_up and ended.value.code == 128 + number
    assert capsys.readouterr().err == f"{word}\n"


def test_a_closed_terminal_takes_no_word(monkeypatch):
    class Closed:
        def write(self, text):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(interruption.sys, "stderr", Closed())
    with pytest.raises(SystemExit) as ended, interruption.in_order():
        send(signal.SIGHUP)
    assert ended.value.code == 129


@pytest.mark.parametrize("error", [TypeError, UserError, SystemError])
def test_what_native_code_makes_of_a_signal_is_still_the_signal(error, capsys):
    with pytest.raises(SystemExit) as ended, interruption.in_order():
        try:
            send(signal.SIGTERM)
        except interruption.Terminated:
            raise error("a result with an exception set") from None
    assert ended.value.code == 143 and capsys.readouterr().err == "terminated\n"


def test_without_a_signal_nothing_is_changed(capsys):
    with interruption.in_order():
        pass
    for error in (UserError("x"), KeyboardInterrupt(), SystemExit(2)):
        with pytest.raises(type(error)) as raised, interruption.in_order():
            raise error
        assert raised.value is error
    assert capsys.readouterr().err == ""


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interruption.in_order(), interruption.noticed() as arrived, interruption.held():
            send(signal.SIGINT)
        assert arrived == [] and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_held_runs_to_its_end_first(number, told):
    with interruption.held():
        send(number)
        assert told == []
    assert told == [number]

    with pytest.raises(UserError), interruption.held():
        send(number)
        raise UserError("of its own")
    assert told == [number, number]

    with interruption.held():
        with interruption.held():
            send(number)
        assert len(told) == 2
    assert told == [number] * 3


def test_who_asked_to_be_told_hears_of_what_was_held(told):
    with interruption.noticed() as arrived:
        with interruption.held():
            send(signal.SIGTERM)
        assert arrived == [signal.SIGTERM]
    assert told == []


def test_other_threads_hold_nothing():
    done = []

    @interruption.held()
    def work():
        done.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.getsignal(signal.SIGTERM)]
