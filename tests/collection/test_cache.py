"""The cache of decoded audio: the same samples, made once, and again where something changed."""

import os
import time

import numpy as np
import pytest
import soundfile

from musika_tf.audio import blocks, files
from musika_tf.collection import cache, dataset
from musika_tf.errors import UserError

RATE = files.SAMPLE_RATE
KINDS = [("wav", "WAV", "PCM_16", 2, RATE), ("wav", "WAV", "PCM_16", 1, RATE), ("wav", "WAV", "PCM_16", 6, RATE),
         ("wav", "WAV", "PCM_24", 2, RATE), ("wav", "WAV", "FLOAT", 2, RATE), ("wav", "WAV", "PCM_16", 2, 48_000),
         ("flac", "FLAC", "PCM_16", 2, RATE), ("ogg", "OGG", "VORBIS", 2, RATE),
         ("mp3", "MP3", "MPEG_LAYER_III", 2, 48_000)]  # fmt: skip


def write(path, container, encoding, n_channels, rate, n_samples=60_000, seed=0):
    sound = np.random.default_rng(seed).uniform(-1.0, 1.0, [n_samples, n_channels])
    sound[::1000] = 1.5  # what a float file holds and 16 bits clip
    soundfile.write(path, sound, rate, encoding, format=container)
    return path


def crops(paths, n, rate=RATE):
    return next(iter(dataset.crops(dataset.Collection(paths, rate), 2048, n, seed=3))).numpy()


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources ü")
    return [write(folder / f"{i}.{kind[0]}", *kind[1:], seed=i) for i, kind in enumerate(KINDS)]


def test_samples_are_those_of_the_sources(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK_SECONDS", 1)  # several blocks a file
    copies = cache.cached(sources, RATE, tmp_path)
    for source, copy in zip(sources, copies, strict=True):
        np.testing.assert_array_equal(files.read(copy), files.read(source), err_msg=str(source))
    assert [files.probe(copy).encoding for copy in copies[:3]] == ["WAV PCM_16", "WAV PCM_16", "WAV FLOAT"]
    np.testing.assert_array_equal(*(crops(paths, 40) for paths in (sources, copies)))
    assert sorted(tmp_path.iterdir()) == sorted(copies)  # nothing half-made


def test_each_rate_has_its_own_copies(sources, tmp_path):
    whole = cache.cached(sources, RATE, tmp_path)
    halves = cache.cached(sources, RATE // 2, tmp_path)
    assert not set(whole) & set(halves) and cache.cached(sources, RATE, tmp_path) == whole
    for source, copy in zip(sources, halves, strict=True):
        assert files.probe(copy).sample_rate == RATE // 2
        expected = files.read(source, sample_rate=RATE // 2)
        np.testing.assert_array_equal(files.read(copy, sample_rate=RATE // 2), expected, err_msg=str(source))
    np.testing.assert_array_equal(*(crops(paths, 40, RATE // 2) for paths in (sources, halves)))


def test_a_source_that_is_named_twice_is_decoded_once(sources, tmp_path, caplog):
    caplog.set_level("INFO", "musika_tf")
    copies = cache.cached([sources[0], sources[1], sources[0]], RATE, tmp_path)
    assert copies[0] == copies[2] and "decoding 2 of 3 files" in caplog.text
    assert sorted(tmp_path.iterdir()) == sorted(copies[:2])


def test_files_are_decoded_once(sources, tmp_path, monkeypatch):
    copies = cache.cached(sources[:3], RATE, tmp_path)
    before = [copy.stat().st_mtime_ns for copy in copies]
    monkeypatch.setattr(files, "read", lambda *args: pytest.fail("decoded again"))
    assert cache.cached(sources[:3], RATE, tmp_path) == copies
    assert [copy.stat().st_mtime_ns for copy in copies] == before


def test_a_source_that_changed_is_decoded_again(tmp_path):
    source = write(tmp_path / "a.wav", *KINDS[0][1:])
    (old,) = cache.cached([source], RATE, tmp_path / "cache")
    write(source, *KINDS[0][1:], seed=7)
    os.utime(source, ns=(time.time_ns(), time.time_ns() + 10**9))
    (new,) = cache.cached([source], RATE, tmp_path / "cache")
    assert new != old
    np.testing.assert_array_equal(files.read(new), files.read(source))


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-5000], lambda content: b"", lambda content: bytes(len(content))]
)
def test_a_damaged_copy_is_made_again(sources, tmp_path, damage):
    (copy,) = cache.cached(sources[4:5], RATE, tmp_path)
    copy.write_bytes(damage(copy.read_bytes()))
    assert cache.cached(sources[4:5], RATE, tmp_path) == [copy]
    np.testing.assert_array_equal(files.read(copy), files.read(sources[4]))


def test_a_file_without_samples_stands_for_itself(sources, tmp_path):
    empty = write(tmp_path / "empty.wav", *KINDS[0][1:], n_samples=0)
    assert cache.cached([empty, sources[0]], RATE, tmp_path / "cache")[0] == empty


def test_what_cannot_be_read_is_named_and_leaves_nothing(sources, tmp_path):
    damaged = tmp_path / "cut.flac"
    damaged.write_bytes(sources[6].read_bytes()[:9000])
    with pytest.raises(files.AudioFileError, match="cut.flac"):
        cache.cached([damaged, sources[0]], RATE, tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith(".")]


def test_a_folder_that_cannot_be_written_is_named(sources, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="^--cache_dir=.*file: can't be written .File exists"):
        cache.cached(sources[:1], RATE, tmp_path / "file")


def test_a_full_disk_is_named_before_and_while_it_happens(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(UserError, match="^--cache_dir=.*GB needed for 1 files"):
        cache.cached(sources[:1], RATE, tmp_path)
    monkeypatch.undo()

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.atomic.os, "fsync", full)
    with pytest.raises(UserError, match="^--cache_dir=.*can't be written .No space left"):
        cache.cached(sources[:1], RATE, tmp_path)
    assert not list(tmp_path.iterdir())


def test_more_than_4_gb_are_rf64(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_MOST_WAV_BYTES", 1000)
    (copy,) = cache.cached(sources[3:4], RATE, tmp_path)
    assert files.probe(copy).encoding == "RF64 FLOAT"
    np.testing.assert_array_equal(crops([sources[3]], 8), crops([copy], 8))
