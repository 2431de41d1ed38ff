"""Several processes that render the parts of one piece.

Nothing here imports TensorFlow, so that a worker can prepare it before anything else loads it. A piece travels as its
comment tag, which holds all that its samples depend on.
"""

import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import signal
from collections.abc import Callable

from musika_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class Crew:
    """How many workers, and how each prepares TensorFlow.

    Attributes:
      n_workers: processes.
      prepare: module-level function (threads), called first in each of them.
    """

    n_workers: int
    prepare: Callable[[int], None]

    def render(self, bundle_dir, folder, missing, progress):
        """Renders parts; returns when all are there.

        Args:
          bundle_dir: the bundle, which every worker loads.
          folder: PartFolder.
          missing: numbers of the parts to make.
          progress: called with the number of samples that were added, again and again.

        Raises:
          UserError: a worker failed or died; the others are stopped, the parts that are done are kept.
        """
        n_workers = min(self.n_workers, len(missing))
        threads = max(_cores() // n_workers, 1)
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        processes = {}
        try:
            for i in range(n_workers):
                reader, writer = context.Pipe(duplex=False)
                order = str(bundle_dir), str(folder.path), folder.dtype, folder.piece.comment(folder.metadata)
                arguments = writer, self.prepare, threads, order, missing[i::n_workers]
                process = context.Process(target=_work, args=arguments, daemon=True)
                process.start()
                processes[reader] = process
                writer.close()  # the worker has the other one: its end of the pipe closes with it
            self._follow(processes, folder, progress)
        finally:
            for process in processes.values():
                process.terminate()
                process.join()

    def _follow(self, processes, folder, progress):
        """Passes on what the workers tell until the last one is done."""
        running = dict(processes)
        while running:
            for reader in multiprocessing.connection.wait(list(running)):
                try:
                    message = reader.recv()
                except EOFError:
                    process = running.pop(reader)
                    process.join()
                    if process.exitcode:
                        raise UserError(f"a worker {_cause(process.exitcode)}; {folder.kept()}") from None
                    continue
                if isinstance(message, str):
                    raise UserError(message)
                progress(message)


def _cause(exitcode):
    """What an exit status of `multiprocessing` says; out of memory, Linux kills with signal 9."""
    if exitcode > 0:
        return f"failed (status {exitcode})"
    hint = ", perhaps out of memory: take fewer --workers" if exitcode == -signal.SIGKILL else ""
    return f"died (signal {-exitcode}{hint})"


def _cores():
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work(connection, prepare, threads, order, indices):
    """A worker's life: loads the bundle and makes its parts, telling how many samples it added."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    prepare(threads)
    from pathlib import Path

    from musika_tf import bundle
    from musika_tf.pipeline.parts import PartFolder
    from musika_tf.pipeline.piece import read_comment

    bundle_dir, folder, dtype, comment = order
    try:
        loaded, metadata = bundle.load(bundle_dir)
        parts = PartFolder(Path(folder), metadata, read_comment(comment), dtype)
        for index in indices:
            parts.render(loaded, index, connection.send)
    except UserError as error:
        connection.send(str(error))
    except BrokenPipeError:  # the process that wanted the parts is gone
        return
