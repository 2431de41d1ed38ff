"""The alarm on generators that copy, that make one thing only, and that do neither."""

import numpy as np
import pytest
import tiny

from musika_tf.gan import alarm
from musika_tf.gan.alarm import SPAN, Alarm

SIZE = 6


def piece(n, seed):
    """Latents that move slowly, as music does: a random walk that is drawn back to 0, `[n, SIZE]`."""
    steps = np.random.default_rng(seed).standard_normal([n, SIZE]).astype(np.float32)
    return np.stack([0.3 * sum(0.9**k * steps[i - k] for k in range(min(i + 1, 40))) for i in range(n)])


@pytest.fixture(scope="module")
def pieces():
    return [piece(300, seed) for seed in range(8)]


@pytest.fixture(scope="module")
def watch(pieces):
    return Alarm(pieces, np.concatenate(pieces).std(axis=0), tiny.halves(SIZE))


def excerpts(pieces, n=64):
    return np.stack([p[17 * i : 17 * i + n] for i, p in enumerate(pieces)])


def raised(watch, generated):
    figures = watch.figures(np.asarray(generated, np.float32))
    return [warning.split()[2] for warning in watch.warnings(figures)], figures


def test_a_generator_that_does_neither(watch):
    warnings, figures = raised(watch, [piece(64, seed) for seed in range(100, 116)])
    assert warnings == []
    assert 0.8 < figures["nearest"] < 1.3
    assert 0.8 < figures["spread"] < 1.2


@pytest.mark.parametrize("swapped", [False, True])
def test_a_generator_that_copies(watch, pieces, swapped):
    copies = excerpts(pieces)
    warnings, figures = raised(watch, np.roll(copies, SIZE // 2, axis=2) if swapped else copies)
    assert warnings == ["copies:"]
    assert figures["nearest"] < 1e-2
    assert figures["spread"] > 0.8


def test_a_generator_that_copies_with_a_little_noise(watch, pieces):
    noise = 0.1 * np.concatenate(pieces).std(axis=0) * np.random.default_rng(0).standard_normal([8, 64, SIZE])
    assert raised(watch, excerpts(pieces) + noise)[0] == ["copies:"]


@pytest.mark.parametrize("one", [np.zeros([64, SIZE]), piece(64, 100)], ids=["constant", "one piece"])
def test_a_generator_that_makes_one_thing_only(watch, one):
    warnings, figures = raised(watch, np.repeat(one[None], 16, axis=0))
    assert "has" in warnings  # collapsed
    assert figures["spread"] == 0


def test_distances_are_those_of_numpy(watch, pieces, monkeypatch):
    monkeypatch.setattr(alarm, "_CHUNK", 50)  # so that pieces are read in parts
    queries = np.stack([piece(SPAN, seed) for seed in range(20, 25)])
    deviation = np.concatenate(pieces).std(axis=0)
    expected = [
        min(
            np.sqrt(np.mean(np.square((version - p[i : i + SPAN]) / deviation)))
            for version in (query, np.roll(query, SIZE // 2, axis=1))
            for p in pieces
            for i in range(len(p) - SPAN + 1)
        )
        for query in queries
    ]
    np.testing.assert_allclose(watch._nearest(queries), expected, rtol=1e-4)


def test_pieces_that_are_there_twice_are_no_yardstick(pieces):
    twice = Alarm([*pieces, *pieces], np.concatenate(pieces).std(axis=0), tiny.halves(SIZE))
    assert raised(twice, [piece(64, seed) for seed in range(100, 116)])[0] == []


@pytest.mark.long
def test_a_piece_that_is_much_longer_than_the_others_is_a_yardstick_too(pieces, monkeypatch):
    monkeypatch.setattr(alarm, "_SPANS", 4)  # all of the long one
    long = np.concatenate([piece(2000, seed) for seed in range(50)])
    both = Alarm([piece(SPAN, 7), long], long.std(axis=0), tiny.halves(SIZE))
    assert np.isfinite(both.figures(np.stack([piece(64, seed) for seed in (100, 101)]))["spread"])


def test_one_piece_is_compared_with_itself(pieces):
    long = np.concatenate(pieces)
    alone = Alarm([long], long.std(axis=0), tiny.halves(SIZE))
    assert raised(alone, [piece(64, seed) for seed in range(100, 116)])[0] == []
    assert raised(alone, excerpts(pieces))[0] == ["copies:"]
