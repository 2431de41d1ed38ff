"""The length of MP3 files that don't state it.

An MP3 file is a row of frames. Encoders put a silent frame in front, with a Xing, Info or VBRI tag that holds
their number. Where it is missing, libsndfile guesses the length from the size of the first frame, and reads no
further than that: of a file with a variable bit rate more than half can be lost without a word. So the frames of
such files are counted here, and libsndfile gets the file with a tag in front.

    ID3v2 | header side-info "Xing" flags n_frames 0... | header side-info data | header side-info data | ...
            `------------- the tag frame -------------'   `------ 1 frame -----'
"""

import functools
import mmap
import os
import struct

_KBITS = {  # by the two version bits: MPEG 1, 2 and 2.5
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_TAGS = (b"Xing", b"Info", b"VBRI")
_MAX_FRAME_BYTES = 1441
_MIDDLE_BIT_RATE = 9  # a frame of this bit rate index has room for the tag at every sample rate


def source(path, file):
    """What soundfile should open in place of a path.

    Args:
      path: pathlib.Path of any audio file; content decides and not the name.
      file: the same, open for reading bytes without a buffer; it is left at its beginning.

    Returns:
      The path itself, or where it is an MP3 file that doesn't state its length a file object that reads from `file`.

    Raises:
      OSError: the file can't be read.
    """
    start = _id3_bytes(file.read(10))
    file.seek(start)
    first_frame = file.read(_MAX_FRAME_BYTES)
    file.seek(0)
    n_bytes = _frame_bytes(first_frame, 0)
    if not n_bytes or any(tag in first_frame[:n_bytes] for tag in _TAGS):
        return path
    stat = path.stat()
    n_frames = _n_frames(path, start, stat.st_size, stat.st_mtime_ns)
    return _Tagged(_tag_frame(first_frame[:4], n_frames), file, start, stat.st_size)


@functools.lru_cache(maxsize=4096)  # a file is opened for every crop that is read
def _n_frames(path, start, size, modified):
    """Number of frames of a file from byte `start` on."""
    del size, modified  # only for the cache: a file that changed is another
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _count_frames(data, start)


class _Tagged:
    """A tag frame and the rest of a file from byte `start` on, as a file for soundfile to read."""

    def __init__(self, tag, file, start, size):
        self._tag, self._file, self._start = tag, file, start
        self._size, self._position = len(tag) + size - start, 0

    def seek(self, offset, whence=os.SEEK_SET):
        origins = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}
        self._position = origins[whence] + offset
        return self._position

    def tell(self):
        return self._position

    def read(self, n_bytes=-1):
        end = self._size if n_bytes < 0 else min(self._position + n_bytes, self._size)
        data = self._tag[self._position : end]
        self._position += len(data)
        if end > self._position:
            self._file.seek(self._start + self._position - len(self._tag))
            rest = self._file.read(end - self._position)
            self._position += len(rest)
            data += rest
        return data


def _id3_bytes(head):
    """Length of the ID3v2 tag that a file of these first ten bytes starts with, or 0."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    length = 0
    for byte in head[6:10]:  # seven bits each
        length = length << 7 | byte & 0x7F
    return 10 + length


def _frame_bytes(data, position):
    """Length of the layer III frame whose header is at this position, or 0 where there is none."""
    header = data[position : position + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, bit_rate, sample_rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bit_rate in (0, 15) or sample_rate == 3:
        return 0
    bytes_per_kbit = 144_000 if version == 3 else 72_000
    return bytes_per_kbit * _KBITS[version][bit_rate] // _SAMPLE_RATES[version][sample_rate] + (header[2] >> 1 & 1)


def _count_frames(data, position=0):
    """Number of whole frames from a position on, past whatever lies between them."""
    count = 0
    while position >= 0:
        n_bytes = _frame_bytes(data, position)
        if n_bytes and position + n_bytes <= len(data):
            position += n_bytes
            count += 1
        else:
            position = data.find(b"\xff", position + 1)
    return count


def _tag_frame(header, n_frames):
    """bytes of a silent frame like one with the given header, with a Xing tag that says how many follow."""
    is_mpeg1, is_mono = header[1] >> 3 & 3 == 3, header[3] >> 6 == 3
    bit_rate_and_padding = _MIDDLE_BIT_RATE << 4 | header[2] & 0x0C
    header = bytes([0xFF, header[1] | 1, bit_rate_and_padding, header[3]])  # the 1: no checksum follows
    side_info = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}[is_mpeg1, is_mono]
    tag = header + bytes(side_info) + b"Xing" + struct.pack(">II", 1, n_frames)
    return tag.ljust(_frame_bytes(header, 0), b"\0")
