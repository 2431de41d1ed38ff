"""The infinite line: pure functions of position, by hand and by distribution."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from musika_tf.config import GanConfig
from musika_tf.gan import coordinates as line
from musika_tf.randomness import Stream, normal_rows, truncated_normal_rows

CONFIG = GanConfig(anchor_size=6)  # window 128, anchors every 384 latents


def coordinates(first_window, n_windows, seed=1, style_seed=2, truncation=2.0, config=CONFIG):
    return line.coordinates(config, seed, style_seed, first_window, n_windows, truncation).numpy()


def anchors(first, n, seed=1, truncation=2.0):
    return truncated_normal_rows(seed, Stream.ANCHORS, first, n, 6, truncation).numpy()


def test_shape_is_anchors_then_style():
    whole = coordinates(-2, 5)
    assert whole.shape == (5, 128, 12)
    style = truncated_normal_rows(2, Stream.STYLE, 0, 1, 6, 2.0).numpy()
    np.testing.assert_array_equal(whole[:, :, 6:], np.broadcast_to(style, [5, 128, 6]))


@pytest.mark.parametrize("window", [64, 128])
@pytest.mark.parametrize(("first", "n"), [(-7, 1), (-4, 3), (-1, 2), (0, 8), (3, 1), (6, 2)])
def test_any_range_equals_the_same_range_of_a_longer_one(window, first, n):
    config = GanConfig(window=window, anchor_size=6)
    whole = coordinates(-7, 15, config=config)
    np.testing.assert_array_equal(coordinates(first, n, config=config), whole[first + 7 : first + 7 + n])


def test_far_away_it_is_as_exact_as_here():
    far = 3 * 2**31
    whole = coordinates(far, 4)
    np.testing.assert_array_equal(coordinates(far + 3, 1), whole[3:])
    a = anchors(2**31, 2)
    np.testing.assert_allclose(whole[0, 64, :6], a[0] + (a[1] - a[0]) * 0.5 / 384, atol=1e-6)


@pytest.mark.parametrize("window", [-4, -3, 0, 2, 3])
@pytest.mark.parametrize("step", [0, 63, 64, 127])
def test_interpolation_by_hand(window, step):
    # Anchor i lies at the centre of window 3 i, between its steps 63 and 64; a latent's own centre is half a step on.
    position = (128 * window + step + 0.5 - 64) / 384
    i = int(np.floor(position))
    left, right = anchors(i, 2)
    expected = left + (right - left) * (position - i)
    np.testing.assert_allclose(coordinates(window, 1)[0, step, :6], expected, atol=1e-6)


@pytest.mark.parametrize("i", [-1, 0, 5])
def test_anchor_lies_at_the_centre_of_every_third_window(i):
    window = coordinates(3 * i, 1)[0, :, :6]
    before, anchor, after = anchors(i - 1, 3)
    np.testing.assert_allclose((window[63] - before) / (anchor - before), 1 - 0.5 / 384, atol=1e-4)
    np.testing.assert_allclose((window[64] - after) / (anchor - after), 1 - 0.5 / 384, atol=1e-4)


@pytest.mark.parametrize("bound", [0.1, 1.0, 2.0, 3.9])
def test_truncation_is_respected(bound):
    whole = coordinates(0, 300, truncation=bound)
    assert np.abs(whole).max() <= bound
    # At the anchors the deviation is that of the truncated normal; between them less, by interpolation.
    at_anchors, half_way = whole[::3, 64, :6], whole[1::3, 127, :6]
    expected = scipy.stats.truncnorm(-bound, bound).std()
    assert at_anchors.std() == pytest.approx(expected, rel=0.1)
    assert half_way.std() == pytest.approx(expected / np.sqrt(2), rel=0.1)


def test_seeds_differ_and_repeat():
    np.testing.assert_array_equal(coordinates(0, 2), coordinates(0, 2))
    assert np.abs(coordinates(0, 2) - coordinates(0, 2, seed=3))[..., :6].max() > 0.1


def test_style_seed_changes_the_style_alone():
    one, other = coordinates(0, 2), coordinates(0, 2, style_seed=3)
    np.testing.assert_array_equal(one[..., :6], other[..., :6])
    assert (one[..., 6:] != other[..., 6:]).all()
    np.testing.assert_array_equal(coordinates(0, 2, seed=3)[..., 6:], one[..., 6:])


def test_runs_in_a_graph():
    spec = [tf.TensorSpec([], dtype) for dtype in (tf.int64, tf.int64, tf.int64, tf.int32, tf.float32)]
    function = tf.function(lambda *args: line.coordinates(CONFIG, *args), input_signature=spec, autograph=False)
    np.testing.assert_allclose(function(1, 2, -4, 9, 2.0), coordinates(-4, 9), atol=1e-6)


# Styles


def styles(weights, seeds=(2, 5)):
    return line.style_line(CONFIG, tf.constant(seeds, tf.int64), tf.constant(weights, tf.float32), 2.0).numpy()


def test_one_style_of_any_weight_is_itself():
    two, five = (truncated_normal_rows(seed, Stream.STYLE, 0, 1, 6, 2.0).numpy()[0] for seed in (2, 5))
    np.testing.assert_array_equal(styles([[1, 0], [0, 1]]), [two, five])
    np.testing.assert_allclose(styles([[7, 0], [0, 0.1]]), [two, five], atol=1e-6)
    np.testing.assert_allclose(styles([[3, 4]]), [0.6 * two + 0.8 * five], atol=1e-6)
    np.testing.assert_array_equal(styles([[0, 0]]), np.zeros([1, 6]))


def test_a_blend_has_the_deviation_of_one_style():
    wide = GanConfig(anchor_size=4000)
    seeds = tf.constant([1, 2, 3], tf.int64)
    blends = line.style_line(wide, seeds, tf.constant([[1.0, 0, 0], [1, 1, 0], [1, 2, 3]]), 2.0).numpy()
    np.testing.assert_allclose(blends.std(axis=1), scipy.stats.truncnorm(-2, 2).std(), rtol=0.05)


# Loops


def loop_line(positions, latents, config=CONFIG):
    grid = line.LoopGrid(config, tf.constant(latents, tf.float64))
    return line.anchor_line(config, 1, tf.constant(positions, tf.int64), 2.0, grid).numpy()


@pytest.mark.parametrize("latents", [11.0, 100.3, 384.0, 500.0, 768.0, 896.0, 4000.0])
def test_a_loop_repeats(latents):
    positions = np.arange(-700, 900)
    here = loop_line(positions, latents)
    for rounds in (1, 1000):
        # A loop of 100.3 latents is at the same place again after 1003 of them.
        shift = round(latents * 10) * rounds
        np.testing.assert_allclose(loop_line(positions + shift, latents), here, atol=1e-5)


@pytest.mark.parametrize(("latents", "k"), [(150, 1), (500, 1), (600, 2), (768, 2), (896, 2), (3000, 8)])
def test_a_loop_spaces_its_anchors_evenly(latents, k):
    positions = np.arange(2 * latents)
    table = anchors(0, k)
    along = (positions + 0.5 - 64) / latents * k
    i = np.floor(along).astype(int)
    expected = table[i % k] + (table[(i + 1) % k] - table[i % k]) * (along - i)[:, None]
    np.testing.assert_allclose(loop_line(positions, latents), expected, atol=1e-5)


def test_a_loop_without_length_is_the_endless_line():
    positions = np.arange(-300, 500)
    endless = line.anchor_line(CONFIG, 1, tf.constant(positions, tf.int64), 2.0).numpy()
    np.testing.assert_allclose(loop_line(positions, 0.0), endless, atol=1e-6)
    # Between its first and last anchor, so is a loop of the usual spacing.
    inside = (positions >= 64) & (positions < 64 + 384)
    np.testing.assert_allclose(loop_line(positions, 2 * 384.0)[inside], endless[inside], atol=1e-6)


@pytest.mark.parametrize(
    ("latents", "exact"), [(384.0, True), (1152.0, True), (383.0, False), (384.25, False), (0, False)]
)
def test_only_a_loop_of_whole_anchors_wraps_its_windows(latents, exact):
    grid = line.LoopGrid(CONFIG, tf.constant(latents, tf.float64))
    positions = tf.constant([-1, 0, 383, 384, 1152, 10 * 1152 + 5], tf.int64)
    assert bool(grid.exact) == exact
    expected = np.mod(positions, latents) if exact else positions
    np.testing.assert_array_equal(grid.wrap(positions), expected)


# Training


def training_coordinates(batch_size, *seed, config=CONFIG):
    return line.training_coordinates(config, batch_size, tf.constant(seed, tf.int64)).numpy()


def test_interpolate_by_hand():
    between = line.interpolate(tf.constant([[[0.0], [8.0], [0.0]]]), 4)
    np.testing.assert_array_equal(between[0, :, 0], [1, 3, 5, 7, 7, 5, 3, 1])


def test_training_coordinates_are_pieces_of_a_line():
    drawn = training_coordinates(300, 1, 0)
    assert drawn.shape == (300, 256, 12)
    style = drawn[..., 6:]
    np.testing.assert_array_equal(style, np.broadcast_to(style[:, :1], style.shape))
    bends = np.abs(np.diff(drawn[..., :6], 2, axis=1)).max(axis=2)  # 0 where the line is straight
    straight = bends < 1e-4
    # Crops at 64, 192 and 320 of anchors at 0, 384 and 768: an anchor after step 192, or after 64, or none.
    near = {False: 0, 192: 0, 64: 0}
    for row in ~straight:
        where = np.flatnonzero(row)
        assert set(where) <= {190, 191} or set(where) <= {62, 63}
        near[False if not len(where) else 192 if where[0] > 100 else 64] += 1
    for count in near.values():
        assert 100 - 41 < count < 100 + 41  # five standard deviations


def test_training_coordinates_are_the_line_that_generation_walks():
    # The three crops are windows (1, 2), (2, 3) and (3, 4) of the line, with anchors from an unbounded normal.
    seeds = tf.random.experimental.stateless_split(tf.constant([1, 7], tf.int64), 3)
    a = tf.random.stateless_normal([50, 3, 6], seeds[0]).numpy()
    drawn = training_coordinates(50, 1, 7)
    for item, three in zip(drawn, a, strict=True):
        positions = np.stack([(128 * w + np.arange(256) + 0.5 - 64) / 384 for w in (1, 2, 3)])
        candidates = np.stack(
            [[np.interp(row, [0, 1, 2], three[:, channel]) for channel in range(6)] for row in positions]
        )  # [3, 6, 256]
        assert np.abs(candidates.transpose(0, 2, 1) - item[:, :6]).max(axis=(1, 2)).min() < 1e-5


def test_training_coordinates_have_the_deviation_of_interpolated_normals():
    drawn = training_coordinates(2000, 5, 1)
    assert drawn[..., 6:].std() == pytest.approx(1, abs=0.04)
    # Along a third of the way between two anchors: var = (1 - s)^2 + s^2.
    expected = np.sqrt((1 - 1 / 3) ** 2 + (1 / 3) ** 2)
    assert drawn[:, 64, :6].std() == pytest.approx(np.sqrt((2 * expected**2 + 1) / 3), abs=0.03)
    assert abs(drawn.mean()) < 0.04


def test_training_coordinates_repeat_with_their_seed_and_differ_without():
    np.testing.assert_array_equal(training_coordinates(2, 1, 2), training_coordinates(2, 1, 2))
    assert np.abs(training_coordinates(2, 1, 2) - training_coordinates(2, 1, 3)).min() > 0


def test_anchors_of_the_line_are_not_those_of_the_noise():
    assert not np.array_equal(anchors(0, 1)[0], normal_rows(1, Stream.GENERATOR_NOISE, 0, 1, 6).numpy()[0])
