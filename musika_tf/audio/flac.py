"""The length of FLAC files: the header of a stream that went through a pipe says 0, and other headers lie.

    fLaC | STREAMINFO: block sizes, rate, 36 bits of samples ... | other blocks | frame | ... | frame n | tags
                                                                                       `- sync, number, checksum

The last frame bears its number, from which the length follows; where that is more than the header says, the samples
are counted by decoding. Files that were joined number their frames from 0 again: libsndfile reads the first alone.
"""

import itertools

from musika_tf.audio import tags
from musika_tf.audio.source import Source, Splice

_UNKNOWN_TOTAL = 2**36 - 1
_HEAD_BYTES = 26  # up to the number of samples
_TAIL_BYTES = 1 << 18  # longer than any frame of music, and tags
_PROBES, _PROBE_BYTES = 8, 1 << 15  # places at which frames have to be numbered in order, and what is read at each
_BEGINNING = b"fLaC\0\0\0\x22"
_BLOCK_SIZES = {1: 192, **{i: 576 << i - 2 for i in range(2, 6)}, **{i: 256 << i - 8 for i in range(8, 16)}}


def find(data, start):
    """Source of a file, bytes or mmap, that is FLAC from byte `start` on."""
    head = data[start : start + _HEAD_BYTES]
    if len(head) < _HEAD_BYTES or head[4] & 0x7F:  # not STREAMINFO: libsndfile will say so
        return Source(Splice(b"", start))
    stated = int.from_bytes(head[21:26], "big") & _UNKNOWN_TOTAL
    stop = tags.back(data, start)
    ending = _last_sample(data[max(start + _HEAD_BYTES, stop - _TAIL_BYTES) : stop], int.from_bytes(head[10:12], "big"))
    is_true = stated and (ending is None or ending <= stated)
    if _is_joined(data, start, stop, int.from_bytes(head[10:12], "big"), ending if is_true else None):
        return Source(Splice(b"", start), more="what is joined to its end")
    if is_true:
        return Source(Splice(b"", start))

    def splice(n_samples):
        low = (int.from_bytes(head[21:26], "big") & ~_UNKNOWN_TOTAL) | max(n_samples, stated)
        return Splice(head[:21] + low.to_bytes(5, "big"), start + _HEAD_BYTES, stop)

    return Source(splice(_UNKNOWN_TOTAL), recount=splice)


def _is_joined(data, start, stop, block_size, ending):
    """Whether another FLAC file begins in this one; looks at a few places alone, unless in doubt.

    `ending` is the number of samples by the last frame, None to be in doubt.
    """
    step = (stop - start) // _PROBES
    if ending is not None and step > _PROBE_BYTES:
        probes = (data[place : place + _PROBE_BYTES] for place in range(start + _HEAD_BYTES, stop - step, step))
        endings = [*filter(None, (_last_sample(probe, block_size) for probe in probes)), ending]
        if all(before <= after for before, after in itertools.pairwise(endings)):
            return False
    return data.find(_BEGINNING, start + 1, stop) >= 0


def _last_sample(tail, block_size):
    """Samples up to the end of the last frame that begins in the last bytes of a file, None where none is found."""
    place = len(tail)
    while (place := tail.rfind(b"\xff", 0, place)) >= 0:
        if ending := _frame_end(tail[place : place + 16], block_size):
            return ending
    return None


def _frame_end(header, block_size):
    """Number of the sample behind the frame with this header, 16 bytes, 0 where it is none.

    `block_size` is that of all frames but the last, in samples, where they are alike.
    """
    if len(header) < 6 or header[1] & 0xFE != 0xF8 or header[2] & 0xF == 0xF or header[3] & 1:
        return 0
    ones = 8 - (header[4] ^ 0xFF).bit_length()  # as in UTF-8
    n_more = max(ones - 1, 0)
    number = header[4] & (0x7F >> ones if ones else 0x7F)
    for byte in header[5 : 5 + n_more]:
        number = number << 6 | byte & 0x3F
    place, code = 5 + n_more, header[2] >> 4
    size = _BLOCK_SIZES.get(code, 0)
    if code in (6, 7):
        size = int.from_bytes(header[place : place + code - 5], "big") + 1
        place += code - 5
    place += {12: 1, 13: 2, 14: 2}.get(header[2] & 0xF, 0)
    if not size or ones in (1, 8) or place >= len(header) or _crc8(header[:place]) != header[place]:
        return 0
    return number + size if header[1] & 1 else number * block_size + size


def _crc8(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x07 if value & 0x80 else value << 1) & 0xFF
    return value
