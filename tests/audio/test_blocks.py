"""A file in blocks is the file."""

import numpy as np
import pytest
import soundfile

from musika_tf.audio import blocks, files

RATE = files.SAMPLE_RATE


def noise(n_samples, n_channels=2):
    return np.random.default_rng(n_samples).uniform(-0.9, 0.9, (n_samples, n_channels)).astype(np.float32)


def write(path, waveform, rate, container, encoding):
    with soundfile.SoundFile(path, "w", rate, waveform.shape[1], encoding, format=container) as file:
        for start in range(0, len(waveform), 4096):
            file.write(waveform[start : start + 4096])
    return path


@pytest.fixture
def short_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SECONDS", 1)


@pytest.mark.parametrize(
    ("container", "encoding", "rate", "n_channels"),
    [("WAV", "PCM_16", RATE, 2), ("WAV", "PCM_24", 8_000, 1), ("WAV", "FLOAT", 96_000, 2), ("FLAC", "PCM_16", RATE, 2),
     ("FLAC", "PCM_16", 22_050, 1), ("OGG", "VORBIS", RATE, 2), ("OGG", "VORBIS", 22_050, 6),
     ("OGG", "OPUS", 48_000, 2), ("MP3", "MPEG_LAYER_III", 22_050, 2), ("MP3", "MPEG_LAYER_III", RATE, 2),
     ("MP3", "MPEG_LAYER_III", 48_000, 1)],
)  # fmt: skip
def test_blocks_joined_are_the_file(tmp_path, short_blocks, container, encoding, rate, n_channels):
    path = write(tmp_path / f"x.{container.lower()}", noise(3 * rate + 123, n_channels), rate, container, encoding)
    cut, whole = list(blocks.read(path)), files.read(path)
    assert len(cut) > 1 and max(map(len, cut)) <= 2 * RATE
    np.testing.assert_allclose(np.concatenate(cut), whole, rtol=0, atol=1e-8 if encoding == "OPUS" else 0)


@pytest.mark.parametrize("rate", [RATE, 48_000, 8_000])
@pytest.mark.parametrize("n_samples", [1, 700, 7_999, 8_000, 8_001, 44_099, 44_100, 44_101, 96_000, 100_001])
def test_any_length(tmp_path, short_blocks, rate, n_samples):
    path = write(tmp_path / "x.wav", noise(n_samples), rate, "WAV", "FLOAT")
    np.testing.assert_array_equal(np.concatenate(list(blocks.read(path))), files.read(path))


def test_a_file_without_samples_has_no_blocks(tmp_path):
    assert list(blocks.read(write(tmp_path / "x.wav", noise(0), 48_000, "WAV", "FLOAT"))) == []


def test_truncated_files_are_named_where_they_end(tmp_path, short_blocks):
    path = write(tmp_path / "x.flac", noise(5 * RATE), RATE, "FLAC", "PCM_16")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(files.AudioFileError, match="x.flac: (truncated|can't be read)"):
        list(blocks.read(path))
