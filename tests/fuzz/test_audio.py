"""Audio of any bytes: a waveform, or an AudioFileError in one line that names the file; nothing else, and no NaN."""

import functools
import io

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st

from musika_tf.audio import files

RATE = 48_000  # so that resampling meets what comes out of the damage, too
N_SAMPLES = 6000
KINDS = {
    "wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "double.wav": ("WAVEX", "DOUBLE"),
    "rf64.wav": ("RF64", "PCM_24"),
    "aiff": ("AIFF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


@functools.cache
def whole(kind):
    """The bytes of a file of 1/8 second."""
    container, encoding = KINDS[kind]
    sound = np.random.default_rng(1).uniform(-0.9, 0.9, [N_SAMPLES, 2])
    file = io.BytesIO()
    soundfile.write(file, sound, RATE, encoding, format=container)
    return file.getvalue()


def check(path, content):
    """The law of this module; a waveform's parts have to equal it, too."""
    path.write_bytes(content)
    try:
        waveform = files.read(path)
        # Blocks of an undamaged length: of a header that promises hours nothing but these is read.
        part = files.read(path, start=1000, n_samples=500)
    except files.AudioFileError as error:
        assert str(path) in str(error) and str(error).isprintable()
        return None
    assert waveform.dtype == np.float32 and waveform.ndim == 2 and waveform.shape[1] == 2
    assert np.isfinite(waveform).all() and np.isfinite(part).all()
    assert len(part) <= 500
    return waveform


@pytest.mark.parametrize("kind", KINDS)
def test_undamaged(tmp_path, kind):
    assert len(check(tmp_path / f"x.{kind}", whole(kind))) >= N_SAMPLES * 44_100 // RATE


# Ogg is looked through for chained streams at every try, which takes seconds.
@pytest.mark.parametrize("kind", [pytest.param(k, marks=[pytest.mark.long] * (k in ("ogg", "opus"))) for k in KINDS])
@given(data=st.data())
def test_truncated_at_any_byte(tmp_path_factory, kind, data):
    size = len(whole(kind))
    kept = data.draw(st.one_of(st.integers(0, min(200, size)), st.integers(0, size)))
    check(tmp_path_factory.getbasetemp() / f"cut.{kind}", whole(kind)[:kept])


FLIPS = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=5)


@pytest.mark.parametrize("kind", KINDS)
@given(flips=FLIPS, in_header=st.booleans())
def test_flipped_bits(tmp_path_factory, kind, flips, in_header):
    content = bytearray(whole(kind))
    size = min(len(content), 120) if in_header else len(content)
    for place, bits in flips:
        content[min(int(place * size), size - 1)] ^= bits
    check(tmp_path_factory.getbasetemp() / f"flipped.{kind}", bytes(content))


STARTS = st.sampled_from(
    [b"", b"RIFF", b"fLaC", b"OggS", b"ID3\x03\0\0\0\0\0\x10", b"\xff\xfb\x90\x64", b"FORM", b"RF64"]
)


@given(STARTS, st.binary(max_size=300), st.sampled_from(["wav", "flac", "ogg", "mp3", "raw", "txt", "aiff"]))
@example(b"", b"any bytes", "raw")
@example(b"<html>", b"not found", "mp3")
def test_any_bytes(tmp_path_factory, start, content, extension):
    check(tmp_path_factory.getbasetemp() / f"any.{extension}", start + content)


def header(sample_rate=44_100, n_channels=2, n_bytes=16, n_bits=16):
    """A WAV file whose header says what it likes, with 16 bytes of samples."""
    frame = n_channels * n_bits // 8 % 2**16
    parts = b"WAVEfmt ", 16, 1, n_channels, sample_rate, sample_rate * frame % 2**32, frame, n_bits
    sizes = [4, 4, 2, 2, 4, 4, 2, 2]
    encoded = [
        part if isinstance(part, bytes) else part.to_bytes(size, "little")
        for part, size in zip(parts, [8, *sizes[1:]], strict=True)
    ]
    body = b"".join(encoded) + b"data" + n_bytes.to_bytes(4, "little") + bytes(16)
    return b"RIFF" + (len(body) % 2**32).to_bytes(4, "little") + body


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1), st.sampled_from([0, 8, 16, 24, 32])
)
@example(2**31 - 1, 1, 16, 16)
@example(1, 2, 16, 16)
@example(44_100, 1024, 2**32 - 1, 16)
def test_wav_headers_that_lie(tmp_path_factory, sample_rate, n_channels, n_bytes, n_bits):
    check(tmp_path_factory.getbasetemp() / "header.wav", header(sample_rate, n_channels, n_bytes, n_bits))


SAMPLES = st.sampled_from([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0, 1.0])


@given(
    st.lists(SAMPLES, min_size=1, max_size=30), st.sampled_from([44_100, 48_000]), st.sampled_from(["FLOAT", "DOUBLE"])
)
def test_samples_that_are_no_numbers(tmp_path_factory, samples, rate, encoding):
    path = tmp_path_factory.getbasetemp() / "samples.wav"
    soundfile.write(path, np.array(samples), rate, encoding)
    waveform = check(path, path.read_bytes())
    assert waveform is None or np.isfinite(samples).all()
