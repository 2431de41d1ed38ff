"""Processes that share work: the parts of one piece, the files of a collection.

Each worker is a ProcessPoolExecutor of its own. One executor with many processes gives all of its work up when one of
them dies, and does not say whose fault it was; this way exactly the item of the dead worker is lost, and is named.
Nothing here imports TensorFlow: workers do, once they are prepared.
"""

import collections
import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool


@dataclasses.dataclass(frozen=True)
class Died:
    """The result of an item whose worker died; `cause` follows on "a worker"."""

    cause: str


@dataclasses.dataclass(frozen=True)
class Pool:
    """`n_workers` processes. Each calls `prepare`, a module-level function (threads), first; `threads` are those of all
    together, 0: as many as there are cores."""

    n_workers: int
    prepare: Callable[[int], None]
    threads: int = 0

    def run(self, start, items):
        """Works on every item in one of the workers, the next one in whichever is free. More workers than this process
        may use cores get a line of warning.

        Args:
          start: picklable function, called once in each worker; returns the function of an item that does the work.
          items: list.

        Yields:
          (item, its result) as they are done; Died where the worker died. When no worker is left, the remaining items
          are missing.

        Raises:
          UserError: a worker raised it; the others are stopped.
        """
        n_workers, cores = min(self.n_workers, len(items)), _cores()
        if n_workers > cores:
            found = f"{cores} core{'s' * (cores > 1)}"
            print(f"--workers={n_workers}: this process may use {found}, and so many are faster", file=sys.stderr)
        threads = max((self.threads or cores) // max(n_workers, 1), 1)
        waiting, running = collections.deque(items), {}
        with contextlib.ExitStack() as stack:
            free = [stack.enter_context(_Worker(self.prepare, threads)) for _ in range(n_workers)]
            while True:
                while free and waiting:
                    worker, item = free.pop(), waiting.popleft()
                    running[worker.submit(start, item)] = worker, item
                if not running:
                    return
                for future in concurrent.futures.wait(running, return_when="FIRST_COMPLETED").done:
                    worker, item = running.pop(future)
                    try:
                        result = future.result()
                        free.append(worker)
                    except BrokenProcessPool:
                        result = Died(worker.cause())
                    yield item, result


class _Worker:
    """One process, which ends with the block that it is used in."""

    def __init__(self, prepare, threads):
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self._executor = concurrent.futures.ProcessPoolExecutor(1, context, _prepare, (prepare, threads))
        before = set(multiprocessing.active_children())
        self._executor.submit(os.getpid)  # starts the process
        (self._process,) = set(multiprocessing.active_children()) - before

    def __enter__(self):
        return self

    def submit(self, start, item):
        return self._executor.submit(_work, start, item)

    def cause(self):
        """How the process ended. Linux kills with signal 9 when memory runs out."""
        self._executor.shutdown()  # its thread waits for the process, too, and of two at once one misses the status
        self._process.join()
        status = self._process.exitcode
        if status >= 0:
            return f"failed (status {status})"
        hint = ", perhaps out of memory: take fewer --workers" if status == -signal.SIGKILL else ""
        return f"died (signal {-status}{hint})"

    def __exit__(self, *_):
        self._process.terminate()
        self._executor.shutdown(cancel_futures=True)


def _cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


# In the worker

_function = None  # what `start` returned


def _prepare(prepare, threads):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare(threads)


def _end_with_parent():
    """A worker whose parent was killed would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _work(start, item):
    global _function
    if _function is None:
        _function = start()
    return _function(item)
