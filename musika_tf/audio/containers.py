"""Where the samples lie in files that state their bytes, and what libsndfile is given where a header misleads it.

    RIFF size WAVE | fmt  size ... | data size samples ... | LIST size ... | what no header tells of

A stream into a pipe leaves the size at 0 or at its largest value; 32 bits don't hold the size of more than 4 GB; and
behind the last chunk there may be tags, or another file. WAV, RF64, AIFF, 8SVX, W64, CAF, AU, NIST, VOC, AVR and WVE
are known here; other formats of libsndfile state no length, or are compressed.
"""

import struct
import typing

from musika_tf.audio import tags
from musika_tf.audio.source import Source, Splice

_WRAPPED = 2**32
_STRAY_BYTES = 1024  # sloppy writers leave some
_HEADER_BYTES = 1024
# What programs write that can't go back into a pipe: the length is not known, and the end of the file is the end.
_PLACEHOLDERS = (range(0x7FFFF000, 0x80000001), range(0xFFFFF000, _WRAPPED))
_FILES = (b"RIFF", b"RIFX", b"RF64", b"FORM", b"riff", b"caff")  # no chunk has such a name: another file begins
_SAMPLES = (b"data", b"SSND", b"BODY")


class Stretch(typing.NamedTuple):
    """Bytes of samples: where they begin, how many the header states (None: all that follow), and what comes then."""

    begin: int
    size: int | None
    behind: int | None = None


def stretches(data, start=0):
    """list of Stretch of a file, bytes or mmap, whose header is at byte `start`."""
    for magic, find_in in _FORMATS.items():
        if data[start : start + len(magic)] == magic:
            return list(find_in(data, start))
    return []


def find(data, start):
    """Source of a file of one of these formats, bytes or mmap, whose header is at byte `start`."""
    plain = Source(Splice(b"", start))
    found, magic = stretches(data, start), data[start : start + 4]
    if len(found) != 1:
        return plain
    begin, stated, behind = found[0]
    there, is_wav = len(data) - begin, magic == b"RIFF"
    if is_wav and there >= _WRAPPED and stated is not None and stated < there:
        n_bytes = stated + (there - stated) // _WRAPPED * _WRAPPED
        if n_bytes > stated:
            return Source(Splice(_rf64(data[start:begin], n_bytes), begin))
    rest = _unknown_bytes(data, magic, behind)
    if there and (stated is None or not stated and rest):
        head = _resized(data[start:begin], magic, there)
        return Source(Splice(head, begin)) if head else plain
    if not rest:
        return plain
    # libsndfile refuses what follows here, or takes it for samples.
    is_in_the_way = magic in (b"riff", b"caff") or data[behind : behind + 4] in _FILES
    splice = Splice(b"", start, len(data) - rest if is_in_the_way else None)
    if rest <= _STRAY_BYTES or tags.length_at(data, behind) and tags.only_tags(data, behind):
        return Source(splice)
    note = f"{rest} bytes behind its samples, of which its header says nothing, not used"
    return Source(splice, notes=(("partly", note),))


def _unknown_bytes(data, magic, behind):
    """How many bytes at the end of a file belong to no chunk; 0 where that can't be told."""
    if behind is None or behind >= len(data):
        return 0
    if magic in _CHUNKS:
        for _, _, _, end in _chunks(data, behind, magic):
            behind = min(end, len(data))
    return len(data) - behind


def _resized(head, magic, n_bytes):
    """The header up to the samples, with their number of bytes; b"" where that isn't known how."""
    if magic == b"RIFF":
        head = head[:-4] + struct.pack("<I", n_bytes) if n_bytes < _PLACEHOLDERS[0].start else head
        return head[:4] + struct.pack("<I", min(len(head) - 8 + n_bytes, _WRAPPED - 1)) + head[8:]
    if magic == b"RF64" and head[12:16] == b"ds64":
        return head[:20] + struct.pack("<QQ", len(head) - 8 + n_bytes, n_bytes) + head[36:-4] + b"\xff" * 4
    if magic == b"riff":
        return head[:16] + struct.pack("<Q", len(head) + n_bytes) + head[24:-8] + struct.pack("<Q", n_bytes + 24)
    if magic == b"caff":
        return head[:-8] + struct.pack(">q", n_bytes)
    return b""


def _rf64(head, n_bytes):
    """The header of an RF64 file in place of `head`, that of a WAV file up to its samples, for `n_bytes` of them."""
    head = head[:-4] + b"\xff" * 4
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, len(head) + 28 + n_bytes, n_bytes, 0, 0)
    return b"RF64" + b"\xff" * 4 + b"WAVE" + sizes + head[12:]


# By the first bytes: bytes before the first chunk, the layout of a chunk's head, whether its size holds that head, and
# what ends are rounded up to.
_CHUNKS = {
    b"RIFF": (12, struct.Struct("<4sI"), False, 2),
    b"RF64": (12, struct.Struct("<4sI"), False, 2),
    b"RIFX": (12, struct.Struct(">4sI"), False, 2),
    b"FORM": (12, struct.Struct(">4sI"), False, 2),
    b"riff": (40, struct.Struct("<16sQ"), True, 8),
    b"caff": (8, struct.Struct(">4sq"), False, 1),
}


def _chunks(data, place, magic):
    """(first four bytes of the name, begin, size, end) of each chunk from a position on, until none begins there."""
    _, head, holds_head, multiple = _CHUNKS[magic]
    while place + head.size <= len(data):
        name, size = head.unpack(data[place : place + head.size])
        begin, size = place + head.size, size - head.size * holds_head
        if name[:4] in _FILES or not all(0x20 <= byte < 0x7F for byte in name[:4]):
            return
        place = begin + size + -size % multiple
        yield name[:4], begin, size, place
        if size < 0:
            return


def _in_chunks(data, start):
    magic, wide = data[start : start + 4], 0
    for name, begin, size, end in _chunks(data, start + _CHUNKS[magic][0], magic):
        if name == b"ds64":
            wide = int.from_bytes(data[begin + 8 : begin + 16], "little")
        if name in _SAMPLES:
            is_open = size < 0 or size >= 2**62 or magic != b"riff" and any(size in values for values in _PLACEHOLDERS)
            if is_open and wide:
                yield Stretch(begin, wide, begin + wide + wide % 2)
            else:
                yield Stretch(begin, None if is_open else size, None if is_open else end)
            return


def _in_au(data, start):
    head = data[start : start + 12]
    begin, size = struct.unpack("<II" if head.startswith(b"dns.") else ">II", head[4:].ljust(8, b"\0"))
    if size != 0xFFFFFFFF:
        yield Stretch(start + begin, size, start + begin + size)


def _in_nist(data, start):
    head = data[start : start + _HEADER_BYTES].decode("latin-1")
    words = [line.split(None, 2) for line in head.splitlines()]
    fields = {line[0]: int(line[2]) for line in words if len(line) == 3 and line[1] == "-i" and line[2].isdigit()}
    size = fields.get("sample_count", 0) * fields.get("channel_count", 1) * fields.get("sample_n_bytes", 0)
    begin = words[1][0] if len(words) > 1 and words[1] else ""
    if size and begin.isdigit():
        yield Stretch(start + int(begin), size, start + int(begin) + size)


def _in_voc(data, start):
    place = start + int.from_bytes(data[start + 20 : start + 22], "little")
    while len(block := data[place : place + 4]) == 4 and block[0]:
        size = int.from_bytes(block[1:], "little")
        place += 4 + size
        yield Stretch(place - size, size, place)


def _in_avr(data, start):
    head = data[start : start + 128]
    if len(head) == 128:
        channels, bits = 1 + (head[12] > 0), int.from_bytes(head[14:16], "big")
        size = int.from_bytes(head[26:30], "big") * channels * (bits // 8)
        yield Stretch(start + 128, size, start + 128 + size)


def _in_wve(data, start):
    size = int.from_bytes(data[start + 18 : start + 22], "big")
    yield Stretch(start + 32, size, start + 32 + size)


_FORMATS = dict.fromkeys(_CHUNKS, _in_chunks) | {
    b".snd": _in_au, b"dns.": _in_au, b"NIST": _in_nist, b"Creative Voice File": _in_voc, b"2BIT": _in_avr,
    b"ALawSoundFile**": _in_wve,
}  # fmt: skip
MAGICS = tuple({magic[:4] for magic in _FORMATS})
