"""The refiner: what a denoiser takes off in steps, and how it learns to."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.config import RefinerConfig, RefinerTraining
from musika_tf.errors import UserError
from musika_tf.gan.denoiser import Attention, Denoiser
from musika_tf.gan.refiner import Refiner
from musika_tf.gan.refiner_trainer import RefinerTrainer
from musika_tf.training import loop

SIZE, WINDOW, SIGNALS = 6, 8, 2
CONFIG = RefinerConfig(width=8, head_size=2, start=0.5, n_steps=3, guide_width=4, guidance=2.5)


def made(seed=None, **changes):
    """A Refiner; its networks say nothing at all yet, or with a seed anything."""
    refiner = Refiner.create(dataclasses.replace(CONFIG, **changes), WINDOW, SIZE, SIGNALS)
    if seed is not None:
        for i, network in enumerate(refiner.networks.values()):
            tiny.scramble(network, seed + i)
    refiner.fit(tiny.normal(SIZE, seed=1), 2 + tiny.normal(SIZE, seed=2) / 10)
    return refiner


def span(batch=2):
    """Latents of a window with its margins, noise, and signals."""
    n = WINDOW + 2 * (WINDOW // 4)
    return [tiny.normal(batch, n, size, seed=seed) for size, seed in ((SIZE, 3), (SIZE, 4), (SIGNALS, 5))]


@pytest.mark.parametrize("deviation", [0.01, 0.7, 5.0])
def test_an_untrained_denoiser_knows_the_variance_alone(deviation):
    """Of unit variance and such noise the best linear estimate is x / (1 + deviation^2)."""
    network = Denoiser(8, SIZE)
    noisy, _, signals = span()
    clean = network(noisy, tf.fill([2, 1, 1], deviation), signals)
    np.testing.assert_allclose(clean, noisy / (1 + deviation**2), rtol=1e-5)


def test_attention_beside_its_formula():
    """Heads of six numbers, of which pairs are turned as complex numbers are."""
    layer, x = Attention(12, 6), tiny.normal(2, 5, 12)
    layer(x)
    tiny.scramble(layer, 3)
    gain, offset, asked, out, bias = (w.numpy() for w in layer.weights)
    normal = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gain + offset
    expected = np.zeros_like(x)
    turn = np.exp(2j * np.pi * np.arange(5)[:, None] / np.geomspace(2.5, 400, 3))
    for head in range(2):
        query, key, value = np.split((normal @ asked[0])[..., 18 * head : 18 * (head + 1)], 3, axis=-1)
        query, key = ((part[..., :3] + 1j * part[..., 3:]) * turn for part in (query, key))
        likeness = np.exp((query @ np.conj(key).transpose(0, 2, 1)).real / 6**0.5)
        expected[..., 6 * head : 6 * (head + 1)] = likeness / likeness.sum(-1, keepdims=True) @ value
    np.testing.assert_allclose(layer(x), x + (expected @ out[0] + bias) / 2**0.5, atol=1e-4)


def test_with_attention_it_hears_the_whole_span():
    noisy, signals, deviation = tiny.normal(1, 256, SIZE), tiny.normal(1, 256, SIGNALS), tf.ones([1, 1, 1])
    other = noisy.copy()
    other[0, 0] += 1.0
    for head_size, hears in ((0, False), (2, True)):
        network = Denoiser(8, SIZE, head_size)
        network(noisy, deviation, signals)
        tiny.scramble(network, 5)
        change = np.abs(network(noisy, deviation, signals) - network(other, deviation, signals))[0].max(axis=-1)
        assert change[:8].min() > 1e-5 and (change[-8:].min() > 1e-7) == hears


def test_attention_begins_as_what_has_none():
    (noisy, _, signals), deviation = span(), tf.fill([2, 1, 1], 0.5)
    plain, attentive, others = Denoiser(8, SIZE), Denoiser(8, SIZE, 2), Denoiser(8, SIZE, 2)
    for network in (plain, attentive, others):
        network(noisy, deviation, signals)
    tiny.scramble(plain, 5)
    attentive.begin_as(plain)
    expected = plain(noisy, deviation, signals)
    np.testing.assert_allclose(attentive(noisy, deviation, signals), expected, atol=1e-6)
    tiny.scramble(others, 6)
    attentive.begin_as(others)
    np.testing.assert_array_equal(attentive(noisy, deviation, signals), others(noisy, deviation, signals))


@pytest.mark.parametrize("head_size", [3, 6])
def test_heads_share_out_the_width(head_size):
    with pytest.raises(UserError, match=f"head_size={head_size}: give"):
        RefinerConfig(width=8, head_size=head_size)


def test_the_noise_falls_to_nothing():
    """By steps that are even in the seventh root."""
    deviations = made(start=2.0, n_steps=3).deviations()
    middle = ((2.0 ** (1 / 7) + 0.05 ** (1 / 7)) / 2) ** 7
    np.testing.assert_allclose(deviations, [2.0, middle, 0.05, 0], rtol=1e-5)
    np.testing.assert_allclose(made(n_steps=1).deviations(), [0.5, 0])


def test_steps_of_euler():
    """Beside the formula written out for a denoiser that divides by 1 + deviation^2."""
    refiner, (latents, noise, signals) = made(), span()
    refined = refiner.refine(latents, noise, signals).numpy()
    d = refiner.deviations()
    left = np.prod([1 / (1 + a * a) + b / a * (1 - 1 / (1 + a * a)) for a, b in zip(d[:-1], d[1:], strict=True)])
    mean, deviation = refiner.mean.numpy(), refiner.deviation.numpy()
    noisy = (latents[:, 2:-2] - mean) / deviation + 0.5 * noise[:, 2:-2]
    assert refined.shape == (2, WINDOW, SIZE)
    np.testing.assert_allclose(refined, noisy * left * deviation + mean, rtol=1e-4, atol=1e-5)


def test_what_is_held_is_the_generators_and_the_noise_until_its_release():
    """An untrained denoiser takes the same share off everywhere, so what is held apart goes its own way."""
    latents, noise, signals = span()
    axes = np.linalg.qr(tiny.normal(SIZE, 2, seed=6))[0]
    for release, n_held in ((0.0, 3), (0.05, 2), (1.0, 0)):
        refiner = made(held=2, release=release)
        assert refiner.variables[2] is refiner.axes
        refiner.hold(axes)
        refined, d = refiner.refine(latents, noise, signals).numpy(), refiner.deviations().astype(np.float64)
        mean, deviation = refiner.mean.numpy(), refiner.deviation.numpy()
        sketch, noise_there = (latents[:, 2:-2] - mean) / deviation, noise[:, 2:-2]
        x = sketch + d[0] * noise_there
        for i, (now, then) in enumerate(zip(d[:-1], d[1:], strict=True)):
            clean = x / (1 + now**2)
            x = clean + then / now * (x - clean)
            if i < n_held:
                x = x - x @ axes @ axes.T + (sketch + then * noise_there) @ axes @ axes.T
        np.testing.assert_allclose(refined, x * deviation + mean, rtol=1e-4, atol=1e-5)


def test_it_goes_on_from_its_guide():
    """Beyond what the denoiser expects, from what the guide does, which isn't told the signals."""
    (noisy, _, signals), deviation = span(), tf.fill([2, 1, 1], 0.5)
    refiner = made(seed=5)
    told, guide = refiner.network(noisy, deviation, signals), refiner.guide(noisy, deviation, signals[..., :0])
    assert np.abs(told - guide).max() > 1e-2
    for guidance, expected in ((0.0, guide), (1.0, told), (2.5, guide + 2.5 * (told - guide))):
        found = made(seed=5, guidance=guidance).expected(noisy, deviation, signals)
        np.testing.assert_allclose(found, expected, atol=1e-5)
    alone = made(seed=5, guide_width=0)
    assert alone.guide is None and list(alone.networks) == ["refiner"]
    np.testing.assert_allclose(alone.expected(noisy, deviation, signals), told, atol=1e-5)


def test_it_sees_neighbours_and_signals_and_each_row_alone():
    refiner, inputs = made(seed=5), span()
    refined = refiner.refine(*inputs).numpy()
    for i in range(3):
        changed = [x.copy() for x in inputs]
        changed[i][0, 0] += 1.0  # in the margin
        other = refiner.refine(*changed).numpy()
        assert np.abs(other[0] - refined[0]).max() > 1e-4
        np.testing.assert_allclose(other[1], refined[1], atol=1e-6)


eagerly = pytest.mark.usefixtures("eagerly")
TRAINING = RefinerTraining(
    batch_size=4, steps=3, guide_steps=2, learning_rate=3e-3, ema_decay=0.9, noise_mean=-0.5, noise_spread=0.3
)


def trainer(of_guide=False, **changes):
    refiner, learning = made(seed=5), made(seed=5)
    refiner.fit(np.zeros(SIZE, np.float32), np.ones(SIZE, np.float32))
    emphasis = np.float32([2, 1, 1, 1, 1, 1])
    emphasis /= np.sqrt(np.mean(emphasis**2))
    return RefinerTrainer(refiner, learning, dataclasses.replace(TRAINING, **changes), emphasis, of_guide=of_guide)


@functools.cache
def music(n=4):
    """Latents that are one number in all channels: noise can be told from it. And signals, of no use."""
    one = tiny.normal(n, 12, 1, seed=7)
    return tf.constant(np.repeat(one, SIZE, axis=-1)), tf.constant(tiny.normal(n, 12, SIGNALS, seed=8))


@eagerly
def test_a_network_that_adds_nothing_has_a_loss_of_one():
    """For latents of unit variance, whatever the noise."""
    step = trainer()
    step.network.set_weights([0 * w for w in step.network.get_weights()])
    latents = tiny.normal(64, 12, SIZE, seed=9)
    latents = (latents - latents.mean()) / latents.std()
    loss = float(step.step((tf.constant(latents), tf.zeros([64, 12, SIGNALS])))["loss"])
    assert loss == pytest.approx(1.0, rel=0.05)


@eagerly
def test_one_step_moves_the_network_and_its_average():
    step = trainer()
    before = {name: tiny.weights(network) for name, network in step.networks.items()}
    first = float(step.step(music())["loss"])
    after = {name: tiny.weights(network) for name, network in step.networks.items()}
    assert all(not np.array_equal(a, b) for a, b in zip(before["denoiser"], after["denoiser"], strict=True))
    for old, new, average in zip(before["averaged"], after["denoiser"], after["averaged"], strict=True):
        np.testing.assert_allclose(average, old * 2 / 11 + new * 9 / 11, atol=1e-6)
    assert float(trainer().step(music())["loss"]) == first  # repeatable
    assert float(trainer(seed=1).step(music())["loss"]) != first


@eagerly
def test_the_guide_learns_alone_and_without_signals():
    step = trainer(of_guide=True)
    assert step.n_steps == 2 and step.networks["averaged"] is step.refiner.guide
    before, others = tiny.weights(step.refiner.guide), tiny.weights(step.refiner.network)
    latents, signals = music()
    loss = float(step.step((latents, signals))["loss"])
    assert all(not np.array_equal(a, b) for a, b in zip(before, tiny.weights(step.refiner.guide), strict=True))
    for a, b in zip(others, tiny.weights(step.refiner.network), strict=True):
        np.testing.assert_array_equal(a, b)
    assert float(trainer(of_guide=True).step((latents, signals + 1))["loss"]) == loss


@pytest.mark.long
@pytest.mark.parametrize("of_guide", [False, True])
def test_it_learns_what_music_is(of_guide):
    step = trainer(of_guide, steps=1500, guide_steps=1500, learning_rate=1e-2)
    losses = [float(step.step(music(4))["loss"]) for _ in range(1500)]
    assert np.mean(losses[-20:]) < 0.5 * np.mean(losses[:5])
    clean, signals = music(4)
    noise = 0.5 * tiny.normal(*clean.shape, seed=11)
    signals = signals[..., :0] if of_guide else signals
    left = step.networks["averaged"](clean + noise, tf.fill([4, 1, 1], 0.5), signals) - clean
    assert np.std(left) < 0.6 * np.std(noise)  # at best 6 ** -0.5


@eagerly
def test_a_resumed_training_is_an_unbroken_one(tmp_path):
    batches = [music()] * 4

    def run(n_steps, folder, **changes):
        step = trainer(steps=4, **changes)
        if n_steps < 4:
            step.n_steps = n_steps
        loop.train(step, lambda first: iter(batches[first:]), folder, save_every=2)
        return step

    run(2, tmp_path / "broken")
    resumed, whole = run(4, tmp_path / "broken"), run(4, tmp_path / "whole")
    for name, network in whole.networks.items():
        for a, b in zip(tiny.weights(network), tiny.weights(resumed.networks[name]), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(resumed.refiner.deviation, whole.refiner.deviation)
