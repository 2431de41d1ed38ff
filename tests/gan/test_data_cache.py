"""Latents in one memory-mapped file: what batches and statistics see is what they see in memory."""

import json

import numpy as np
import pytest
import tiny

from musika_tf.conditioning import signals
from musika_tf.errors import UserError
from musika_tf.gan import data, latents

TEMPO = signals.find("tempo")


@pytest.fixture
def folder(tmp_path):
    """Three pieces, one of them too short."""
    path = tmp_path / "latents"
    path.mkdir()
    for i, n in enumerate((20, 7, 50)):
        write(path, f"{i}.npz", n, i)
    return path


def write(folder, name, n, seed, **arrays):
    rng = np.random.default_rng(seed)
    latents = (3 + rng.standard_normal([n, 6])).astype(np.float32)
    tempo = np.full([n, 1], 120 + seed, np.float32)
    np.savez(folder / name, latents=latents, model_id="abc", conditioning_tempo=tempo, extractor_tempo="grid", **arrays)


def load(folder, cache_dir=None):
    pieces = data.load_pieces(folder, [TEMPO], 8, cache_dir)
    pieces.mirror = tiny.halves(6)
    return pieces


def test_is_what_memory_holds(folder, tmp_path):
    memory, mapped = load(folder), load(folder, tmp_path / "cache")
    assert isinstance(mapped.latents[0], np.memmap) and not isinstance(memory.latents[0], np.memmap)
    assert (mapped.model_id, mapped.extractors) == (memory.model_id, memory.extractors) == ("abc", {"tempo": "grid"})
    for name in ("latents", "conditioning"):
        for a, b in zip(getattr(mapped, name), getattr(memory, name), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(mapped.statistics(), memory.statistics())
    first = [next(iter(data.batches(pieces, 8, 16, seed=1, first_batch=5))) for pieces in (memory, mapped)]
    for a, b in zip(*first, strict=True):
        np.testing.assert_array_equal(a, b)
    assert [path.name[:8] for path in (tmp_path / "cache").iterdir()] == ["latents-"]


def test_files_are_read_once_and_again_when_they_change(folder, tmp_path, monkeypatch):
    load(folder, tmp_path / "cache")
    with monkeypatch.context() as patch:
        patch.setattr(latents, "read_latents", lambda path: pytest.fail("read again"))
        assert load(folder, tmp_path / "cache").n_latents == 70
    write(folder, "3.npz", 30, 3)
    assert load(folder, tmp_path / "cache").n_latents == 100


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("latents.f32", b"abc"),
        ("conditioning.f32", None),
        ("index.json", b"{"),
        ("index.json", b"[]"),
        ("index.json", None),
    ],
)
def test_what_was_damaged_is_made_again(folder, tmp_path, name, content):
    expected = load(folder, tmp_path / "cache").statistics()
    (path,) = (tmp_path / "cache").glob(f"*/{name}")
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    np.testing.assert_array_equal(load(folder, tmp_path / "cache").statistics(), expected)
    index = json.loads(next((tmp_path / "cache").glob("*/index.json")).read_text())
    assert index["lengths"] == [20, 50] and index["sizes"] == [6, 1]


def test_errors_are_those_of_memory_and_leave_nothing(folder, tmp_path):
    (folder / "4.npz").write_bytes(b"none")
    with pytest.raises(UserError, match="4.npz: no latents"):
        load(folder, tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
    with pytest.raises(UserError, match="--latents_dir=.*0 .npz files, none of 8"):
        load(tmp_path / "nothing", tmp_path / "cache")
    (tmp_path / "file").touch()
    (folder / "4.npz").unlink()
    with pytest.raises(UserError, match="--cache_dir=.*file: can't be written"):
        load(folder, tmp_path / "file")


def test_other_signals_are_another_file(folder, tmp_path):
    load(folder, tmp_path / "cache")
    assert data.load_pieces(folder, [], 8, tmp_path / "cache").conditioning[0].shape == (20, 0)
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert data._digest([], [], 8) != data._digest([], [], 9)
