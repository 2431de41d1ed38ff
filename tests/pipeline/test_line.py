"""Any range of an endless piece equals the same range of a longer rendering."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.gan import coordinates
from musika_tf.pipeline.line import limit
from musika_tf.pipeline.signal_path import SignalPath
from musika_tf.randomness import Stream, normal_rows

PER_LATENT = tiny.AUTOENCODER.samples_per_latent
WINDOW = tiny.GAN.window  # 64 latents
EDGE = tiny.AUTOENCODER.edge_samples


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
    gan, conditioner, path = tiny.gan(n_conditioning=11), tiny.conditioner(), SignalPath(tiny.autoencoder())
    lines = coordinates.coordinates(gan.config, 3, 4, 0, 2, 2.0)
    drawn = conditioner.scale(conditioner.draw(4, tf.range(2 * WINDOW, dtype=tf.int64)))
    channels = tf.concat([lines, tf.reshape(drawn, [2, WINDOW, 11])], axis=-1)
    noise = normal_rows(3, Stream.GENERATOR_NOISE, 0, 2, gan.noise_size)
    latents = tf.reshape(gan.generate(channels, noise), [2 * WINDOW, -1])
    decoded = path.decode(latents, 3, 1.0).numpy()
    inner = slice(2 * EDGE, -2 * EDGE)  # decode begins and ends there, the line does not
    np.testing.assert_allclose(render(0, 2 * WINDOW)[inner], decoded[inner], atol=1e-5)


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


def test_limiter():
    x = np.linspace(-30, 30, 60_001, dtype=np.float32)
    y = limit(x).numpy()
    quiet = np.abs(x) <= 0.8
    np.testing.assert_array_equal(y[quiet], x[quiet])
    assert (np.diff(y) >= -1e-7).all()
    assert (np.diff(y)[np.abs(x[1:]) < 1.2] > 0).all()
    assert np.abs(y).max() < 1
    np.testing.assert_array_equal(y, -y[::-1])
    # No corner at 0.8: the slope stays 1.
    assert float(limit(0.81) - limit(0.8)) == pytest.approx(0.01, rel=0.01)
