"""Serial numbers of Ogg streams, against checksums by long division."""

import struct

import numpy as np
import pytest
import soundfile

from musika_tf.audio import ogg


def checksum(page):
    """Remainder of a page, its own place zero."""
    rest = 0
    for byte in page[:22] + bytes(4) + page[26:]:
        rest ^= byte << 24
        for _ in range(8):
            rest = (rest << 1) ^ (0x104C11DB7 if rest >> 31 else 0)
    return rest


def pages(data):
    """The pages of a file; each has its own checksum."""
    found = []
    while data:
        sizes = data[27 : 27 + data[26]]
        length = 27 + len(sizes) + sum(sizes)
        found.append(data[:length])
        assert struct.unpack("<I", data[22:26]) == (checksum(data[:length]),)
        data = data[length:]
    return found


def serials(data):
    return [struct.unpack("<I", page[14:18])[0] for page in pages(data)]


@pytest.mark.parametrize("serial", [0, 1, 0x12345678, 2**32 - 1])
def test_all_pages_get_the_serial_and_hold_the_same(tmp_path, serial):
    path = tmp_path / "x.ogg"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (40_000, 2)), 44_100)
    before, audio = path.read_bytes(), soundfile.read(path)[0]
    [old] = set(serials(before))
    ogg.set_serial(path, serial)
    changed = path.read_bytes()
    assert set(serials(changed)) == {serial} and len(pages(changed)) == len(pages(before)) > 3
    np.testing.assert_array_equal(soundfile.read(path)[0], audio)
    ogg.set_serial(path, old)
    assert path.read_bytes() == before


@pytest.mark.parametrize("sizes", [[], [0], [1], [255] * 255])
def test_pages_of_any_length(tmp_path, sizes):
    path = tmp_path / "page"
    body = bytes(i % 251 for i in range(sum(sizes)))
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 2, -1, 0xCAFE, 7, 0, len(sizes)) + bytes(sizes) + body
    path.write_bytes(page[:22] + struct.pack("<I", checksum(page)) + page[26:])
    ogg.set_serial(path, 0xFEEDBEEF)
    changed = path.read_bytes()
    assert serials(changed) == [0xFEEDBEEF]
    assert changed[:14] + changed[18:22] + changed[26:] == page[:14] + page[18:22] + page[26:]


def test_what_is_no_ogg_stays_as_it_is(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros([100, 2]), 44_100)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="x.wav: byte 0 begins no page of Ogg"):
        ogg.set_serial(path, 1)
    assert path.read_bytes() == before
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, 2, 0, 1, 0, 0, 0)
    path.write_bytes(page + page[:20])
    with pytest.raises(ValueError, match="x.wav: byte 27 begins no page"):
        ogg.set_serial(path, 1)
