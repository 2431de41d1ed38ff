"""Frechet distances against SciPy's matrix root, and extrapolated to a truth that is known."""

import numpy as np
import pytest
import scipy.linalg
import song_sets

from musika_tf.evaluation import distances


def by_matrix_root(a, b):
    s_a, s_b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (a, b))
    root = scipy.linalg.sqrtm(s_a @ s_b).real
    return np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(s_a + s_b - 2 * root)


@pytest.fixture(scope="module")
def sets():
    return song_sets.uneven_songs(0, 12, 6, scale=1.3), song_sets.uneven_songs(1, 9, 6)


def test_equals_the_matrix_root_over_all_patches(sets):
    pooled = [np.concatenate(songs).astype(np.float64) for songs in sets]
    assert distances.frechet(*sets) == pytest.approx(by_matrix_root(*pooled), rel=1e-9)


def test_each_song_equals_the_matrix_root(sets):
    generated, reference = sets
    found = distances.frechet_per_song(generated, reference)
    pooled = np.concatenate(reference).astype(np.float64)
    assert np.isnan(found.values[0])  # one patch
    expected = [by_matrix_root(song.astype(np.float64), pooled) for song in generated[1:] if len(song) > 7]
    long_enough = [len(song) > 7 for song in generated]
    np.testing.assert_allclose(found.values[long_enough], expected, rtol=1e-9)
    others = found.values[~np.isnan(found.values)]
    assert (found.mean, found.median) == pytest.approx((others.mean(), np.median(others)))


def test_covariances_give_what_rows_give(sets):
    """Also of a set that does not span the space, where the matrix root has no digits left."""
    rows = [np.concatenate(sets[0]).astype(np.float64), sets[0][3][:4].astype(np.float64)]
    whole = distances.gaussian(np.concatenate(sets[1]))
    expected = [distances.between(distances.gaussian(x), whole) for x in rows]
    means, covariances = np.array([x.mean(0) for x in rows]), np.array([np.cov(x, rowvar=False) for x in rows])
    np.testing.assert_allclose(distances.to_gaussian(means, covariances, *whole), expected, rtol=1e-6)
    mean, root = (np.array([x, x]) for x in whole)
    np.testing.assert_allclose(distances.to_gaussian(means, covariances, mean, root), expected, rtol=1e-6)


def test_one_feature():
    a, b = [np.array([[0.0], [2.0]])], [np.array([[9.0]]), np.array([[13.0]])]
    assert distances.frechet(a, b) == pytest.approx(102)  # by hand, as in test_frechet.py
    assert distances.frechet_infinity(a * 20, b * 20, n_draws=1).distance == pytest.approx(102, rel=0.3)


@pytest.mark.parametrize("unit", distances.UNITS)
def test_extrapolation_takes_the_bias_off(unit):
    """Of single patches, the two units are one. The truth is 1; the reference is large."""
    reference = [np.random.default_rng(99).standard_normal([20_000, 10])]
    plain, extrapolated = [], []
    for seed in range(10):
        generated = list(np.random.default_rng(seed).standard_normal([200, 1, 10]) + 1 / 10**0.5)
        plain.append(distances.frechet(generated, reference))
        found = distances.frechet_infinity(generated, reference, unit, n_draws=4, seed=seed)
        assert found.r_squared > 0.7 and found.slope > 0
        assert found.sizes[0] == 50 and found.sizes[-1] == 200 and len(found.sizes) == 15
        assert found.values[-1] == pytest.approx(plain[-1], rel=1e-6)
        extrapolated.append(found.distance)
    assert np.mean(plain) > 1.15
    assert np.mean(extrapolated) == pytest.approx(1, abs=0.08)


def test_songs_take_off_more_of_the_bias_than_patches_where_patches_of_a_song_are_alike():
    truth, found = song_sets.true_frechet(5, 1.0, 1.0), {"patches": [], "songs": [], "plain": []}
    reference = song_sets.songs(np.random.default_rng(99), 4000, 2, d=5)
    for seed in range(10):
        generated = song_sets.songs(np.random.default_rng(seed), 60, 20, d=5, shift=1.0)
        found["plain"].append(distances.frechet(generated, reference))
        for unit in distances.UNITS:
            found[unit].append(distances.frechet_infinity(generated, reference, unit, n_draws=4).distance)
    plain, patches, songs = (np.mean(found[name]) - truth for name in ("plain", "patches", "songs"))
    assert plain > patches > abs(songs)


def test_the_fit_by_hand():
    sizes = np.array([10, 20, 50, 100])
    found = distances._fitted(sizes, 3 + 7 / sizes)
    assert (found.distance, found.slope, found.r_squared) == pytest.approx((3, 7, 1))
    bent = distances._fitted(sizes, np.array([4.0, 3.0, 4.0, 3.0]))
    x, y = 1 / sizes, np.array([4.0, 3.0, 4.0, 3.0])
    assert bent.r_squared == pytest.approx(np.corrcoef(x, y)[0, 1] ** 2)
    assert distances._fitted(sizes, np.full(4, 2.0)).r_squared == 1


@pytest.mark.parametrize("unit", distances.UNITS)
def test_same_inputs_same_bits_and_another_seed_other_subsets(unit):
    generated = song_sets.songs(np.random.default_rng(0), 30)
    reference = song_sets.songs(np.random.default_rng(1), 40)
    first, again, other = (distances.frechet_infinity(generated, reference, unit, seed=seed) for seed in (3, 3, 4))
    assert first == again and first.distance != other.distance and first.values[-1] == other.values[-1]


GOOD = [np.zeros([3, 2]), np.ones([4, 2])]


@pytest.mark.parametrize(
    ("generated", "reference", "message"),
    [
        ([], GOOD, "generated: no songs"),
        (GOOD, [np.zeros([3, 2]), np.zeros(2)], r"reference: song 1 has shape \(2,\)"),
        (GOOD, [np.zeros([3, 2]), np.zeros([3, 3])], r"reference: song 1 has shape \(3, 3\), the first \(3, 2\)"),
        (GOOD, [np.zeros([0, 2])], "reference: song 0 has shape"),
        ([np.full([3, 2], np.nan)], GOOD, "generated: song 0 has values that are not finite"),
        (GOOD, [np.zeros([3, 4])], "2 and 4 features"),
    ],
)
def test_rejects(generated, reference, message):
    for function in (distances.frechet, distances.frechet_per_song, distances.frechet_infinity):
        with pytest.raises(ValueError, match=message):
            function(generated, reference)


def test_rejects_what_cannot_be_extrapolated():
    with pytest.raises(ValueError, match="2 songs are too few"):
        distances.frechet_infinity(GOOD, GOOD, "songs")
    with pytest.raises(ValueError, match="give one of patches, songs"):
        distances.frechet_infinity(GOOD, GOOD, "pieces")
    with pytest.raises(ValueError, match="every song has a single patch"):
        distances.frechet_per_song([np.zeros([1, 2])], GOOD)
