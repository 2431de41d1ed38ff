"""Where all rendering happens, in turn: a few threads for all visitors, and what was rendered last is kept.

A visitor asks for one block at a time and takes a place at the end of the queue for the next, so that everybody gets on
at the same pace. Whoever leaves is cancelled: what he waited for is not rendered, unless others wait for it, too.
"""

import asyncio
import collections
import concurrent.futures
import contextlib
import dataclasses

from musika_tf.web.limits import Busy


@dataclasses.dataclass
class _Making:
    """What is being rendered, and how many wait for it."""

    task: asyncio.Task
    waiters: int = 0


class Studio:
    """Runs functions in `limits.renderers` threads; used within one event loop.

    Attributes:
      streams: how many are open.
      kept_bytes: size of what is kept.
    """

    def __init__(self, limits):
        self.streams, self.kept_bytes = 0, 0
        self._limits, self._waiting = limits, 0
        self._places = asyncio.Semaphore(limits.renderers)
        self._executor = concurrent.futures.ThreadPoolExecutor(limits.renderers, "render")
        self._kept, self._making = collections.OrderedDict(), {}

    @contextlib.contextmanager
    def stream(self):
        """Around a stream, from the first byte to the last; Busy where too many are open."""
        if self.streams >= self._limits.streams:
            raise Busy
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    async def run(self, function, *arguments, patient=False):
        """function(*arguments), in turn.

        Args:
          patient: of a stream that has begun, which waits as long as it takes.

        Raises:
          Busy: too many wait, or the turn doesn't come in time.
        """
        if patient:
            await self._places.acquire()
        else:
            await self._turn()
        future = asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        future.add_done_callback(lambda _: self._places.release())  # a thread goes on when its visitor has left
        return await asyncio.shield(future)

    async def _turn(self):
        if self._waiting >= self._limits.waiting:
            raise Busy
        self._waiting += 1
        try:
            await asyncio.wait_for(self._places.acquire(), self._limits.wait_seconds)
        except asyncio.TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1

    async def kept(self, key, function, patient=False):
        """The bytes that `function()` returns, rendered once for all who ask for `key`; raises as `run`."""
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = _Making(asyncio.ensure_future(self._make(key, function, patient)))
        making.waiters += 1
        try:
            return await asyncio.shield(making.task)
        except Busy:  # of somebody who had less patience
            if not patient:
                raise
        finally:
            making.waiters -= 1
            if not making.waiters:
                making.task.cancel()
                if self._making.get(key) is making:
                    del self._making[key]
        return await self.kept(key, function, patient)

    async def _make(self, key, function, patient):
        data = await self.run(function, patient=patient)
        if len(data) <= self._limits.kept_bytes:
            self._kept[key] = data
            self.kept_bytes += len(data)
        while self.kept_bytes > self._limits.kept_bytes:
            self.kept_bytes -= len(self._kept.popitem(last=False)[1])
        return data

    def close(self):
        """Lets renderings end that have begun; no others begin."""
        self._executor.shutdown(wait=False, cancel_futures=True)
