"""Any range of an endless piece equals the same range of a longer rendering."""

import functools

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.gan import coordinates
from musika_tf.model.codec import Codec
from musika_tf.model.line import Line, steady
from musika_tf.randomness import Stream, normal_rows

PER_LATENT = tiny.AUTOENCODER.samples_per_latent
WINDOW = tiny.GAN.window  # 64 latents
EDGE = tiny.AUTOENCODER.samples_per_latent  # where neighbours overlap and share their stereo


@pytest.fixture(scope="module")
def render():
    """`Line.render`, compiled, as the bundle has it."""
    function = tiny.bundle().generate

    def render(first, n, seed=3, style_seed=4, truncation=2.0, conditioning=None):
        given = np.zeros([0, 0], np.float32) if conditioning is None else conditioning
        return function(seed, style_seed, first, n, truncation, given).numpy()

    return render


def signals(bpms):
    """Tempo channels of these values, float32 `[n, 11]`; the clock stands still."""
    return np.concatenate([np.reshape(bpms, [-1, 1]), np.zeros([np.size(bpms), 10])], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def whole(render):
    """Latents -100 .. 170: five windows of the generator."""
    return render(-100, 270)


@pytest.mark.parametrize(
    ("first", "n"),
    [(-100, 1), (-65, 3), (-64, 64), (-1, 2), (0, 1), (0, 64), (3, 130), (62, 5), (63, 1), (64, 1), (169, 1)],
)
def test_any_range_equals_the_same_range_of_a_longer_one(render, whole, first, n):
    assert np.abs(whole).max() < 0.8 and whole.std() > 0.01  # sound, and the limiter rests
    part = render(first, n)
    assert part.shape == (n * PER_LATENT, 2)
    begin = (first + 100) * PER_LATENT
    np.testing.assert_allclose(part, whole[begin : begin + n * PER_LATENT], atol=1e-5)


def test_far_ranges_are_like_near_ones(render):
    first = 3 * 2**34
    part = render(first, 70)
    np.testing.assert_allclose(render(first + 30, 40), part[30 * PER_LATENT :], atol=1e-5)


def test_is_what_its_parts_make(render):
    # Coordinates -> generator -> both decoders, windows 0 and 1, without Line.
    gan, conditioner, path = tiny.gan(n_conditioning=11), tiny.conditioner(), Codec(tiny.autoencoder())
    lines = coordinates.coordinates(gan.config, 3, 4, 0, 2, 2.0)
    drawn = conditioner.scale(conditioner.draw(4, tf.range(2 * WINDOW, dtype=tf.int64)))
    channels = tf.concat([lines, tf.reshape(drawn, [2, WINDOW, 11])], axis=-1)
    noise = normal_rows(3, Stream.GENERATOR_NOISE, 0, 2, gan.noise_size)
    latents = tf.reshape(gan.generate(channels, noise), [2 * WINDOW, -1])
    decoded = path.decode(latents, 3, 1.0).numpy()
    inner = slice(2 * EDGE, -2 * EDGE)  # decode begins and ends there, the line does not
    np.testing.assert_allclose(render(0, 2 * WINDOW)[inner], decoded[inner], atol=1e-5)


@pytest.fixture(scope="module")
def refined_latents():
    """`Line.latents_between` of a model with a refiner: function of (first, end, length of the loop) to latents."""
    line = Line(Codec(tiny.autoencoder()), tiny.refining(n_conditioning=11), tiny.conditioner())

    @tf.function
    def between(first, end, loop):
        course = steady(3, 4, 2.0, tf.zeros([0, 0]), 0)._replace(loop_latents=loop)
        return line.latents_between(course, first, end)

    def latents(first, end, loop=0.0):
        return between(tf.constant(first, tf.int64), tf.constant(end, tf.int64), tf.constant(loop, tf.float64)).numpy()

    latents.line = line
    return latents


same = functools.partial(np.testing.assert_allclose, rtol=2e-6, atol=1e-5)  # latents of up to 30, rounded


def test_any_range_equals_that_of_a_longer_one_where_windows_depend_on_neighbours(refined_latents):
    whole = refined_latents(-100, 170)
    assert whole.shape == (270, tiny.AUTOENCODER.latent_channels)
    for first, end in ((-100, -99), (-65, -62), (-64, 0), (-1, 1), (0, 64), (3, 133), (169, 170)):
        same(refined_latents(first, end), whole[first + 100 : end + 100])
    far = 3 * 2**34
    same(refined_latents(far + 30, far + 70), refined_latents(far, far + 70)[30:])


def test_a_refined_window_is_made_of_three(refined_latents):
    """Generator and refiner by hand, without Line."""
    gan, conditioner = refined_latents.line.gan, tiny.conditioner()
    lines = coordinates.coordinates(gan.config, 3, 4, -1, 3, 2.0)
    drawn = conditioner.scale(conditioner.draw(4, tf.range(-WINDOW, 2 * WINDOW, dtype=tf.int64)))
    channels = tf.concat([lines, tf.reshape(drawn, [3, WINDOW, 11])], axis=-1)
    noise = normal_rows(3, Stream.GENERATOR_NOISE, -1, 3, gan.noise_size)
    generated = tf.reshape(gan.generate(channels, noise), [3 * WINDOW, -1])
    blur = tf.reshape(normal_rows(3, Stream.REFINER_NOISE, -1, 3, WINDOW * 12), [3 * WINDOW, 12])
    seen = slice(WINDOW - 16, 2 * WINDOW + 16)
    expected = gan.refiner.refine(*(x[None, seen] for x in (generated, blur, drawn)))[0]
    found = refined_latents(0, WINDOW)
    same(found, expected)
    assert np.abs(found - generated[WINDOW : 2 * WINDOW]).max() > 0.1


def test_a_refined_loop_of_whole_anchors_repeats(refined_latents):
    period = 3 * WINDOW
    one = refined_latents(0, period + 30, float(period))
    np.testing.assert_allclose(one[period:], one[:30], atol=1e-5)


def test_seed_style_and_truncation_matter(render):
    base = render(0, 4)
    np.testing.assert_array_equal(render(0, 4), base)
    for other in ({"seed": 5}, {"style_seed": 5}, {"truncation": 0.5}):
        assert np.abs(render(0, 4, **other) - base).max() > 1e-3, other


def test_given_signals_steer_in_their_units(render):
    # What the style would draw, given by hand, changes nothing.
    drawn = tiny.conditioner().draw(4, tf.range(0, WINDOW, dtype=tf.int64)).numpy()
    inner = slice(EDGE, -EDGE)  # the neighbours' signals are not known
    np.testing.assert_allclose(render(0, WINDOW, conditioning=drawn)[inner], render(0, WINDOW)[inner], atol=1e-5)
    faster = drawn + signals(np.full(WINDOW, 30.0))
    assert np.abs(render(0, WINDOW, conditioning=faster) - render(0, WINDOW))[inner].max() > 1e-3


def test_steered_windows_equal_those_of_a_longer_curve(render):
    curve = signals(np.linspace(110, 150, 3 * WINDOW))
    steered = render(-WINDOW, 3 * WINDOW, conditioning=curve)
    middle = render(0, WINDOW, conditioning=curve[WINDOW : 2 * WINDOW])
    expected = steered[WINDOW * PER_LATENT : 2 * WINDOW * PER_LATENT]
    inner = slice(EDGE, -EDGE)
    np.testing.assert_allclose(middle[inner], expected[inner], atol=1e-5)


def rendered(first, n, loop=0.0, weights=((1.0,),), styles=(4,), conditioning=None, curve_start=0):
    given = np.zeros([0, 0], np.float32) if conditioning is None else conditioning
    curves = {"style_weights": np.float32(weights), "conditioning": given, "curve_start": curve_start}
    asked = {"seed": 3, "style_seeds": styles, "loop_latents": loop, "truncation": 2.0, **curves}
    return tiny.bundle().render(first_latent=first, n_latents=n, **asked).numpy()


def test_generate_is_render_of_one_style(whole):
    np.testing.assert_array_equal(rendered(-100, 270), whole)
    twice = rendered(-100, 270, weights=[[2.0, 0.0]], styles=[4, 9])
    np.testing.assert_allclose(twice, whole, atol=1e-5)


def test_curves_begin_where_they_are_said_to_and_go_on_at_their_ends():
    curve = signals(np.linspace(110, 150, 3 * WINDOW))
    weights = np.random.default_rng(0).uniform(size=[3 * WINDOW, 2])
    long = rendered(0, 3 * WINDOW, weights=weights, styles=[4, 5], conditioning=curve)
    part = rendered(70, 40, weights=weights[WINDOW:], styles=[4, 5], conditioning=curve[WINDOW:], curve_start=WINDOW)
    np.testing.assert_allclose(part, long[70 * PER_LATENT : 110 * PER_LATENT], atol=1e-5)
    after = rendered(5 * WINDOW, 20, weights=weights, styles=[4, 5], conditioning=curve)
    last = rendered(5 * WINDOW, 20, weights=weights[-1:], styles=[4, 5], conditioning=curve[-1:], curve_start=7)
    np.testing.assert_allclose(after, last, atol=1e-5)


def test_a_loop_of_whole_anchors_repeats_every_sample():
    period = 3 * WINDOW
    one = rendered(0, period + 30, loop=float(period))
    np.testing.assert_allclose(one[period * PER_LATENT :], one[: 30 * PER_LATENT], atol=1e-6)
    for first in (-period, 5 * period, 10**6 * period):
        np.testing.assert_allclose(rendered(first, 30, loop=float(period)), one[: 30 * PER_LATENT], atol=1e-6)


def test_a_loop_of_any_length_repeats_its_coordinates_but_not_its_noise(whole):
    one, next_round = rendered(0, 64, loop=100.5), rendered(201, 64, loop=100.5)
    assert np.abs(one - next_round).max() > 1e-3
    assert np.abs(one - whole[100 * PER_LATENT : 164 * PER_LATENT]).max() > 1e-3
