"""Embeddings are computed once for what a file holds, and what is wrong with one file does not stop the others."""

import hashlib
import importlib.util
import re

import numpy as np
import pytest
import soundfile

from musika_tf.audio import files
from musika_tf.errors import UserError
from musika_tf.evaluation import embeddings
from musika_tf.evaluation.embeddings import Network, embed

RATE = 44_100


class Levels:
    """A network that hears the level of each second, and counts how often it is asked."""

    def __init__(self, name="levels-1", factor=1.0, fails_at=None):
        self.name, self.factor, self.fails_at, self.sample_rate, self.calls = name, factor, fails_at, 16_000, 0

    def listen(self, chunks, hop_seconds):
        self.calls += 1
        if self.calls == self.fails_at:
            raise KeyboardInterrupt
        hop = int(hop_seconds * 16_000)
        waveform = np.concatenate(list(chunks))
        if len(waveform) < 16_000:
            raise ValueError(f"needs a second, got {len(waveform) / 16_000:.2f} s")
        seconds = waveform[: len(waveform) // hop * hop].reshape(-1, hop)
        return self.factor * np.stack([seconds.std(axis=1), np.abs(seconds).max(axis=1)], axis=1)


def write(path, seconds=2.0, level=0.5, seed=0):
    noise = np.random.default_rng(seed).uniform(-level, level, [int(seconds * RATE), 2])
    soundfile.write(path, noise, RATE, subtype="FLOAT")
    return path


@pytest.fixture
def paths(tmp_path):
    return [write(tmp_path / f"{i}.wav", 2 + i, 0.1 * (i + 1), i) for i in range(3)]


def entries(cache):
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_each_file_is_heard_once(paths, tmp_path):
    network, cache = Levels(), tmp_path / "cache"
    first = embed(paths, network, cache)
    assert [song.shape for song in first.songs] == [(2, 2), (3, 2), (4, 2)] and first.paths == paths
    assert not first.troubles and all(song.dtype == np.float32 for song in first.songs)
    for i, song in enumerate(first.songs):
        mono = files.read(paths[i], sample_rate=16_000).mean(axis=1)
        np.testing.assert_allclose(song[:, 0], mono.reshape(-1, 16_000).std(axis=1), rtol=0.02)
    again = embed(paths, network, cache)
    assert network.calls == 3 and len(entries(cache)) == 3
    for a, b in zip(first.songs, again.songs, strict=True):
        np.testing.assert_array_equal(a, b)


def test_content_decides_and_not_the_name(paths, tmp_path):
    network, cache = Levels(), tmp_path / "cache"
    embed(paths, network, cache)
    moved = paths[0].rename(tmp_path / "moved.wav")
    (tmp_path / "copy.wav").write_bytes(moved.read_bytes())
    embed([moved, tmp_path / "copy.wav", *paths[1:]], network, cache)
    assert network.calls == 3
    write(paths[1], 2, 0.9, seed=9)  # same name, other audio
    assert embed(paths[1:], network, cache).songs[0][0, 1] > 0.8
    assert network.calls == 4
    twins = [write(tmp_path / "a.wav", 2, 0.3, seed=11), tmp_path / "b.wav"]
    twins[1].write_bytes(twins[0].read_bytes())  # written anew, a float WAV would bear another second of the clock
    assert len(embed(twins, network, cache).songs) == 2 and network.calls == 5


def test_bytes_are_read_once_until_they_change(tmp_path, monkeypatch):
    read = []
    digest = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda: read.append(1) or digest())
    path = tmp_path / "a.wav"
    for content in (b"one", b"three"):
        path.write_bytes(content)
        assert {embeddings.checksum(path) for _ in range(3)} == {digest(content).hexdigest()}
    assert len(read) == 2


def test_networks_and_hops_do_not_mix(paths, tmp_path):
    one = embed(paths, Levels("levels-1"), tmp_path / "cache")
    other = embed(paths, Levels("levels-2", factor=2.0), tmp_path / "cache")
    half = embed(paths, Levels("levels-1"), tmp_path / "cache", hop_seconds=0.5)
    np.testing.assert_allclose(other.songs[0], 2 * one.songs[0])
    assert len(half.songs[0]) == 4
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [
        "levels-1-hop0.5", "levels-1-hop1", "levels-2-hop1"
    ]  # fmt: skip


def nothing(path):
    path.write_bytes(b"")


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-30])


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)


def of_another_kind(path):
    np.savez(path, embedding=np.zeros([2, 2]))


def with_nan(path):
    np.savez(path, embedding=np.full([2, 2], np.nan, np.float32))


@pytest.mark.parametrize("damage", [nothing, cut_short, flipped, of_another_kind, with_nan])
def test_a_corrupt_entry_is_made_again(paths, tmp_path, damage):
    network, cache = Levels(), tmp_path / "cache"
    first = embed(paths[:1], network, cache)
    damage(entries(cache)[0])
    again = embed(paths[:1], network, cache)
    np.testing.assert_array_equal(first.songs[0], again.songs[0])
    assert network.calls == 2
    embed(paths[:1], network, cache)
    assert network.calls == 2


def test_goes_on_where_it_was_interrupted(paths, tmp_path):
    cache = tmp_path / "cache"
    with pytest.raises(KeyboardInterrupt):
        embed(paths, Levels(fails_at=3), cache)
    assert len(entries(cache)) == 2
    network = Levels()
    assert len(embed(paths, network, cache).songs) == 3 and network.calls == 1


def test_what_is_wrong_with_a_file_is_a_line_and_the_rest_goes_on(paths, tmp_path):
    short = write(tmp_path / "short.wav", 0.5)
    (tmp_path / "text.wav").write_text("no audio")
    not_finite = tmp_path / "nan.wav"
    soundfile.write(not_finite, np.full([3 * RATE, 2], np.nan, np.float32), RATE, subtype="FLOAT")
    given = [short, paths[0], tmp_path / "text.wav", tmp_path / "gone.wav", not_finite, paths[1]]
    found = embed(given, Levels(), tmp_path / "cache")
    assert found.paths == paths[:2] and len(found.songs) == 2
    for name, message in {
        "short.wav": "needs a second, got 0.50 s", "text.wav": "can't be read as audio", "gone.wav": "no such file",
        "nan.wav": "NaN or infinity at 0.000 s",
    }.items():  # fmt: skip
        (line,) = (line for line in found.troubles if name in line)
        assert line.startswith(f"{tmp_path / name}: {message}") and line.count(name) == 1 and line.isprintable()
    assert len(found.troubles) == 4
    assert len(entries(tmp_path / "cache")) == 2


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (np.full([2, 3], np.inf), "odd gives values that are not finite"),
        (np.zeros([0, 3]), r"odd gives shape \(0, 3\), not \[patches, d\]"),
        (np.zeros([3]), r"odd gives shape \(3,\)"),
    ],
)
def test_what_is_no_embedding_is_not_kept(paths, tmp_path, made, message):
    found = embed(paths[:1], Network("odd", lambda chunks, hop: made), tmp_path / "cache")
    assert not found.songs and len(found.troubles) == 1
    assert re.search(message, found.troubles[0])
    assert not entries(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(paths, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file: can't be written \(.*\); give another folder for embeddings"):
        embed(paths, Levels(), tmp_path / "file")


def test_a_name_that_is_no_folder_is_refused(paths, tmp_path):
    with pytest.raises(ValueError, match="make a name"):
        embed(paths, Levels("../up"), tmp_path / "cache")


def test_progress_is_of_what_is_still_to_be_heard(paths, tmp_path, capfd):
    embed(paths[:2], Levels(), tmp_path / "cache")
    assert capfd.readouterr().err == ""
    embed(paths, Levels(), tmp_path / "cache", show_progress=True)
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("4s of 4s, ") and "times real time" in line


@pytest.mark.long
def test_musicnn_hears_files_as_it_hears_waveforms(tmp_path, monkeypatch):
    if importlib.util.find_spec("musicnn") is None:
        pytest.skip("needs the weights: pip install --no-deps musicnn")
    from musika_tf.conditioning.musicnn import MusiCNN

    network = MusiCNN.load()
    monkeypatch.setattr(MusiCNN, "load", lambda: network)  # once is slow enough
    path = write(tmp_path / "noise.wav", 4.1)
    found = embed([path, write(tmp_path / "short.wav", 2.5)], embeddings.musicnn_network(), tmp_path / "cache")
    assert "short.wav: MusiCNN needs three seconds of audio" in found.troubles[0]
    np.testing.assert_allclose(found.songs[0], network(files.read(path)).features, atol=1e-3)
    assert found.songs[0].shape == (2, 200)
