"""Whether a file ends where it says, for the formats of which libsndfile reads what is there without a word.

    RIFF size WAVE | fmt  size ... | LIST size ... | data size samples ...      and where it was cut off
                                                          `- more than the file has

Files with uncompressed samples state their bytes; the last page of an Ogg stream carries a flag. FLAC and MP3 state a
number of samples, which is compared when they are decoded.
"""

import os
import struct

_BYTE_ORDERS = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">", b"FORM": ">"}
_SAMPLES = (b"data", b"SSND")
# What programs write that can't go back into a pipe: the length is not known, and the end of the file is the end.
_PLACEHOLDERS = (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, 0x100000000))
_LARGEST_PAGE = 65_307  # bytes of an Ogg page
_END_OF_STREAM = 4  # of a page's flags
_HEADER_BYTES = 1024


def stated_and_there(path):
    """Bytes of samples in a file of WAV, RF64, AIFF, AU, CAF, NIST, VOC or W64.

    Args:
      path: any file.

    Returns:
      What the header states and what is there, the latter never more; or (0, 0) where no length is stated.

    Raises:
      OSError: the file can't be read.
    """
    with open(path, "rb") as file:
        head, n_bytes = file.read(_HEADER_BYTES), os.fstat(file.fileno()).st_size
        if head[:4] in _BYTE_ORDERS:
            return _in_chunks(file, _BYTE_ORDERS[head[:4]], n_bytes)
        for magic, stretches in _FORMATS.items():
            if head.startswith(magic):
                stretches = list(stretches(file, head))
                stated = sum(size for _, size in stretches)
                return stated, sum(min(size, max(n_bytes - begin, 0)) for begin, size in stretches)
    return 0, 0


def _in_chunks(file, order, n_bytes):
    """`stated_and_there` of RIFF, RF64 and AIFF."""
    wide = 0
    file.seek(12)
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


def _in_au(file, head):
    """Where the samples of an AU file begin, and how many bytes they are; so the others below."""
    del file
    begin, size = struct.unpack("<II" if head.startswith(b"dns.") else ">II", head[4:12].ljust(8, b"\0"))
    if size != 0xFFFFFFFF:
        yield begin, size


def _in_caf(file, head):
    del head
    place = 8
    while file.seek(place) == place and len(chunk := file.read(12)) == 12:
        name, size = struct.unpack(">4sq", chunk)
        if size < 0:  # to the end of the file
            return
        if name == b"data":
            yield place + 12, size
        place += 12 + size


def _in_nist(file, head):
    del file
    words = [line.split(None, 2) for line in head.decode("latin-1").splitlines()]
    fields = {line[0]: int(line[2]) for line in words if len(line) == 3 and line[1] == "-i" and line[2].isdigit()}
    size = fields.get("sample_count", 0) * fields.get("channel_count", 1) * fields.get("sample_n_bytes", 0)
    begin = words[1][0] if len(words) > 1 and words[1] else ""
    if size and begin.isdigit():
        yield int(begin), size


def _in_voc(file, head):
    place = int.from_bytes(head[20:22], "little")
    while file.seek(place) == place and len(block := file.read(4)) == 4 and block[0]:
        size = int.from_bytes(block[1:], "little")
        yield place + 4, size
        place += 4 + size


def _in_w64(file, head):
    del head
    place = 40
    while file.seek(place) == place and len(chunk := file.read(24)) == 24:
        size = int.from_bytes(chunk[16:], "little")
        if size < 24:
            return
        if chunk.startswith(b"data"):
            yield place + 24, size - 24
        place += size + -size % 8


_FORMATS = {
    b".snd": _in_au, b"dns.": _in_au, b"caff": _in_caf, b"NIST": _in_nist, b"Creative Voice File": _in_voc,
    b"riff": _in_w64,
}  # fmt: skip


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
