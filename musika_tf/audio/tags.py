"""Tags that lie in front of audio or behind it, in any format: where they end.

    ID3v2 | zeros | APEv2 | audio ... | APEv2 | Lyrics3 | ID3v2 | ID3v1

A cover picture in a tag holds bytes that decode as frames of MP3, and libsndfile knows one ID3v2 tag in front alone.
"""

FOOTER = 0x10  # of the flags of an ID3v2 tag: ten more bytes at its end
_MOST_ZEROS = 1 << 20  # bytes of padding in front


def length_at(data, position):
    """Bytes of the tag that begins at a position of bytes-like `data`, 0 where none does."""
    head = data[position : position + 32]
    if head[:3] == b"ID3" and len(head) >= 10 and head[3] < 0xFF and max(head[6:10]) < 0x80:
        n_bytes = 0
        for byte in head[6:10]:  # seven bits each
            n_bytes = n_bytes << 7 | byte
        return 10 + n_bytes + 10 * bool(head[5] & FOOTER)
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return 32 + int.from_bytes(head[12:16], "little")
    if head[:3] == b"TAG" and position + 128 == len(data):
        return 128
    return 0


def front(data):
    """The position behind tags and zeros at the beginning of a file."""
    position, behind = 0, _behind_zeros(data, 0)
    while n_bytes := length_at(data, position):
        position = _behind_zeros(data, position + n_bytes)
    if not position and data[behind : behind + 1] == b"\xff":  # an MP4 begins with zeros, too
        return behind
    return position


def _behind_zeros(data, position):
    zeros = data[position : position + _MOST_ZEROS] if data[position : position + 1] == b"\0" else b""
    return position + len(zeros) - len(zeros.lstrip(b"\0"))


def back(data, start):
    """The position, not before `start`, at which the tags at the end of a file begin."""
    end = len(data)
    while (begin := end - _length_before(data, end)) < end and begin >= start:
        end = begin
    return end


def _length_before(data, end):
    """Bytes of the tag that ends at a position."""
    if data[max(end - 128, 0) : end][:3] == b"TAG":
        return 128
    foot = data[max(end - 32, 0) : end]
    if foot[:8] == b"APETAGEX":
        return int.from_bytes(foot[12:16], "little") + 32 * (foot[23] >> 7)
    if foot[-10:-7] == b"3DI":
        return length_at(b"ID3" + foot[-7:], 0)
    if foot[-9:] == b"LYRICS200" and foot[-15:-9].isdigit():
        return int(foot[-15:-9]) + 15
    return 0


def only_tags(data, position):
    """Whether nothing but tags and zeros follow a position."""
    while n_bytes := length_at(data, position):
        position += n_bytes
    end = back(data, position)
    return position >= end or end - position <= _MOST_ZEROS and not data[position:end].strip(b"\0")
