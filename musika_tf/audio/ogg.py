"""Ogg: streams that are the same bytes each time they are written, and files of several streams one after the other.

An encoder draws the serial number of its stream by chance, and each page bears it. Files that are joined (chained, as
radio stations send them) have a stream for each link, of which libsndfile reads the first.
"""

import struct

from mutagen.ogg import OggPage
from mutagen.ogg import error as PageError

from musika_tf.audio.source import Source, Splice

_HEAD = struct.Struct("<4sBBqIII")
_FIRST, LAST = 2, 4  # flags of a stream's pages
TAIL_BYTES = 2 * 65_307  # two of the longest pages
_HEAD_BYTES = 1 << 16  # in which a page has its usual length
_UNLIKELY = 2.0  # times as many bytes a page as at the beginning: numbers that began again


def set_serial(path, serial):
    """Gives all pages of a file with one Ogg stream another serial number of 32 bits, in place.

    Raises:
      ValueError: it is no whole Ogg stream.
    """
    with open(path, "r+b") as file:
        while True:
            begin = file.tell()
            try:
                page = OggPage(file)
            except EOFError:
                return
            except PageError as error:
                raise ValueError(f"{path}: byte {begin} begins no page of Ogg ({error})") from error
            page.serial = serial
            file.seek(begin)
            file.write(page.write())


def find(data, start):
    """Source of a file, bytes or mmap, that is Ogg from byte `start` on."""
    more = "the streams chained behind its first" if _is_chained(data, start) else ""
    return Source(Splice(b"", start), more=more)


def _is_chained(data, start):
    """Whether another stream begins where the first ends; looks at both ends of the file alone, unless in doubt."""
    serials, n_pages, place = set(), 0, start
    while head := _page(data, place):
        if not head[2] & _FIRST and place > start + _HEAD_BYTES:
            break
        if head[2] & _FIRST:
            if n_pages > len(serials):  # behind pages with sound
                return True
            serials.add(head[4])
        n_pages += 1
        place += _page_bytes(data, place)
    last = data.rfind(b"OggS\0", max(len(data) - TAIL_BYTES, start))
    tail = _page(data, last) if last >= 0 else None
    if not tail or not n_pages:
        return False
    if tail[4] not in serials:
        return True
    usual = (place - start) / n_pages
    if len(serials) == 1 and (len(data) - start) / (tail[5] + 1) > _UNLIKELY * usual:
        return data.find(b"OggS\0" + bytes([_FIRST]), start + 1) >= 0
    return False


def _page(data, place):
    """The fields of the page that begins here, or None: _, _, flags, granule, serial, number, checksum."""
    head = data[place : place + _HEAD.size]
    return _HEAD.unpack(head) if len(head) == _HEAD.size and head[:5] == b"OggS\0" else None


def _page_bytes(data, place):
    n_segments = data[place + 26] if place + 26 < len(data) else 0
    return 27 + n_segments + sum(data[place + 27 : place + 27 + n_segments])
