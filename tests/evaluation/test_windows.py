import numpy as np
import pytest

from musika_tf.evaluation import windows


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_position_share_of_noise_is_zero_on_average():
    shares = [windows.position_share(noise(3, 16 * 4, 8, seed=s), window=16) for s in range(40)]
    # Uncorrected it would be 1/12; standard error about 0.002.
    assert abs(np.mean(shares)) < 0.008
    per_piece = [windows.position_share(noise(3, 16 * 4, 8, seed=s), 16, per_piece=True) for s in range(40)]
    assert abs(np.mean(per_piece)) < 0.015


def test_position_share_of_a_repeated_template_is_one():
    template = np.tile(noise(16, 8), (5, 1))
    pieces = np.stack([template, template + 3.0])  # a piece's own mean is no variance over time
    assert windows.position_share(pieces, 16) == pytest.approx(1)
    assert windows.position_share(pieces, 16, per_piece=True) == pytest.approx(1)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_position_share_of_a_known_mixture(share):
    template = noise(128, 128)
    template = (template - template.mean(0)) / template.std(0)
    pieces = np.sqrt(share) * np.tile(template, (4, 6, 1)) + np.sqrt(1 - share) * noise(4, 6 * 128, 128, seed=1)
    assert windows.position_share(pieces) == pytest.approx(share, abs=0.005)


def test_position_share_is_not_fooled_by_slow_latents():
    drift = np.cumsum(noise(200, 16 * 6, 4), axis=1)  # neighbours depend on each other, windows drift
    assert abs(windows.position_share(drift, 16)) < 0.01


def test_position_share_per_piece_sees_templates_that_pieces_do_not_share():
    own = np.tile(noise(200, 16, 4), (1, 6, 1))
    assert windows.position_share(own, 16, per_piece=True) == pytest.approx(1)
    assert windows.position_share(own, 16) < 0.02


def test_position_share_takes_pieces_of_any_lengths_and_drops_the_rest():
    template = noise(16, 2)
    pieces = [np.tile(template, (3, 1)), np.concatenate([np.tile(template, (2, 1)), 9 * noise(7, 2)]), noise(9, 2)]
    assert windows.position_share(pieces, 16) == pytest.approx(1)


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        ([], "two windows"),
        (np.zeros((1, 31, 2)), "two windows"),
        (np.ones((2, 64, 2)), "do not vary"),
        (np.full((2, 64, 2), np.nan), "not finite"),
    ],
)
def test_position_share_rejects(latents, message):
    with pytest.raises(ValueError, match=message):
        windows.position_share(latents, 16)


def test_neighbours_of_noise_and_of_slow_music_are_as_far_apart_as_other_spans():
    assert windows.neighbour_distance(noise(8, 640, 16), 128) == pytest.approx(1, abs=0.02)
    drift = np.cumsum(noise(200, 640, 8), axis=1)  # whose distance grows with the lag: of those around, as one window's
    assert windows.neighbour_distance(drift, 128) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_neighbours_that_share_a_template_are_as_far_apart_as_the_rest_of_their_variance(share):
    template = np.tile(noise(4, 128, 64), (1, 5, 1))  # each piece's own
    latents = np.sqrt(share) * template + np.sqrt(1 - share) * noise(4, 640, 64, seed=1)
    assert windows.neighbour_distance(latents, 128) == pytest.approx(1 - share, abs=0.02)


def test_neighbours_that_repeat_for_a_while_are_near_where_no_template_lasts():
    changing = np.repeat(noise(2, 10, 128, 8), 2, axis=1).reshape(2, 20 * 128, 8)  # AABBCC...
    assert windows.neighbour_distance(changing, 128) == pytest.approx(0.5, abs=0.06)
    assert windows.position_share(changing, 128, per_piece=True) < 0.1


def test_neighbours_are_those_of_pieces_that_are_long_enough():
    long = noise(640, 4)
    assert windows.neighbour_distance([long, noise(160, 4)]) == windows.neighbour_distance([long])


@pytest.mark.parametrize(
    ("latents", "message"),
    [
        ([], "more than 160 latents"),
        (np.zeros((2, 160, 2)), "more than 160 latents"),
        (np.ones((2, 300, 2)), "do not vary"),
        (np.full((2, 300, 2), np.nan), "not finite"),
    ],
)
def test_neighbour_distance_rejects(latents, message):
    with pytest.raises(ValueError, match=message):
        windows.neighbour_distance(latents)
