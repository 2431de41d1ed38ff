"""Whether a file ends where it says, for the formats of which libsndfile reads what is there without a word.

    RIFF size WAVE | fmt  size ... | LIST size ... | data size samples ...      and where it was cut off
                                                          `- more than the file has

RIFF, RF64 and AIFF files state the bytes of their samples; the last page of an Ogg stream carries a flag. FLAC and
MP3 state a number of samples, which is compared when they are decoded.
"""

import os
import struct

_BYTE_ORDERS = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">", b"FORM": ">"}
_SAMPLES = (b"data", b"SSND")
# What programs write that can't go back into a pipe: the length is not known, and the end of the file is the end.
_PLACEHOLDERS = (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))
_LARGEST_PAGE = 65_307  # bytes of an Ogg page
_END_OF_STREAM = 4  # of a page's flags


def stated_and_there(path):
    """Bytes of samples in a RIFF, RF64 or AIFF file.

    Args:
      path: any file.

    Returns:
      What the header states and what is there, the latter never more; or (0, 0) where no length is stated.

    Raises:
      OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        order = _BYTE_ORDERS.get(file.read(12)[:4])
        if order is None:
            return 0, 0
        n_bytes, wide = os.fstat(file.fileno()).st_size, 0
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack(f"{order}4sI", head)
            begin = file.tell()
            if name == b"ds64":
                wide = int.from_bytes(file.read(16)[8:], "little")
            elif name in _SAMPLES:
                stated = wide if any(size in values for values in _PLACEHOLDERS) else size
                return stated, min(stated, n_bytes - begin)
            file.seek(begin + size + size % 2)
    return 0, 0


def lacks_ogg_end(path):
    """Whether a file is an Ogg stream whose last page isn't marked as the last.

    Raises:
      OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        if file.read(4) != b"OggS":
            return False
        file.seek(max(os.fstat(file.fileno()).st_size - 2 * _LARGEST_PAGE, 0))
        pages = file.read()
    page = pages.rfind(b"OggS")
    return page < 0 or page + 5 >= len(pages) or not pages[page + 5] & _END_OF_STREAM
