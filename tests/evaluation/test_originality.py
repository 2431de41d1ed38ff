"""Distances to the nearest training patch against direct loops, and the figures of copies."""

import tracemalloc

import numpy as np
import pytest

from musika_tf.evaluation import originality


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("sizes", [(512, 8192), (3, 4), (1, 1)])
def test_nearest_equals_direct_loops_in_parts_of_any_size(monkeypatch, sizes):
    monkeypatch.setattr(originality, "_QUERIES_AT_ONCE", sizes[0])
    monkeypatch.setattr(originality, "_TRAINING_AT_ONCE", sizes[1])
    queries, training = noise(8, 3), noise(11, 3, seed=1)
    distances = np.array([[np.sqrt(np.sum((a - b) ** 2)) for b in training] for a in queries])
    found, index = originality.nearest(queries, training)
    np.testing.assert_allclose(found, distances.min(axis=1))
    np.testing.assert_array_equal(index, distances.argmin(axis=1))


def test_nearest_holds_no_matrix_of_all_distances(monkeypatch):
    monkeypatch.setattr(originality, "_QUERIES_AT_ONCE", 64)
    monkeypatch.setattr(originality, "_TRAINING_AT_ONCE", 1024)
    queries, training = noise(500, 4), noise(10_000, 4, seed=1)
    tracemalloc.start()
    originality.nearest(queries, training)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500 * 10_000 * 8 / 10


def test_a_copy_is_at_0_exactly_far_from_the_origin_too():
    training = 1e4 + noise(300, 50)
    found, index = originality.nearest(training[[7, 250]], training)
    assert found.tolist() == [0, 0] and index.tolist() == [7, 250]


@pytest.mark.parametrize(
    ("queries", "training", "message"),
    [
        (np.zeros((2, 3)), np.zeros((0, 3)), r"\(0, 3\)"),
        (np.zeros((2, 3)), np.zeros((5, 4)), r"\(5, 4\)"),
        (np.zeros((2, 3)), np.full((5, 3), np.inf), "not finite"),
    ],
)
def test_nearest_rejects(queries, training, message):
    with pytest.raises(ValueError, match=message):
        originality.nearest(queries, training)


def test_originality_is_1_for_other_held_out_music_near_0_for_copies_and_scales_with_distance():
    training = noise(2000, 8)
    held_out, other = (originality.nearest(noise(500, 8, seed=s), training)[0] for s in (1, 2))
    assert originality.originality(other, held_out) == pytest.approx(1, abs=0.1)
    assert originality.copied(other, held_out) == pytest.approx(0.05, abs=0.03)
    nearly = originality.nearest(training[:500] + 0.01 * noise(500, 8, seed=3), training)[0]
    assert originality.originality(nearly, held_out) < 0.03
    assert originality.copied(nearly, held_out) == 1
    assert originality.originality(3 * held_out, held_out) == pytest.approx(3)


def test_a_third_of_copies_leaves_the_median_and_is_seen_in_the_share():
    held_out = np.linspace(1, 2, 301)
    distances = np.concatenate([np.zeros(100), held_out[100:]])
    assert originality.originality(distances, held_out) == pytest.approx(1)
    assert originality.copied(distances, held_out) == pytest.approx(100 / 301)


def test_without_anything_to_compare_there_is_no_figure():
    nothing, some = np.zeros(0), np.ones(3)
    for distances, held_out in ((nothing, some), (some, nothing), (some, np.zeros(3))):
        assert originality.originality(distances, held_out) is None
        assert originality.copied(distances, held_out) is None
