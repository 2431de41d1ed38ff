"""The queue of renderings: turns, what is kept, who is told to wait, and that nobody works for those who left."""

import asyncio
import threading

import pytest

from musika_tf.web.limits import Busy, Limits
from musika_tf.web.studio import Studio


def in_studio(**limits):
    """Runs a coroutine function with a Studio."""

    def decorate(function):
        def test():
            async def main():
                studio = Studio(Limits(**limits))
                try:
                    await function(studio)
                finally:
                    studio.close()

            asyncio.run(main())

        test.__name__ = function.__name__
        return test

    return decorate


async def parked(studio):
    """(Event that lets a rendering end, its task): the only thread is taken."""
    go, began = threading.Event(), threading.Event()

    def work():
        began.set()
        go.wait(10)
        return b"parked"

    task = asyncio.ensure_future(studio.run(work))
    while not began.is_set():
        await asyncio.sleep(0.005)
    return go, task


@in_studio(kept_bytes=10)
async def test_what_was_made_last_is_kept_within_its_bytes(studio):
    made = []

    def make(name, size):
        return studio.kept(name, lambda: made.append(name) or bytes(size))

    for name, size in (("a", 4), ("b", 4), ("a", 4), ("c", 4), ("a", 4), ("b", 4), ("large", 11), ("b", 4)):
        assert await make(name, size) == bytes(size)
    assert made == ["a", "b", "c", "b", "large"]  # c took the place of b, which nobody had asked for since
    assert studio.kept_bytes == 8


@in_studio()
async def test_what_several_wait_for_is_made_once(studio):
    go, task = await parked(studio)
    made = []
    waiting = [asyncio.ensure_future(studio.kept("a", lambda: made.append(1) or b"a")) for _ in range(5)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    go.set()
    assert await asyncio.gather(*waiting[1:]) == [b"a"] * 4 and made == [1] and await task == b"parked"


@in_studio()
async def test_nothing_is_made_for_those_who_left(studio):
    go, task = await parked(studio)
    made = []
    waiting = [asyncio.ensure_future(studio.kept("a", lambda: made.append(1) or b"a")) for _ in range(3)]
    await asyncio.sleep(0.01)
    for each in waiting:
        each.cancel()
    task.cancel()  # its thread goes on, and keeps its place until it is done
    await asyncio.sleep(0.01)
    later = asyncio.ensure_future(studio.kept("a", lambda: made.append(2) or b"later"))
    await asyncio.sleep(0.02)
    assert made == [] and not later.done()
    go.set()
    assert await later == b"later" and made == [2]


@in_studio(waiting=2, wait_seconds=0.05)
async def test_who_finds_no_place_is_told(studio):
    go, task = await parked(studio)
    waiting = [asyncio.ensure_future(studio.run(bytes)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Busy):  # at once
        await studio.run(bytes)
    patient = asyncio.ensure_future(studio.run(bytes, patient=True))
    for each in waiting:
        with pytest.raises(Busy):  # after their time
            await each
    go.set()
    assert await patient == b"" and await task == b"parked" and await studio.run(bytes) == b""


@in_studio(wait_seconds=0.05)
async def test_who_is_patient_stays_when_others_give_up(studio):
    go, task = await parked(studio)
    other = asyncio.ensure_future(studio.kept("a", lambda: b"a"))
    patient = asyncio.ensure_future(studio.kept("a", lambda: b"a", patient=True))
    with pytest.raises(Busy):
        await other
    assert not patient.done()
    go.set()
    assert await patient == b"a" and await task == b"parked"


@in_studio(streams=2)
async def test_streams_are_counted(studio):
    with studio.stream(), studio.stream():
        with pytest.raises(Busy), studio.stream():
            pass
        assert studio.streams == 2
    assert studio.streams == 0


@in_studio()
async def test_an_error_of_the_work_is_the_callers(studio):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await studio.kept("a", lambda: 1 // 0)
    assert await studio.kept("a", lambda: b"well") == b"well"


@in_studio()
async def test_turns_are_in_order(studio):
    go, task = await parked(studio)
    order = []
    waiting = [asyncio.ensure_future(studio.run(order.append, i)) for i in range(6)]
    await asyncio.sleep(0.01)
    go.set()
    await asyncio.gather(task, *waiting)
    assert order == list(range(6))
