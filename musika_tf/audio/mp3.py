"""The length of MP3 files, which libsndfile takes from a tag or guesses.

An MP3 file is a row of frames. Encoders put a silent frame in front, with a Xing, Info or VBRI tag that holds
their number. Where the tag is missing, libsndfile guesses from the size of the first frame, and where it is wrong,
believes it; it reads no further than that. A tag is trusted when its own checksum holds and the bytes that it counts
are those of the file. Otherwise the frames are counted here. If the tag tells what the encoder put before and behind
the music, libsndfile gets the file with a true tag in front; if not, the frames alone, as a file so large that it
guesses enough (by a tag without these two numbers it would leave out the first 529 samples).

    tags | header side-info "Xing" flags n_frames n_bytes ... | header side-info data | header side-info data | tags
            `----------------- the tag frame ---------------'   `------ 1 frame -----'
"""

import dataclasses
import itertools
import struct

from musika_tf.audio import tags
from musika_tf.audio.source import Source, Splice

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by MPEG 1, 2 and 2.5
_LAYER_1, _LAYER_2, _LAYER_3 = 3, 2, 1  # as the header has them
_KBITS = {
    (3, _LAYER_1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, _LAYER_2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, _LAYER_3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, _LAYER_1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, _LAYER_2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MAX_FRAME_BYTES = 1729
_SEARCHED = 1 << 20  # bytes in which the first frame is looked for
_IN_A_ROW = 3  # frames that make a beginning
_MIDDLE_BIT_RATE = 9  # a frame of this bit rate index has room for the tag at every sample rate
_COVER_BYTES = 2000  # a tag of fewer holds no picture


def find(data, start, named):
    """Source of an MP3 file, bytes or mmap, or one of layer I or II; None where there are no such frames.

    Args:
      start: position behind the tags in front.
      named: whether its name says MP3, so that the first frame may lie behind anything.
    """
    first = _first_frame(data, start, start + _SEARCHED if named else start + 1)
    if first is None:
        return None
    stop = tags.back(data, first)
    tag = _Tag.of(data, first)
    if tag and tag.is_sealed and tag.n_frames and any(tags.only_tags(data, end) for end in tag.ends):
        known = not start or start == tags.length_at(data, 0) and data[:3] == b"ID3" and not data[5] & tags.FOOTER
        return Source(Splice() if known and start == first else Splice(b"", first, stop))
    begin = tag.end if tag else first  # of the frames with sound
    rows, n_frames = _rows(data, begin, stop)
    cuts = tuple((end, start) for (_, end), (start, _) in itertools.pairwise(rows))
    n_bytes, end = sum(end - start for start, end in rows), rows[-1][1]
    if tag and tag.n_frames > n_frames and not tag.counts(n_bytes):  # cut off: that shows when it is read
        return Source(Splice(b"", first, stop))
    splice = Splice(b"", begin, end, cuts, max(frame_bytes(data, begin) * (n_frames + 2), n_bytes))
    n_samples = n_frames * _samples(data, first)
    if tag and tag.delay is not None:
        head = _tag_frame(data[first : first + 4], n_frames, n_bytes, tag.trimmed(n_bytes))
        splice, n_samples = Splice(head, begin, end, cuts), None
    return Source(splice, n_samples, notes=tuple(_notes(data, rows)))


def _notes(data, rows):
    """What is to be said of that which lies between and behind the rows of frames."""
    between = sum(b[0] - a[1] for a, b in itertools.pairwise(rows) if tags.length_at(data, a[1]) != b[0] - a[1])
    if between > _MAX_FRAME_BYTES:
        yield "damaged", f"{between} bytes between its frames are no sound of the same kind"
    end = rows[-1][1]
    if frame_bytes(data, end) > len(data) - end:
        yield "cut", "its end may be missing"
    elif tags.only_tags(data, end):
        if len(data) - end > _COVER_BYTES:
            yield "tags", "no sound taken from the tags behind it"
    elif len(data) - end > _MAX_FRAME_BYTES:
        yield "damaged", f"{len(data) - end} bytes behind its last frame are no sound of the same kind"


@dataclasses.dataclass(frozen=True)
class _Tag:
    """What the Xing or VBRI tag of a first frame says.

    Attributes:
      n_frames, n_bytes: as stated, 0 where not; begin, end: of its frame, bytes.
      delay: LAME's samples before the music, None where not stated; padding: and behind it.
      is_sealed: whether its checksum holds.
    """

    n_frames: int
    n_bytes: int
    delay: int | None
    padding: int
    is_sealed: bool
    begin: int
    end: int

    @classmethod
    def of(cls, data, begin):
        """The tag of the frame that begins here, or None."""
        end = begin + frame_bytes(data, begin)
        frame = data[begin:end]
        place = next((place for name in (b"Xing", b"Info") if (place := frame.find(name, 0, 64)) > 0), 0)
        if not place:
            return cls(0, 0, None, 0, False, begin, end) if frame[36:40] == b"VBRI" else None
        flags = int.from_bytes(frame[place + 4 : place + 8], "big")
        fields = [int.from_bytes(frame[place + 8 + 4 * i : place + 12 + 4 * i], "big") for i in range(2)]
        n_frames = fields[0] if flags & 1 else 0
        n_bytes = fields[flags & 1] if flags & 2 else 0
        lame = place + 8 + 4 * (flags & 1) + 2 * (flags & 2) + 25 * (flags & 4) + (flags & 8) // 2
        if flags & 3 != 3 or len(frame) < lame + 36 or not frame[lame : lame + 4].isalnum():
            return cls(n_frames, n_bytes, None, 0, False, begin, end)
        both = int.from_bytes(frame[lame + 21 : lame + 24], "big")
        is_sealed = _crc16(frame[: lame + 34]) == int.from_bytes(frame[lame + 34 : lame + 36], "big")
        return cls(n_frames, n_bytes, both >> 12, both & 0xFFF, is_sealed, begin, end)

    @property
    def ends(self):
        """Where the stream ends by the tag: some encoders count the tag's own frame, some don't."""
        return self.begin + self.n_bytes, self.end + self.n_bytes

    def counts(self, n_bytes):
        """Whether so many bytes of sound are what the tag says."""
        return n_bytes in (self.n_bytes, self.n_bytes - (self.end - self.begin))

    def trimmed(self, n_bytes):
        """Delay and padding where `n_bytes` of sound follow: no padding where the encoder never came to the end, or
        something was joined to it."""
        return self.delay, self.padding if self.n_frames and self.counts(n_bytes) else 0


def _tag_frame(header, n_frames, n_bytes, trimmed):
    """bytes of a silent frame like one with a header of 4 bytes, with a Xing tag that says what follows.

    `trimmed` are the numbers of samples at the beginning and at the end that are no music.
    """
    is_mpeg1, is_mono = header[1] >> 3 & 3 == 3, header[3] >> 6 == 3
    bit_rate_and_padding = _MIDDLE_BIT_RATE << 4 | header[2] & 0x0C
    header = bytes([0xFF, header[1] | 1, bit_rate_and_padding, header[3]])  # the 1: no checksum follows
    side_info = {(True, False): 32, (True, True): 17, (False, False): 17, (False, True): 9}[is_mpeg1, is_mono]
    length = frame_bytes(header, 0)
    frame = header + bytes(side_info) + b"Xing" + struct.pack(">III", 3, n_frames, length + n_bytes)
    frame += b"LAME" + bytes(17) + (trimmed[0] << 12 | trimmed[1]).to_bytes(3, "big")
    return frame.ljust(length, b"\0")


def frame_bytes(data, position):
    """Length of the frame whose header is at this position, or 0 where there is none."""
    header = data[position : position + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bit_rate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 0 or bit_rate in (0, 15) or rate == 3:
        return 0
    table = 3 if version == 3 else 2
    kbits = _KBITS.get((table, layer), _KBITS[2, _LAYER_2])[bit_rate]
    if layer == _LAYER_1:
        return 4 * (12_000 * kbits // _RATES[version][rate] + padding)
    per_kbit = 72_000 if layer == _LAYER_3 and version != 3 else 144_000
    return per_kbit * kbits // _RATES[version][rate] + padding


def _samples(data, position):
    """Of each side in the frame at a position."""
    version, layer = data[position + 1] >> 3 & 3, data[position + 1] >> 1 & 3
    if layer == _LAYER_1:
        return 384
    return 576 if layer == _LAYER_3 and version != 3 else 1152


def _kind(header):
    """What frames of one stream have in common: version, layer, rate, one channel or two."""
    return header[1] & 0xFE, header[2] & 0x0C, header[3] >> 6 == 3


def _first_frame(data, start, stop, wanted=None):
    """Position of the first of several frames in a row, all of the kind that is wanted, or None."""
    position = data.find(b"\xff", start, stop)
    while position >= 0:
        place, kind = position, wanted or _kind(data[position : position + 4].ljust(4, b"\0"))
        for _ in range(_IN_A_ROW):
            n_bytes = frame_bytes(data, place)
            if not n_bytes or _kind(data[place : place + 4]) != kind or place + n_bytes > len(data):
                break
            place += n_bytes
            if tags.only_tags(data, place):
                return position
        else:
            return position
        position = data.find(b"\xff", position + 1, stop)
    return None


def _rows(data, position, stop):
    """list of (begin, end) of the rows of frames without anything between them, and the number of whole frames in all.

    The first row begins at byte `position`, and the tags behind the last at byte `stop`.
    """
    kind, rows, count, lengths = _kind(data[position : position + 4]), [], 0, {}
    while position is not None:
        begin = position
        while position + 4 <= stop:
            header = data[position : position + 4]
            n_bytes = lengths.get(header)
            if n_bytes is None:
                n_bytes = lengths[header] = frame_bytes(header, 0) if _kind(header) == kind else 0
            if not n_bytes or position + n_bytes > stop:
                break
            position += n_bytes
            count += 1
        if position > begin or not rows:
            rows.append((begin, position))
        tag = tags.length_at(data, position)
        # A frame that reaches into the tags behind the last one begins no row: search on behind its first byte.
        position = _first_frame(data, position + (tag or position == begin), stop, kind)
    return rows, count


def _crc16(data):
    """The checksum of LAME's tags: polynomial 0x8005, lowest bit first."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value
