"""Several processes that share work: the parts of one piece, the files of a collection.

Nothing here imports TensorFlow, and what a worker is to do is unpickled only when it has prepared it.
"""

import collections
import contextlib
import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
from collections.abc import Callable

from musika_tf.errors import UserError

_READY, _TOLD, _FAILED = range(3)  # what a worker's messages begin with


@dataclasses.dataclass(frozen=True)
class Death:
    """How a worker ended before its work was done: `cause` follows on "a worker"."""

    cause: str


@dataclasses.dataclass(frozen=True)
class Crew:
    """How many workers, and how each prepares TensorFlow.

    Attributes:
      n_workers: processes.
      prepare: module-level function (threads), called first in each of them.
      threads: of all workers together; 0: as many as there are cores.
    """

    n_workers: int
    prepare: Callable[[int], None]
    threads: int = 0

    def each(self, start, items):
        """Has every item worked on by one of the workers, the next one by whoever is free.

        Args:
          start: picklable function without arguments, called once in each worker. It returns what works on an item:
            a function of the item and of `tell`, a function to call with what the caller is to know.
          items: list, none of them None.

        Yields:
          (item, what was told), in the order of arrival. Where a worker died, its item (None if it had none yet) and a
          Death; the others go on, and what nobody was left for is missing.

        Raises:
          UserError: a worker raised it; the others are stopped.
        """
        n_workers = min(self.n_workers, len(items))
        threads = max((self.threads or _cores()) // max(n_workers, 1), 1)
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        processes = {}
        try:
            for _ in range(n_workers):
                ours, theirs = context.Pipe()
                arguments = theirs, self.prepare, threads, pickle.dumps(start)
                processes[ours] = context.Process(target=_work, args=arguments, daemon=True)
                processes[ours].start()
                theirs.close()  # the worker has its own copy: the pipe closes with it
            yield from _follow(processes, collections.deque(items))
        finally:
            for process in processes.values():
                process.terminate()
                process.join()


def _follow(processes, waiting):
    """Hands out items and passes on what the workers tell, until the last one is done."""
    running, at_work = dict(processes), {}
    while running:
        for connection in multiprocessing.connection.wait(list(running)):
            try:
                kind, value = connection.recv()
            except (EOFError, ConnectionResetError):
                process = running.pop(connection)
                process.join()
                if process.exitcode:
                    yield at_work.get(connection), Death(_cause(process.exitcode))
                continue
            if kind == _FAILED:
                raise UserError(value)
            if kind == _TOLD:
                yield at_work[connection], value
                continue
            at_work[connection] = waiting.popleft() if waiting else None
            with contextlib.suppress(BrokenPipeError):  # it has died: the next message is the pipe's end
                connection.send(at_work[connection])


def _cause(exitcode):
    """What an exit status of `multiprocessing` says; out of memory, Linux kills with signal 9."""
    if exitcode > 0:
        return f"failed (status {exitcode})"
    hint = ", perhaps out of memory: take fewer --workers" if exitcode == -signal.SIGKILL else ""
    return f"died (signal {-exitcode}{hint})"


def _cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(connection, prepare, threads, start):
    """A worker's life: prepares itself and works on items until there are none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    prepare(threads)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, EOFError):  # whoever wanted the work is gone
        try:
            work = pickle.loads(start)()
            connection.send((_READY, None))
            while (item := connection.recv()) is not None:
                work(item, lambda told: connection.send((_TOLD, told)))
                connection.send((_READY, None))
        except UserError as error:
            connection.send((_FAILED, str(error)))
