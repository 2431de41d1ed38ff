"""KAD against a double loop over patches, and against integrals over Gaussians."""

import itertools

import numpy as np
import pytest
import scipy.spatial.distance
import song_sets

from musika_tf.evaluation import kernel_distance
from musika_tf.evaluation.kernel_distance import KernelSums, kad, median_distance


@pytest.fixture(scope="module")
def sets():
    return song_sets.uneven_songs(0, 6, 4, scale=1.3), song_sets.uneven_songs(1, 5, 4)


def by_loop(generated, reference, bandwidth, counts=False):
    """KAD of lists of (song, copy, patch); `counts`: of pairs from different songs alone."""

    def mean(first, second):
        kernels = [
            np.exp(-np.sum((np.float64(x) - y) ** 2) / (2 * bandwidth**2))
            for (i, (song, x)), (j, (other, y)) in itertools.product(enumerate(first), enumerate(second))
            if first is not second or (song != other if counts else i != j)
        ]
        return sum(kernels) / len(kernels)

    return 100 * (mean(generated, generated) + mean(reference, reference) - 2 * mean(generated, reference))


def patches(songs, counts=None):
    """(song, patch) of a set, each song as often as counts say."""
    counts = [1] * len(songs) if counts is None else counts
    return [(i, x) for i, song in enumerate(songs) for _ in range(counts[i]) for x in song.astype(np.float64)]


@pytest.mark.parametrize("block", [7, 1024])
def test_equals_a_double_loop(sets, monkeypatch, block):
    monkeypatch.setattr(kernel_distance, "_BLOCK", block)
    generated, reference = sets
    assert kad(*sets, bandwidth=1.7) == pytest.approx(by_loop(*map(patches, sets), 1.7), rel=1e-11)
    sigma = np.median(scipy.spatial.distance.pdist(np.concatenate(reference).astype(np.float64)))
    assert kad(*sets) == pytest.approx(by_loop(*map(patches, sets), sigma), rel=1e-11)


def test_between_songs_equals_a_double_loop_where_songs_are_drawn_twice(sets):
    sums = KernelSums.of(*sets, bandwidth=1.7)
    assert sums.kad_between_songs() == pytest.approx(by_loop(*map(patches, sets), 1.7, counts=True), rel=1e-11)
    g, r = np.array([[2, 0, 1, 1, 0, 2], [1, 1, 1, 1, 1, 1]]), np.array([[1, 3, 0, 0, 1], [0, 2, 2, 1, 0]])
    expected = [
        by_loop(patches(sets[0], g[i]), patches(sets[1], r[i]), 1.7, counts=True) for i in range(2)
    ]  # fmt: skip
    np.testing.assert_allclose(sums.kad_between_songs(g, r), expected, rtol=1e-11)


def test_median_distance(sets, monkeypatch):
    songs = sets[1]
    rows = np.concatenate(songs).astype(np.float64)
    median = np.median(scipy.spatial.distance.pdist(rows))
    assert median_distance(songs) == pytest.approx(median, rel=1e-12)
    monkeypatch.setattr(kernel_distance, "_BLOCK", 5)
    assert median_distance(songs) == pytest.approx(median, rel=1e-12)
    some = rows[[int(i * len(rows) / 10) for i in range(10)]]
    assert median_distance(songs, most_patches=10) == pytest.approx(np.median(scipy.spatial.distance.pdist(some)))


def test_far_from_zero_no_digits_are_lost(sets):
    far = [[song.astype(np.float64) + 1e5 for song in songs] for songs in sets]
    assert kad(*far) == pytest.approx(kad(*sets), rel=1e-6)


def test_blocks_change_the_last_digits_at_most(sets, monkeypatch):
    whole = KernelSums.of(*sets)
    monkeypatch.setattr(kernel_distance, "_BLOCK", 9)
    parts = KernelSums.of(*sets)
    for name in ("within_generated", "within_reference", "across"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)
    assert kad(*sets) == kad(*sets)  # same inputs, same bits


def test_unbiased_between_songs_while_the_published_one_counts_songs_as_likeness():
    truth, published, between = song_sets.true_kad(3, 1.0, 1.2, 3.0), [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        sums = KernelSums.of(song_sets.songs(rng, 12, shift=1.0, scale=1.2), song_sets.songs(rng, 14), 3.0)
        published.append(sums.kad())
        between.append(sums.kad_between_songs())
    error = np.std(between) / 300**0.5
    assert np.mean(between) == pytest.approx(truth, abs=2.5 * error)
    assert np.mean(published) > truth + 5 * error


GOOD = [np.zeros([3, 2]), np.ones([4, 2])]


@pytest.mark.parametrize(
    ("generated", "reference", "bandwidth", "message"),
    [
        (GOOD, [np.zeros([5, 2]), np.ones([1, 2])], None, "half of its patches or more are equal"),
        (GOOD, [np.zeros([1, 2])], None, "a single patch has no median"),
        (GOOD, [np.zeros([1, 2])], 1.0, "needs two in each"),
        (GOOD, GOOD, 0, "bandwidth 0"),
        (GOOD, [np.zeros([3, 3])], 1.0, "2 and 3 features"),
    ],
)
def test_rejects(generated, reference, bandwidth, message):
    with pytest.raises(ValueError, match=message):
        kad(generated, reference, bandwidth)


def test_a_single_song_has_no_pairs_between_songs():
    with pytest.raises(ValueError, match="a set has a single song"):
        KernelSums.of(GOOD[:1], GOOD, 1.0).kad_between_songs()
