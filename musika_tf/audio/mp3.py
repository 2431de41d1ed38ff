"""The length of MP3 files that don't state it.

An MP3 file is a row of frames. Encoders put a silent frame in front, with a Xing, Info or VBRI tag that holds
their number. Where it is missing, libsndfile guesses the length from the size of the first frame, and reads no
further than that: of a file with a variable bit rate more than half can be lost without a word. So the frames of
such files are counted here, and libsndfile gets the file with a tag in front.

    ID3v2 | header side-info "Xing" flags n_frames 0... | header side-info data | header side-info data | ...
            `------------- the tag frame -------------'   `------ 1 frame -----'
"""

import functools
import io
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


def source(path):
    """What soundfile should open in place of a path.

    Args:
      path: pathlib.Path of any audio file; content decides and not the name.

    Returns:
      The path itself, or an io.BytesIO where it is an MP3 file that doesn't state its length.

    Raises:
      OSError: the file can't be opened.
    """
    with open(path, "rb") as file:
        start = _id3_bytes(file.read(10))
        file.seek(start)
        first_frame = file.read(_MAX_FRAME_BYTES)
    n_bytes = _frame_bytes(first_frame, 0)
    if not n_bytes or any(tag in first_frame[:n_bytes] for tag in _TAGS):
        return path
    stat = path.stat()
    return io.BytesIO(_with_tag(path, start, stat.st_size, stat.st_mtime_ns))


@functools.lru_cache(maxsize=8)  # a file is opened for every crop that is read
def _with_tag(path, start, size, modified):
    """bytes of the file, a tag frame in place of what lay before its first frame."""
    del size, modified  # only for the cache: a file that changed is another
    data = path.read_bytes()[start:]
    return _tag_frame(data[:4], _count_frames(data)) + data


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


def _count_frames(data):
    """Number of whole frames, past whatever lies between them."""
    position = count = 0
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
