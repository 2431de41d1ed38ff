"""A WAV stream is the file without its name, and its end is the reader's."""

import io
import os
import struct
import threading

import numpy as np
import pytest
import soundfile
from comments import read_comment

from musika_tf.audio import stream
from musika_tf.audio.writer import AudioWriter
from musika_tf.errors import UserError


def noise(n_samples):
    return np.random.default_rng(n_samples).uniform(-1.1, 1.1, (n_samples, 2)).astype(np.float32)


def streamed(waveform, block=1000, **options):
    """What a reader of the pipe gets."""
    reader, writer = os.pipe()
    got = []

    def read():
        with open(reader, "rb") as file:
            got.append(file.read())

    thread = threading.Thread(target=read)
    thread.start()
    with stream.WavStream(writer, 44_100, **options) as output:
        for start in range(0, len(waveform), block):
            output.write(waveform[start : start + block])
        assert output.n_samples == len(waveform)
    os.close(writer)
    thread.join()
    return got[0]


@pytest.mark.parametrize("comment", ["", "seed=7", "seed=77 ü"])
def test_a_stream_with_an_end_is_the_file(tmp_path, comment):
    x = noise(50_000)
    (tmp_path / "stream.wav").write_bytes(streamed(x, comment=comment, n_samples=len(x)))
    with AudioWriter(tmp_path / "file.wav", comment=comment) as writer:
        writer.write(x)
    a, b = (soundfile.read(tmp_path / name, dtype="int16")[0] for name in ("stream.wav", "file.wav"))
    np.testing.assert_array_equal(a, b)
    assert read_comment(tmp_path / "stream.wav") == comment
    size = (tmp_path / "stream.wav").stat().st_size
    assert struct.unpack("<I", streamed(x, comment=comment, n_samples=len(x))[4:8])[0] == size - 8


def test_an_endless_stream_has_no_length():
    data = streamed(noise(3000))
    assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff"
    assert len(data) == 44 + 3000 * 4
    waveform, rate = soundfile.read(io.BytesIO(data))  # readers take what there is
    assert waveform.shape == (3000, 2) and rate == 44_100


@pytest.mark.parametrize(("n_samples", "known"), [(2**30 - 100, True), (2**30 - 1, False), (2**40, False)])
def test_more_than_4_gb_has_no_length(n_samples, known):
    head = stream.header(44_100, n_samples)
    assert (head[40:44] != b"\xff\xff\xff\xff") == known
    assert struct.unpack("<I", head[4:8])[0] == (n_samples * 4 + 36 if known else 2**32 - 1)


def test_a_reader_that_goes_is_told_apart_from_a_full_disk():
    reader, writer = os.pipe()
    os.close(reader)
    with pytest.raises(stream.ReaderGone), stream.WavStream(writer, 44_100) as output:
        output.write(noise(100))
    os.close(writer)
    full = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(UserError, match="--out=-: standard output can't be written .No space left"):
        stream.WavStream(full, 44_100).__enter__()
    os.close(full)
