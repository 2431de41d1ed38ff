"""Latents on disk -> batches: pure functions of (seed, index), and errors that name the file."""

import itertools
import pickle

import numpy as np
import pytest
import tiny

from musika_tf.conditioning import signals
from musika_tf.errors import UserError
from musika_tf.gan import data
from musika_tf.gan.latents import LatentPieces

HALF = 3
TEMPO, BEAT, POSITION = (signals.find(name) for name in ("tempo", "beat", "position"))


def ruler(number, n):
    """Latents that tell piece, position and side: left = number + position / 1024, right the same but negative."""
    line = (number + np.arange(n, dtype=np.float32) / 1024)[:, None]
    return np.concatenate([np.repeat(line, HALF, axis=1), np.repeat(-line, HALF, axis=1)], axis=1)


def write(path, latents, model_id="abc", **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, latents=latents, model_id=model_id, n_samples=len(latents) * 4096, **arrays)
    return path


@pytest.fixture
def pieces():
    latents = [ruler(1, 20), ruler(2, 50), ruler(3, 8)]
    return LatentPieces(latents, [np.abs(piece[:, :1]) for piece in latents], "abc", mirror=tiny.halves(2 * HALF))


def take(n, *args, **kwargs):
    return [[x.numpy() for x in batch] for batch in itertools.islice(data.batches(*args, **kwargs), n)]


# Batches


def test_batches_are_spans_of_one_piece(pieces):
    (latents, conditioning), *_ = take(1, pieces, 8, 400, seed=1)
    assert latents.shape == (400, 8, 2 * HALF) and latents.dtype == np.float32
    assert conditioning.shape == (400, 8, 1) and conditioning.dtype == np.float32
    line = np.abs(latents)
    np.testing.assert_array_equal(line, np.broadcast_to(line[:, :, :1], line.shape))
    np.testing.assert_array_equal(np.diff(line[..., 0], axis=1), np.float32(1 / 1024))
    np.testing.assert_array_equal(conditioning[..., 0], line[..., 0])  # its own signal, in step


def test_every_start_is_as_likely(pieces):
    (latents, _), *_ = take(1, pieces, 8, 4000, seed=1)
    start = np.abs(latents[:, 0, 0])
    numbers, places = np.unique(start, return_counts=True)
    assert len(numbers) == 13 + 43 + 1  # all starts, the last ones too
    assert np.abs(places - 4000 / 57).max() < 5 * np.sqrt(4000 / 57)


def test_left_and_right_are_swapped_at_random(pieces):
    (latents, _), *_ = take(1, pieces, 8, 1000, seed=1)
    swapped = latents[:, 0, 0] < 0
    assert 500 - 80 < swapped.sum() < 500 + 80
    np.testing.assert_array_equal(latents[:, :, :HALF], -latents[:, :, HALF:])  # whole sides, both
    np.testing.assert_array_equal(latents[:, :, 0] < 0, np.repeat(swapped[:, None], 8, axis=1))


def test_batch_is_a_function_of_seed_and_index(pieces):
    whole = take(6, pieces, 8, 4, seed=1)
    later = take(2, pieces, 8, 4, seed=1, first_batch=4)
    for mine, expected in zip(later, whole[4:], strict=True):
        for a, b in zip(mine, expected, strict=True):
            np.testing.assert_array_equal(a, b)
    assert len({batch[0].tobytes() for batch in whole}) == 6
    assert not np.array_equal(take(1, pieces, 8, 4, seed=2)[0][0], whole[0][0])


def test_parts_of_a_batch_make_the_batch(pieces):
    whole = take(2, pieces, 8, 6, seed=1, first_batch=3)
    parts = [take(2, pieces, 8, 6, seed=1, first_batch=3, part=(i, 3)) for i in range(3)]
    for n, batch in enumerate(whole):
        for which, expected in enumerate(batch):
            np.testing.assert_array_equal(np.concatenate([part[n][which] for part in parts]), expected)


def test_statistics_pool_both_sides(pieces):
    rng = np.random.default_rng(0)
    pieces.latents = [rng.normal(3, 2, [40, 6]).astype(np.float32), rng.normal(1, 1, [60, 6]).astype(np.float32)]
    sides = np.concatenate([piece[:, side : side + 3] for piece in pieces.latents for side in (0, 3)])
    mean, deviation = pieces.statistics()
    np.testing.assert_allclose(mean, np.tile(sides.mean(axis=0), 2), rtol=1e-5)
    np.testing.assert_allclose(deviation, np.tile(sides.std(axis=0), 2), rtol=1e-5)
    assert pieces.n_latents == 100


# Files


def test_load_pieces_in_order_of_their_names(tmp_path):
    write(tmp_path / "b.wav.npz", ruler(2, 9), conditioning_tempo=np.full([9, 1], 120, np.float32))
    write(tmp_path / "a" / "z.wav.npz", ruler(1, 8), conditioning_tempo=np.full([8, 1], 90, np.float32))
    write(tmp_path / "short.wav.npz", ruler(3, 7))
    pieces = data.load_pieces(tmp_path, [TEMPO], 8)
    assert [len(piece) for piece in pieces.latents] == [8, 9]
    assert [set(c.ravel()) for c in pieces.conditioning] == [{90.0}, {120.0}]
    assert pieces.model_id == "abc"


def test_load_pieces_stacks_signals_in_the_order_asked_for(tmp_path):
    one, two = np.full([8, 1], 1, np.float32), np.full([8, 10], 2, np.float32)
    words = np.tile(np.arange(50, dtype=np.float32), (8, 1))
    write(tmp_path / "a.npz", ruler(1, 8), conditioning_tempo=one, conditioning_beat=two, conditioning_tags=words)
    assert data.load_pieces(tmp_path, [], 8).conditioning[0].shape == (8, 0)
    np.testing.assert_array_equal(data.load_pieces(tmp_path, [BEAT, TEMPO], 8).conditioning[0][0], [2] * 10 + [1])
    mixed = [signals.find("tag:slow"), TEMPO, signals.find("tag:techno")]
    np.testing.assert_array_equal(data.load_pieces(tmp_path, mixed, 8).conditioning[0][0], [2, 1, 3])


def with_tempo(path, **arrays):
    return write(path, ruler(1, 8), conditioning_tempo=np.full([8, 1], 120, np.float32), **arrays)


def test_signals_of_several_extractors_are_refused(tmp_path):
    with_tempo(tmp_path / "a.npz", extractor_tempo="tempocnn")
    with_tempo(tmp_path / "b.npz", extractor_tempo="tempocnn", extractor_beat="madmom")
    assert data.load_pieces(tmp_path, [TEMPO], 8).extractors == {"tempo": "tempocnn"}
    with_tempo(tmp_path / "c.npz", extractor_tempo="librosa")
    with pytest.raises(UserError, match="c.npz: tempo by librosa among files where it is by tempocnn; run encode.py"):
        data.load_pieces(tmp_path, [TEMPO], 8)
    assert data.load_pieces(tmp_path, [], 8).extractors == {}  # nobody asked for it


def test_files_that_name_no_extractor_are_the_grid_s(tmp_path):
    with_tempo(tmp_path / "a.npz")
    with_tempo(tmp_path / "b.npz", extractor_tempo="grid")
    assert data.load_pieces(tmp_path, [TEMPO], 8).extractors == {"tempo": "grid"}


def test_pieces_of_unclear_tempo_are_left_out(tmp_path, caplog):
    with_tempo(tmp_path / "a.npz", confidence_tempo=np.float32(0.9))
    with_tempo(tmp_path / "b.npz", confidence_tempo=np.float32(0.1))
    with caplog.at_level("WARNING"):
        assert len(data.load_pieces(tmp_path, [TEMPO], 8).latents) == 1
    assert "b.npz: left out, its tempo is not clear (confidence 0.10)" in caplog.text
    assert len(data.load_pieces(tmp_path, [], 8).latents) == 2
    (tmp_path / "a.npz").unlink()
    with pytest.raises(UserError, match="1 .npz files, none of 8 latents or more with clear signals"):
        data.load_pieces(tmp_path, [TEMPO], 8)


def test_latents_of_another_size_are_named(tmp_path):
    write(tmp_path / "a.npz", ruler(1, 8))
    write(tmp_path / "b.npz", ruler(1, 8)[:, 1:])
    with pytest.raises(UserError, match="b.npz: latents of 5 numbers among those of 6"):
        data.load_pieces(tmp_path, [], 8)


def test_signal_of_other_channels_is_named(tmp_path):
    write(tmp_path / "a.npz", ruler(1, 8), conditioning_beat=np.zeros([8, 2], np.float32))
    with pytest.raises(UserError, match="a.npz: 2 channels of 'beat', which has 10"):
        data.load_pieces(tmp_path, [BEAT], 8)


def test_silent_and_short_pieces_are_left_out_by_name(tmp_path, caplog):
    write(tmp_path / "a.npz", ruler(1, 8), flags=np.array(["mono", "clipped"]))
    write(tmp_path / "b.npz", ruler(2, 8), flags=np.array(["silent"]))
    write(tmp_path / "c.npz", ruler(3, 7), flags=np.array([], np.str_))
    write(tmp_path / "d.npz", ruler(4, 8))  # an older file
    with caplog.at_level("WARNING"):
        pieces = data.load_pieces(tmp_path, [], 8)
    assert [piece[0, 0] for piece in pieces.latents] == [1, 4]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}/b.npz: left out, it is digital silence",
        f"{tmp_path}/c.npz: left out, its 7 latents are fewer than the 8 of a span",
    ]


def test_signal_of_another_length_is_named(tmp_path):
    write(tmp_path / "a.npz", ruler(1, 8), conditioning_position=np.zeros([7, 1], np.float32))
    with pytest.raises(UserError, match="a.npz: 7 values of 'position'"):
        data.load_pieces(tmp_path, [POSITION], 8)


def test_latents_of_several_models_are_refused(tmp_path):
    write(tmp_path / "a.npz", ruler(1, 8))
    write(tmp_path / "b.npz", ruler(1, 8), model_id="def")
    with pytest.raises(UserError, match="b.npz: latents of model def among those of abc"):
        data.load_pieces(tmp_path, [], 8)


def test_missing_signal_is_named(tmp_path):
    write(tmp_path / "a.npz", ruler(1, 8))
    with pytest.raises(UserError, match="a.npz: has no signal 'tempo'; encode with --conditioning=tempo,beat"):
        data.load_pieces(tmp_path, [TEMPO, BEAT], 8)


@pytest.mark.parametrize("there", [False, True])
def test_nothing_usable_is_named(tmp_path, there):
    if there:
        write(tmp_path / "short.npz", ruler(1, 7))
    with pytest.raises(
        UserError, match=f"--latents_dir={tmp_path}: {int(there)} .npz files, none of 8 latents or more"
    ):
        data.load_pieces(tmp_path, [], 8)


def truncated(path):
    write(path, ruler(1, 30))
    path.write_bytes(path.read_bytes()[:-40])


def damaged(path):
    write(path, ruler(1, 300))
    content = bytearray(path.read_bytes())
    content[1000:1400] = bytes(400)
    path.write_bytes(content)


def plain_array(path):
    with open(path, "wb") as file:
        np.save(file, ruler(1, 8))


def pickled(path):
    path.write_bytes(pickle.dumps({"latents": ruler(1, 8), "model_id": "abc"}))


def pickled_inside(path):
    np.savez(path, latents=np.array([{"a": 1}], object), model_id="abc")


def flipped_in_a_compressed_file(path):
    np.savez_compressed(path, latents=np.random.default_rng(0).normal(size=[300, 6]).astype(np.float32), model_id="abc")
    content = bytearray(path.read_bytes())
    start = content.index(b"latents.npy") + 11 + int.from_bytes(content[28:30], "little")  # behind name and extra field
    content[start : start + 8] = b"\xff" * 8
    path.write_bytes(content)


@pytest.mark.parametrize(
    "make",
    [
        truncated,
        damaged,
        plain_array,
        pickled,
        pickled_inside,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no latents at all, but text"),
        lambda path: path.mkdir(),
        lambda path: np.savez(path, other=ruler(1, 8)),
        lambda path: np.savez(path, latents=ruler(1, 8)),
        lambda path: write(path, ruler(1, 8)[0]),
        lambda path: write(path, ruler(1, 8).astype(np.float64)),
        lambda path: path.symlink_to("nowhere.npz"),
        lambda path: write(path, ruler(1, 8) * np.float32("nan")),
        lambda path: write(path, ruler(1, 8), model_id=7),
        lambda path: write(path, ruler(1, 8), conditioning_tempo=np.full([8, 1], np.inf, np.float32)),
        lambda path: write(path, ruler(1, 8), conditioning_tempo=np.full([8], 120, np.float32)),
        lambda path: write(path, ruler(1, 8), conditioning_tempo=np.full([8, 1], "120")),
        lambda path: write(path, ruler(1, 8), confidence_tempo=np.ones(2, np.float32)),
        lambda path: write(path, ruler(1, 8), extractor_tempo=np.zeros(2)),
        lambda path: write(path, ruler(1, 8), sample_rate="fast"),
        flipped_in_a_compressed_file,
    ],
)
def test_file_that_holds_no_latents_is_named(tmp_path, make):
    make(tmp_path / "b.npz")
    with pytest.raises(UserError, match="b.npz: no latents that encode.py wrote") as error:
        data.load_pieces(tmp_path, [], 8)
    assert "\n" not in str(error.value)
