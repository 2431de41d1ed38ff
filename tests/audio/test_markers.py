"""Markers of WAV files: libsndfile, ffmpeg and a reader by hand find what was written; the samples stay the same."""

import json
import shutil
import struct
import subprocess

import numpy as np
import pytest
import riff
import soundfile
from comments import read_comment

from musika_tf.audio import files, markers, stream, writer

BARS = tuple((round(k * 1234.5), f"bar {k + 1}") for k in range(7))
LOOP = markers.Markers(BARS, 9000, markers.Tempo(133.7, 28, True))
SONG = markers.Markers(BARS, tempo=markers.Tempo(90.0, 29, False))
CUE = markers.Markers(((3, "body"),))
CASES = {"loop": LOOP, "song": SONG, "cue": CUE}


def noise(n_samples=9000):
    return np.random.default_rng(0).uniform(-0.9, 0.9, (n_samples, 2)).astype(np.float32)


def write(path, marked, n_samples=9000):
    with writer.AudioWriter(path, 44_100, "seed=7", n_samples, marked) as file:
        file.write(noise())
    return path


def write_stream(path, marked):
    with open(path, "wb") as file, stream.WavStream(file.fileno(), 44_100, "seed=7", 9000, marked) as output:
        output.write(noise())
    return path


def as_wav(path, marked):
    return write(path, marked)


def as_rf64(path, marked):
    return write(path, marked, n_samples=2**31)


@pytest.mark.parametrize("write_it", [as_wav, write_stream])
@pytest.mark.parametrize("name", CASES)
def test_read_back(tmp_path, name, write_it):
    marked = CASES[name]
    path, plain = write_it(tmp_path / "x.wav", marked), write(tmp_path / "plain.wav", None)
    assert riff.cues(path) == list(marked.cues)
    # libsndfile says the end as one beyond the last sample.
    assert riff.loop(path) == ((0, 9000, 0) if marked.loop_samples else None)
    tempo = marked.tempo
    wanted = tempo and (pytest.approx(tempo.bpm), tempo.n_beats, 4, 4, tempo.loops)
    assert riff.tempo(path) == wanted
    assert read_comment(path) == "seed=7"
    np.testing.assert_array_equal(files.read(path), files.read(plain))
    np.testing.assert_array_equal(soundfile.read(path)[0], soundfile.read(plain)[0])
    names = [chunk for chunk, _ in riff.chunks(path)]
    assert names.count(b"LIST") == 2 and names.count(b"cue ") == 1  # INFO and adtl
    assert (names.index(b"cue ") < names.index(b"data")) == (write_it is write_stream)


@pytest.mark.parametrize("name", CASES)
def test_rf64_holds_the_chunks_of_wav(tmp_path, name):
    """Of which libsndfile reads none there."""
    wav, rf64 = as_wav(tmp_path / "wav.wav", CASES[name]), as_rf64(tmp_path / "rf64.wav", CASES[name])
    assert soundfile.info(rf64).format == "RF64"
    added = [[chunk for chunk in riff.chunks(path) if chunk[0] not in (b"ds64", b"fmt ")] for path in (wav, rf64)]
    assert added[0] == added[1] and len(added[0]) >= 4
    np.testing.assert_array_equal(files.read(rf64), files.read(wav))
    np.testing.assert_array_equal(soundfile.read(rf64)[0], soundfile.read(wav)[0])


def test_a_loop_by_hand(tmp_path):
    found = dict(riff.chunks(write(tmp_path / "x.wav", markers.Markers(((0, "bar 1"),), 9000, LOOP.tempo))))
    assert found[b"cue "] == struct.pack("<III4sIII", 1, 1, 0, b"data", 0, 0, 0)
    assert found[b"LIST"] == b"adtl" + b"labl" + struct.pack("<II", 10, 1) + b"bar 1\0"
    period, note = 22_676, 60  # ns, middle C
    assert found[b"smpl"] == struct.pack("<9I6I", 0, 0, period, note, 0, 0, 0, 1, 0, 0, 0, 0, 8999, 0, 0)
    assert found[b"acid"] == struct.pack("<IHHfIHHf", 4, 60, 0x8000, 0, 28, 4, 4, 133.7)


def test_without_markers_nothing_is_added(tmp_path):
    paths = [write(tmp_path / f"{i}.wav", marked) for i, marked in enumerate([None, markers.Markers()])]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert {name for name, _ in riff.chunks(paths[0])} == {b"fmt ", b"LIST", b"data"}


@pytest.mark.parametrize("extension", ["flac", "ogg"])
def test_other_formats_are_as_they_were(tmp_path, extension):
    paths = [write(tmp_path / f"{i}.{extension}", marked) for i, marked in enumerate([None, LOOP])]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_what_32_bits_cannot_count_is_left_out():
    far = markers.Markers(((5, "bar 1"), (2**32 - 1, "bar 2"), (2**32, "bar 3")), 2**32, SONG.tempo)
    near = markers.Markers(far.cues[:2], 0, SONG.tempo)
    assert far.chunks(44_100) == near.chunks(44_100)
    assert markers.Markers(far.cues[2:], 2**32).chunks(44_100) == b""


def test_as_many_places_as_libsndfile_reads(tmp_path):
    """The reason for which `generate.landmarks` marks no more than 1,000 bars."""
    for n, n_read in [(2400, 2400), (2501, 0)]:
        many = markers.Markers(tuple((k, f"bar {k}") for k in range(n)))
        assert len(riff.cues(write(tmp_path / "x.wav", many))) == n_read


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="needs ffmpeg")
@pytest.mark.parametrize("write_it", [as_wav, as_rf64, write_stream])
def test_ffmpeg_finds_no_fault(tmp_path, write_it):
    path = write_it(tmp_path / "x.wav", LOOP)
    command = ["ffprobe", "-v", "warning", "-of", "json", "-show_format", "-show_streams", "-count_packets", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["format"]["tags"]["comment"] == "seed=7"
    assert found["streams"][0]["duration_ts"] == 9000
