"""Files of uncompressed samples whose header says too little, or behind whose samples something else lies."""

import struct
import subprocess

import numpy as np
import pytest
import soundfile

from musika_tf.audio import ffmpeg, files
from musika_tf.collection import scan

RATE = files.SAMPLE_RATE
N_SAMPLES = 3000
SOUND = np.random.default_rng(0).uniform(-0.5, 0.5, [N_SAMPLES, 2])
ID3V1 = b"TAG" + bytes(125)
ID3V2 = b"ID3\x04\0\0\0\0\x10\0" + bytes(2048)
FORMATS = ["WAV", "RF64", "AIFF", "W64", "CAF", "AU"]


def written(path, container):
    soundfile.write(path, SOUND, RATE, "PCM_16", format=container)
    return path.read_bytes()


def flags(path):
    return [flag for flag, _ in files.probe(path).notes]


def assert_whole(path):
    assert files.probe(path).n_samples == N_SAMPLES
    np.testing.assert_allclose(files.read(path), SOUND, atol=2**-15)
    np.testing.assert_array_equal(files.read(path, 1000, 500), files.read(path)[1000:1500])


@pytest.mark.parametrize("container", FORMATS)
@pytest.mark.parametrize("tail", [ID3V1, ID3V2, ID3V2 + ID3V1, b"\0", b"\xff\xfb\x90\x64" * 5])
def test_tags_and_a_few_bytes_behind_are_no_samples(tmp_path, container, tail):
    data = written(tmp_path / "x", container)
    (tmp_path / "x").write_bytes(data + tail)
    assert_whole(tmp_path / "x")
    assert flags(tmp_path / "x") == []


@pytest.mark.parametrize("container", FORMATS)
def test_a_second_file_behind_is_named(tmp_path, container):
    data = written(tmp_path / "x", container)
    (tmp_path / "x").write_bytes(data * 2)
    assert_whole(tmp_path / "x")
    assert files.probe(tmp_path / "x").notes == (
        ("partly", f"{len(data)} bytes behind its samples, of which its header says nothing, not used"),
    )


def test_the_size_of_a_stream_is_what_is_there(tmp_path):
    sizes = {
        "WAV": lambda data: data[:40] + bytes(4) + data[44:],
        "RF64": lambda data: data[:20] + bytes(16) + data[36:],
        "W64": lambda data: data.replace(struct.pack("<Q", 4 * N_SAMPLES + 24), struct.pack("<Q", 2**63 - 1), 1),
        "CAF": lambda data: data.replace(b"data" + struct.pack(">q", 4 * N_SAMPLES + 4), b"data" + b"\xff" * 8, 1),
    }
    for container, streamed in sizes.items():
        path = tmp_path / container
        data = written(path, container)
        path.write_bytes(streamed(data))
        assert path.read_bytes() != data
        assert_whole(path)
        assert scan.scan(path).rows[0].what == ""


@pytest.mark.skipif(not ffmpeg.is_installed(), reason="needs ffmpeg")
@pytest.mark.parametrize("form", [("wav",), ("wav", "-rf64", "always"), ("w64",), ("caf",), ("aiff",), ("au",)])
def test_what_ffmpeg_writes_into_a_pipe(tmp_path, form):
    written(tmp_path / "source.wav", "WAV")
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "source.wav", "-f", *form, "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    (tmp_path / "x").write_bytes(done.stdout)
    assert_whole(tmp_path / "x")


@pytest.mark.parametrize(
    ("container", "subtype", "channels"),
    [("AVR", "PCM_16", 2), ("AVR", "PCM_S8", 1), ("SVX", "PCM_16", 1), ("WVE", "ALAW", 1), ("VOC", "PCM_16", 2),
     ("NIST", "PCM_24", 2), ("AU", "FLOAT", 2), ("W64", "PCM_24", 2)],
)  # fmt: skip
def test_half_of_a_file_is_left_out(tmp_path, container, subtype, channels):
    path = tmp_path / "x"
    soundfile.write(path, SOUND[:, :channels], 8000, subtype, format=container)
    assert scan.scan(path).rows[0].status == "used"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    row = scan.scan(path).rows[0]
    assert row.status == "left out" and row.what.startswith("truncated (0.2 of 0.4 s are there)")


@pytest.mark.parametrize("container", FORMATS)
def test_damaged_sizes_are_no_tracebacks(tmp_path, container):
    path = tmp_path / "x"
    data = written(path, container)
    rng = np.random.default_rng(1)
    for _ in range(30 if container == "CAF" else 100):  # ffmpeg has a look at each CAF
        damaged = bytearray(data + bytes(rng.integers(0, 100)))
        place = rng.integers(4, 100)
        damaged[place : place + 8] = rng.bytes(8)
        path.write_bytes(damaged)
        scan.headers(path)
