"""WAV files whose header states too few bytes of samples: 0, as a stream into a pipe has it, or a size beyond 4 GB
that 32 bits did not hold.

    RIFF size WAVE | fmt  size ... | data size samples ... | LIST size ...
"""

import struct

from musika_tf.audio.source import Source, Splice

_WRAPPED = 2**32
_STRAY_BYTES = 1024  # sloppy writers leave some


def find(data, start):
    """How to read a WAV file.

    Args:
      data: all of the file, bytes or mmap, RIFF from byte `start` on.

    Returns:
      Source.
    """
    plain = Source(Splice(b"", start))
    place = start + 12
    while data[place : place + 4] != b"data":
        if place + 8 > len(data):
            return plain
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + size + size % 2
    stated, begin = int.from_bytes(data[place + 4 : place + 8], "little"), place + 8
    there = len(data) - begin
    if stated >= there or stated >= 0x7FFFF000 and there < _WRAPPED:  # to the end of the file, or cut off
        return plain
    if there >= _WRAPPED:
        n_bytes = stated + (there - stated) // _WRAPPED * _WRAPPED
        if n_bytes > stated:
            return Source(Splice(_rf64(data[start:begin], n_bytes), begin))
    rest = _not_chunks(data, begin + stated + stated % 2)
    if not stated and rest:
        head = data[start : place + 4] + struct.pack("<I", there)
        return Source(Splice(head[:4] + struct.pack("<I", len(head) - 8 + there) + head[8:], begin))
    note = f"{rest} bytes behind its samples, of which its header says nothing, not used"
    return Source(Splice(b"", start), notes=(("partly", note),) if rest > _STRAY_BYTES else ())


def _rf64(head, n_bytes):
    """The header of an RF64 file in place of `head`, that of a WAV file up to its samples, for `n_bytes` of them."""
    head = head[:-4] + b"\xff" * 4
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, len(head) + 28 + n_bytes, n_bytes, 0, 0)
    return b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + head[12:]


def _not_chunks(data, place):
    """How many bytes from a position on are no chunks: 0 where chunks lead to the end of the file."""
    begin = place
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if not (name.isascii() and name.decode("ascii").isprintable()) or place + 8 + size > len(data):
            return len(data) - begin
        place += 8 + size + size % 2
    return max(len(data) - place, 0) if place == begin else 0
