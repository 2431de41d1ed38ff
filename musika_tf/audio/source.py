"""What a decoder is to be given in place of a file whose header or surroundings mislead it."""

import bisect
import contextlib
import dataclasses
import functools
import mmap
import os
from pathlib import Path

_ID3_BYTES = 128


def identity(path):
    """Path, size and time of modification: a file that changed is another."""
    stat = os.stat(path)
    return Path(path), stat.st_size, stat.st_mtime_ns


def remembered(function):
    """The same function of a file's path, whose results are remembered until the file changes."""

    @functools.lru_cache(maxsize=65_536)  # a file is opened for every crop that is read
    def known(path, size, modified):
        del size, modified
        return function(path)

    @functools.wraps(function)
    def of_file(path):
        return known(*identity(path))

    return of_file


@contextlib.contextmanager
def mapped(path):
    """The bytes of a file, as a mmap where there are any; OSError where it can't be read."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield data
        else:
            yield b""


@dataclasses.dataclass(frozen=True)
class Splice:
    """`head`, then the file's bytes from `start` to `stop` (None: its end) without those in `cuts`.

    Most faults are cured by it: a header that counts too few samples gets another, what is no audio is left out.

    Attributes:
      cuts: (begin, end) of each stretch of bytes that is left out, in order.
      size: in place of the number of bytes, for decoders that guess from it; 0: the true number.
    """

    head: bytes = b""
    start: int = 0
    stop: int | None = None
    cuts: tuple = ()
    size: int = 0

    def __bool__(self):
        return self != Splice()


@dataclasses.dataclass(frozen=True)
class Source:
    """How to read the samples of a file.

    Attributes:
      splice: what soundfile is given.
      n_samples: per channel where it is known better than by soundfile, else None.
      recount: None, or where soundfile has to count the samples, by decoding what `splice` promises too much of, a
        function of their number to the Splice that promises just that.
      more: "", or what of the file soundfile doesn't read, so that ffmpeg should, where it is installed.
      notes: pairs (flag, note) for the table.
    """

    splice: Splice = Splice()
    n_samples: int | None = None
    recount: object = None
    more: str = ""
    notes: tuple = ()


class SplicedFile:
    """A Splice of a file, open for reading bytes without a buffer, for soundfile to read."""

    def __init__(self, splice, file):
        n_bytes = os.fstat(file.fileno()).st_size
        stop = n_bytes if splice.stop is None else min(splice.stop, n_bytes)
        starts, stops = [splice.start, *(end for _, end in splice.cuts)], [*(begin for begin, _ in splice.cuts), stop]
        self._head, self._file = splice.head, file
        self._starts, self._places = starts, [len(splice.head)]  # of each stretch: in the file, and here
        for start, stop in zip(starts, stops, strict=True):
            self._places.append(self._places[-1] + max(stop - start, 0))
        self._end, self._position = self._places[-1], 0
        self._size = splice.size or self._end

    def seek(self, offset, whence=os.SEEK_SET):
        origins = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = origins[whence] + offset
        return self._position

    def tell(self):
        return self._position

    def read(self, n_bytes=-1):
        if self._end < self._size - _ID3_BYTES <= self._position:
            return bytes(max(n_bytes, 0))  # where mpg123 looks for a tag
        end = self._end if n_bytes < 0 else min(self._position + n_bytes, self._end)
        data = self._head[self._position : end]
        while (place := self._position + len(data)) < end:
            stretch = bisect.bisect_right(self._places, place) - 1
            offset = place - self._places[stretch]
            self._file.seek(self._starts[stretch] + offset)
            rest = self._file.read(min(end, self._places[stretch + 1]) - place)
            if not rest:
                break
            data += rest
        self._position += len(data)
        return data
