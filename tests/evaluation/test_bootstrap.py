"""Resamples against sets that are put together by hand, and intervals by how often they cover a truth that is known."""

import functools

import numpy as np
import pytest
import song_sets

from musika_tf.evaluation import bootstrap, distances
from musika_tf.evaluation.bootstrap import Resampled, Resampling, frechet_resampled, kad_resampled
from musika_tf.evaluation.kernel_distance import KernelSums

D, BANDWIDTH = 3, 3.0
MODELS = {"near": (0.0, 1.2), "far": (1.0, 1.5)}  # shift and scale


@pytest.fixture(scope="module")
def sets():
    return song_sets.uneven_songs(0, 12, 4, scale=1.3), song_sets.uneven_songs(1, 10, 4)


def again(songs, counts):
    return [song for song, count in zip(songs, counts, strict=True) for _ in range(int(count))]


@pytest.mark.parametrize("reference_too", [True, False])
def test_a_resample_is_the_distance_of_the_songs_drawn(sets, reference_too):
    resampling = Resampling(40, seed=5, reference=reference_too)
    found = frechet_resampled(*sets, resampling)
    g, r = bootstrap._counts(12, 10, resampling, number=1)
    assert found.estimate == distances.frechet(*sets) and len(found.replicates) == 40
    assert np.all(g.sum(axis=1) == 12) and np.all(r.sum(axis=1) == 10) and (r.std() > 0) == reference_too
    expected = [distances.frechet(again(sets[0], g[i]), again(sets[1], r[i])) for i in range(40)]
    np.testing.assert_allclose(found.replicates, expected, rtol=1e-6)
    sums = KernelSums.of(*sets, BANDWIDTH)
    np.testing.assert_allclose(
        kad_resampled(sums, resampling).replicates, [sums.kad_between_songs(g[i], r[i]) for i in range(40)], rtol=1e-12
    )


def test_songs_are_drawn_by_seed_and_set_alone(sets):
    first, same = (frechet_resampled(*sets, Resampling(50, seed=1)) for _ in range(2))
    np.testing.assert_array_equal(first.replicates, same.replicates)
    other = frechet_resampled(*sets, Resampling(50, seed=2))
    assert not np.any(first.replicates == other.replicates)
    (g, r), (g2, r2) = (bootstrap._counts(12, 10, Resampling(50), number) for number in (1, 2))
    np.testing.assert_array_equal(r, r2)
    assert np.mean(g == g2) < 0.6
    assert abs(np.corrcoef(g.ravel(), g2.ravel())[0, 1]) < 0.2


def test_a_model_less_itself_is_nothing(sets):
    found = frechet_resampled(*sets, Resampling(30))
    difference = found.minus(found)
    assert difference.interval() == (0, 0) and difference.corrected == 0


def test_intervals_by_hand():
    replicates = np.linspace(0, 10, 101)
    assert Resampled(4.0, replicates, bootstrap.PERCENTILE).interval(0.9) == pytest.approx((0.5, 9.5))
    assert Resampled(4.0, replicates, bootstrap.BASIC).interval(0.9) == pytest.approx((-1.5, 7.5))
    assert Resampled(4.0, replicates, bootstrap.BASIC).corrected == pytest.approx(3)


@functools.cache
def simulated():
    """Resampled distances of both models in 120 worlds: {distance: {model: [Resampled]}}."""
    found = {"frechet": {"near": [], "far": []}, "kad": {"near": [], "far": []}}
    for world in range(120):
        rng, resampling = np.random.default_rng(world), Resampling(200, seed=world)
        reference = song_sets.songs(rng, 30, d=D)
        for number, (name, (shift, scale)) in enumerate(MODELS.items(), 1):
            generated = song_sets.songs(rng, 25, d=D, shift=shift, scale=scale)
            found["frechet"][name].append(frechet_resampled(generated, reference, resampling, number))
            sums = KernelSums.of(generated, reference, BANDWIDTH)
            found["kad"][name].append(kad_resampled(sums, resampling, number))
    return found


def truth(distance, model):
    if distance == "frechet":
        return song_sets.true_frechet(D, *MODELS[model])
    return song_sets.true_kad(D, *MODELS[model], BANDWIDTH)


def coverage(resampled, true):
    return np.mean([low <= true <= high for low, high in (found.interval() for found in resampled)])


@pytest.mark.parametrize("distance", ["frechet", "kad"])
@pytest.mark.parametrize("model", MODELS)
def test_intervals_cover_the_truth(distance, model):
    found, true = simulated()[distance][model], truth(distance, model)
    assert 0.9 <= coverage(found, true) <= 1
    # and are of use: not much wider than what an estimate varies by
    widths = np.diff([x.interval() for x in found], axis=1)
    assert np.median(widths) < 2.2 * 3.92 * np.std([x.estimate for x in found])


@pytest.mark.parametrize("distance", ["frechet", "kad"])
def test_two_models_are_told_apart_with_the_right_odds(distance):
    near, far = (simulated()[distance][name] for name in MODELS)
    differences = [b.minus(a) for a, b in zip(near, far, strict=True)]
    assert 0.9 <= coverage(differences, truth(distance, "far") - truth(distance, "near")) <= 1
    above, below = (np.mean([sign * x.interval()[at] > 0 for x in differences]) for sign, at in ((1, 0), (-1, 1)))
    assert above > 0.3 and below == 0
    both = zip(near, near[1:] + near[:1], strict=True)  # other reference, other songs, one truth
    assert coverage([a.minus(b) for a, b in both], 0) > 0.9


def test_the_percentile_interval_of_a_frechet_distance_would_count_its_bias_twice():
    found, true = simulated()["frechet"]["near"], truth("frechet", "near")
    assert coverage([Resampled(x.estimate, x.replicates, bootstrap.PERCENTILE) for x in found], true) < 0.5
    estimate, corrected = (np.mean([getattr(x, name) for x in found]) for name in ("estimate", "corrected"))
    assert abs(corrected - true) < 0.35 * (estimate - true)


def test_rejects(sets):
    with pytest.raises(ValueError, match="reference: 9 songs are too few for an interval; give 10 or more"):
        frechet_resampled(sets[0], sets[1][:9])
    with pytest.raises(ValueError, match="generated: 3 songs are too few"):
        kad_resampled(KernelSums.of(sets[0][:3], sets[1]))
    first = frechet_resampled(*sets, Resampling(20))
    for other in (frechet_resampled(*sets, Resampling(21)), kad_resampled(KernelSums.of(*sets), Resampling(20))):
        with pytest.raises(ValueError, match="equally many resamples"):
            first.minus(other)
