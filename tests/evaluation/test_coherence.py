"""Similarity over time and repetition, of features whose answer is known by construction."""

import numpy as np
import pytest

from musika_tf.conditioning import musicnn
from musika_tf.evaluation import coherence
from musika_tf.evaluation.coherence import HOP_SECONDS

DIMENSIONS = 200


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def walk(n, rho, seed=0):
    """Stationary AR(1) `[n, 200]` of variance 1: autocorrelation rho^lag, which in many dimensions the cosine is."""
    steps = noise(n, DIMENSIONS, seed=seed)
    x = [steps[0]]
    for step in steps[1:]:
        x.append(rho * x[-1] + np.sqrt(1 - rho**2) * step)
    return np.stack(x)


def cosine(a, b):
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def test_a_hop_is_what_musicnn_makes_of_a_second():
    frames = round(musicnn.SAMPLE_RATE / musicnn.HOP_LENGTH)
    assert pytest.approx(frames * musicnn.HOP_LENGTH / musicnn.SAMPLE_RATE) == HOP_SECONDS


# scale


def test_scale_makes_mean_0_and_deviation_1_and_leaves_what_does_not_vary():
    features = np.concatenate([3 + 5 * noise(50, 4), np.full((50, 1), 7.0)], axis=1)
    scale = coherence.Scale.of(features)
    scaled = scale(features)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1, 1, 1, 0], atol=1e-12)
    np.testing.assert_allclose(scale([[0, 0, 0, 0, 9]])[0, -1], 2)


def test_figures_do_not_depend_on_the_units_of_the_features():
    reference, piece = noise(80, 6, seed=1), noise(40, 6, seed=2)
    units = np.array([1, 10, 1e-3, 5, 7, 2.0])
    plain = coherence.Scale.of(reference)(piece)
    other = coherence.Scale.of(9 + units * reference)(9 + units * piece)
    assert coherence.similarity(other, 5) == pytest.approx(coherence.similarity(plain, 5))
    assert coherence.repetition(other).best == pytest.approx(coherence.repetition(plain).best)


@pytest.mark.parametrize(
    ("features", "message"), [(np.zeros((0, 3)), "shape"), (np.zeros(3), "shape"), ([[np.nan, 1]], "finite")]
)
def test_scale_rejects(features, message):
    with pytest.raises(ValueError, match=message):
        coherence.Scale.of(features)


# similarity and what stands beside it


def test_similarity_and_shuffled_equal_direct_loops():
    piece = 0.3 + noise(17, 5)
    piece[4] = 0  # has no direction
    pairs = [0 if 4 in (i, i + 3) else cosine(piece[i], piece[i + 3]) for i in range(14)]
    assert coherence.similarity(piece, 3) == pytest.approx(np.mean(pairs))
    # 16 patches with a direction; the zero one is as similar to all as nothing
    every = [0 if 4 in (i, j) else cosine(piece[i], piece[j]) for i in range(17) for j in range(17) if i != j]
    assert coherence.shuffled(piece) == pytest.approx(np.mean(every))


@pytest.mark.parametrize("rho", [0.5, 0.9, 0.97])
def test_similarity_of_a_random_walk_is_its_autocorrelation(rho):
    piece = walk(2000, rho)
    for lag in coherence.LAGS:
        expected = rho ** round(lag / HOP_SECONDS)
        assert coherence.similarity(piece, lag) == pytest.approx(expected, abs=0.03)


def test_a_shuffled_piece_has_the_same_similarity_at_every_lag():
    piece = 0.5 + walk(60, 0.97)
    level = coherence.shuffled(piece)
    orders = [np.random.default_rng(seed).permutation(piece) for seed in range(300)]
    for lag in (3, 10, 40):
        assert np.mean([coherence.similarity(order, lag) for order in orders]) == pytest.approx(level, abs=0.005)
    assert coherence.similarity(piece, 3) > level + 0.2 > coherence.similarity(piece, 40) + 0.2
    assert coherence.shuffled(orders[0]) == pytest.approx(level)
    assert coherence.shuffled(piece[:1]) is None


def test_a_piece_gives_no_similarity_at_lags_that_it_is_too_short_for():
    piece = noise(20, 3)
    assert coherence.similarity(piece, 10) is not None
    assert coherence.similarity(piece, 11) is None
    with pytest.raises(ValueError, match="a lag is at least"):
        coherence.similarity(piece, 0.2)


def test_floors_equal_direct_loops():
    pieces = [noise(n, 4, seed=n) + n / 4 for n in (3, 5, 8)]
    pairs = [[np.mean([cosine(a, b) for a in p for b in q]) for q in pieces] for p in pieces]
    expected = [np.mean([pairs[i][j] for j in range(3) if j != i]) for i in range(3)]
    np.testing.assert_allclose(coherence.floors(pieces), expected)
    assert coherence.floors(pieces[:1]) == [None] and coherence.floors([]) == []


def test_coherence_by_hand():
    assert coherence.coherence(0.5, 0.8, 0.2) == pytest.approx(0.5)
    assert coherence.coherence(0.8, 0.8, 0.2) == 1 and coherence.coherence(0.2, 0.8, 0.2) == 0
    np.testing.assert_equal(coherence.coherence([0.5, 0.5], [0.8, 0.51], [0.2, 0.5]).round(9), [0.5, np.nan])


def test_coherence_tells_pieces_that_keep_a_character_from_those_that_drift_into_others():
    """A piece keeps 1/2 of its variance for good and loses the other half with rho^lag."""
    rho, at = 0.9, 40
    keeping = [np.sqrt(0.5) * (noise(1, DIMENSIONS, seed=i) + walk(600, rho, seed=100 + i)) for i in range(4)]
    drifting = [walk(600, rho, seed=100 + i) for i in range(4)]
    scale = coherence.Scale.of(noise(2000, DIMENSIONS, seed=9))
    for pieces, expected in ((keeping, 0.5 / (0.5 + 0.5 * rho**3)), (drifting, 0)):
        scaled = [scale(piece) for piece in pieces]
        late, early = ([coherence.similarity(piece, lag) for piece in scaled] for lag in (at, 3))
        found = coherence.coherence(np.mean(late), np.mean(early), np.mean(coherence.floors(scaled)))
        assert found == pytest.approx(expected, abs=0.06)


# repetition


def direct_repetition(piece, size=6, away=11):
    """Loops over blocks, as the docstring says it."""
    piece = piece - piece.mean(axis=0)
    n = len(piece) - size + 1
    sims = np.array(
        [[cosine(piece[i : i + size].ravel(), piece[j : j + size].ravel()) for j in range(n)] for i in range(n)]
    )
    best = np.mean([max(sims[i, j] for j in range(n) if abs(i - j) >= away) for i in range(n)])
    by_lag = {lag: np.mean([sims[i, i + lag] for i in range(n - lag)]) for lag in range(away, n // 2 + 1)}
    return best, by_lag


def test_repetition_equals_direct_loops(monkeypatch):
    monkeypatch.setattr(coherence, "_BLOCKS_AT_ONCE", 7)  # 35 blocks in unequal parts
    piece = walk(40, 0.8)[:, :7]
    best, by_lag = direct_repetition(piece)
    found = coherence.repetition(piece)
    lag = max(by_lag, key=by_lag.get)
    assert (found.best, found.at_lag) == pytest.approx((best, by_lag[lag]))
    assert found.lag_seconds == pytest.approx(lag * HOP_SECONDS)


def test_an_exact_loop_is_1_at_its_period_and_noise_is_not():
    piece = np.tile(noise(24, DIMENSIONS), (5, 1))
    piece[24:48] += 1e-4 * noise(24, DIMENSIONS, seed=1)  # as rounding does, so that 48 patches later is more alike
    loop = coherence.repetition(piece)
    assert (loop.best, loop.at_lag) == pytest.approx((1, 1))
    assert loop.lag_seconds == pytest.approx(24 * HOP_SECONDS)  # and not twice as much
    plain = coherence.repetition(noise(120, DIMENSIONS))
    assert plain.best < 0.15 and abs(plain.at_lag) < 0.05


def test_noise_repeats_as_by_chance_and_a_loop_more_than_its_patches_in_any_order(monkeypatch):
    plain = coherence.repetition(noise(120, DIMENSIONS))
    assert plain.best == pytest.approx(plain.chance, abs=0.01)
    monkeypatch.setattr(coherence, "_ORDERS", 2)
    loop = np.tile(walk(24, 0.9)[:, :50], (3, 1))
    found = coherence.repetition(loop)
    orders = [np.random.default_rng(seed).permutation(loop) for seed in range(2)]
    assert found.chance == pytest.approx(np.mean([direct_repetition(order)[0] for order in orders]))
    assert found.chance < 0.9 < found.best


def test_a_sound_that_stays_alike_is_no_loop():
    """White noise: far from the scale's mean, and the same all the time but for chance."""
    alike = 20 + noise(120, DIMENSIONS)
    assert coherence.similarity(alike, 40) > 0.99
    assert coherence.repetition(alike).best < 0.15


def test_a_refrain_counts_by_its_length():
    """Two passages of 30 patches in 150: their blocks return and the others don't."""
    piece = noise(150, DIMENSIONS)
    piece[100:130] = piece[20:50]
    found = coherence.repetition(piece)
    returning, blocks = 2 * (30 - 5), 150 - 5
    assert returning / blocks < found.best < returning / blocks + 0.15
    assert found.at_lag < 0.5
    near = noise(150, DIMENSIONS)
    near[25:50] = near[20:45]  # returns after 5 s: too near to count
    assert coherence.repetition(near).best < 0.15


def test_too_short_or_unchanging_pieces_have_no_repetition():
    assert coherence.repetition(noise(27, 5)) is not None
    assert coherence.repetition(noise(26, 5)) is None
    assert coherence.repetition(3 + 1e-7 * noise(60, 5)) is None
