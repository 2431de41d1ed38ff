import struct

import numpy as np
import pytest
import soundfile

from musika_tf.collection import completeness

N_BYTES = 1000 * 2 * 2


@pytest.fixture(params=["WAV", "WAVEX", "RF64", "AIFF"])
def whole(request, tmp_path):
    path = tmp_path / "x"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, [1000, 2])
    soundfile.write(path, noise, 44_100, "PCM_16", format=request.param)
    return path


def test_a_whole_file_has_what_it_states(whole):
    header = 8 if whole.read_bytes()[:4] == b"FORM" else 0  # offset and block size of SSND
    assert completeness.stated_and_there(whole) == (N_BYTES + header, N_BYTES + header)


@pytest.mark.parametrize("missing", [1, 1500, N_BYTES])
def test_what_a_truncated_file_lacks(whole, missing):
    data = whole.read_bytes()
    end = data.rindex(b"PEAK") if b"PEAK" in data[-100:] else len(data)
    whole.write_bytes(data[: end - missing])
    stated, there = completeness.stated_and_there(whole)
    assert stated - there == missing


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000])
def test_the_sizes_of_pipes_state_nothing(tmp_path, size):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros([1000, 2]), 44_100, "PCM_16")
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:at] + struct.pack("<I", size) + data[at + 4 :])
    assert completeness.stated_and_there(path) == (0, 0)


@pytest.mark.parametrize("data", [b"", b"RIFF", b"fLaC" + bytes(99), b"RIFF\x10\0\0\0WAVEfmt ", b"RIFF----WAVE" * 9])
def test_other_files_state_nothing(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    assert completeness.stated_and_there(tmp_path / "x") == (0, 0)
    assert not completeness.lacks_ogg_end(tmp_path / "x")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_stream_that_was_cut_off(tmp_path, subtype):
    path = tmp_path / "x.ogg"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, [480_000, 2])
    with soundfile.SoundFile(path, "w", 48_000, 2, subtype, format="OGG") as file:
        for start in range(0, len(noise), 4096):
            file.write(noise[start : start + 4096])
    assert not completeness.lacks_ogg_end(path)
    whole = path.read_bytes()
    last_page = whole.rindex(b"OggS")
    for end in (len(whole) // 2, last_page, last_page + 5):
        path.write_bytes(whole[:end])
        assert completeness.lacks_ogg_end(path)
