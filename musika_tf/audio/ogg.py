"""Ogg streams that are the same bytes each time they are written.

An encoder draws the serial number of its stream by chance, and each page bears it::

    OggS | 0 | flags | granule, 8 bytes | serial, 4 | number, 4 | checksum, 4 | segments, 1 | their sizes | their bytes

The checksum is the remainder of the whole page, its own place zero, by a polynomial; so that of a changed page is the
old one plus (that is, xor) that of the change alone, and no page has to be read again.
"""

import functools
import os
import struct

_HEAD = struct.Struct("<4sBBqIIIB")
_SERIAL = 14  # its first byte in a page
_POLYNOMIAL = 0x04C11DB7
_LONGEST_PAGE = 65_307


def set_serial(path, serial):
    """Gives all pages of a file with one Ogg stream another serial number, in place.

    Args:
      path: the file.
      serial: 32 bits.

    Raises:
      OSError: it can't be written.
      ValueError: it is no whole Ogg stream.
    """
    with open(path, "r+b") as file:
        begin, n_bytes = 0, os.fstat(file.fileno()).st_size
        while begin < n_bytes:
            file.seek(begin)
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size or head[:4] != b"OggS":
                raise ValueError(f"{path}: byte {begin} begins no page of Ogg")
            *_, old, number, checksum, n_segments = _HEAD.unpack(head)
            length = _HEAD.size + n_segments + sum(file.read(n_segments))
            if begin + length > n_bytes:
                raise ValueError(f"{path}: its last page is cut off")
            checksum ^= _checksums(old ^ serial)[length - _SERIAL - 4]
            file.seek(begin + _SERIAL)
            file.write(struct.pack("<III", serial, number, checksum))
            begin += length


@functools.lru_cache(maxsize=2)
def _checksums(change):
    """Checksum of the 32 bits of a changed serial number and n zeros after them, for every n."""
    table, value = _table(), 0
    for byte in struct.pack("<I", change):
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
    values = [value]
    for _ in range(_LONGEST_PAGE):
        value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24]
        values.append(value)
    return values


@functools.cache
def _table():
    """Remainders of each byte, 32 bits on."""
    values = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 & 0xFFFFFFFF) ^ (_POLYNOMIAL if value >> 31 else 0)
        values.append(value)
    return values
