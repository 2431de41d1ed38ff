"""--xla: two steps of every training against the plain ones."""

import dataclasses
import logging

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.trainer import AutoencoderTrainer
from musika_tf.config import AutoencoderTraining, GanTraining
from musika_tf.gan.trainer import GanTrainer
from musika_tf.training.devices import Devices

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def same_noise(monkeypatch):
    """XLA draws other numbers from the same seeds; these, functions of the seed too, it computes alike."""

    def number(seed):
        return tf.cast(tf.reduce_sum(tf.cast(seed, tf.int64)) % 97, tf.float32)

    drawn_normal, drawn_uniform = tf.random.stateless_normal, tf.random.stateless_uniform

    def normal(shape, seed, **given):
        if given:  # Keras draws initial weights, and says more
            return drawn_normal(shape, seed, **given)
        return tf.reshape(1.4 * tf.sin(2.4 * tf.range(tf.reduce_prod(shape), dtype=tf.float32) + number(seed)), shape)

    def uniform(shape, seed, low=None, high=None, dtype=None, **given):
        if given:
            return drawn_uniform(shape, seed, **given, **({} if dtype is None else {"dtype": dtype}))
        return tf.fill(shape, low + tf.cast(number(seed), dtype) % (high - low))

    def split(seed, n, **_):
        return tf.cast(seed, tf.int64) + tf.range(n, dtype=tf.int64)[:, None]

    monkeypatch.setattr(tf.random, "stateless_normal", normal)
    monkeypatch.setattr(tf.random, "stateless_uniform", uniform)
    monkeypatch.setattr(tf.random.experimental, "stateless_split", split)


def gan_trainer(devices):
    config = dataclasses.replace(tiny.GAN, patch_critic=True)
    training = GanTraining(batch_size=2, steps=9, instance_noise=0.2, learning_rate=1e-2)
    shapes = [2, config.critic_window, 12], [2, config.critic_window, 1]
    batch = tuple(tf.constant(0.3 * tiny.normal(*shape)) for shape in shapes)
    return GanTrainer(tiny.gan(config, 12, 1), training, devices), batch


def phase_trainer(phase, devices):
    tf.keras.utils.set_random_seed(0)
    training = AutoencoderTraining(steps=(9,) * 4, critic_width=2, critic_start=0.0, learning_rates=(1e-2,) * 4)
    trainer = AutoencoderTrainer(tiny.autoencoder(), training, phase, SpectrogramCritic(2), devices)
    return trainer, tf.constant(0.2 * tiny.normal(2, trainer.crop_samples))


def two_steps(what, devices):
    trainer, batch = gan_trainer(devices) if what == "gan" else phase_trainer(what, devices)
    for optimiser in (trainer.optimiser, getattr(trainer, "critic_optimiser", trainer.optimiser)):
        optimiser.epsilon = 1e-3  # see shared_batch.py
    before = tiny.weights(*trainer.networks.values())
    for _ in range(2):
        scalars = trainer.step(batch)
    return {k: float(v) for k, v in scalars.items()}, before, tiny.weights(*trainer.networks.values())


@pytest.mark.parametrize("what", ["gan", 1, 2, 3, 4])
def test_compiled_steps_are_the_plain_ones(what, caplog):
    expected, before, weights = two_steps(what, Devices())
    with caplog.at_level(logging.WARNING, logger="musika_tf"):
        scalars, _, compiled = two_steps(what, Devices(xla=True))
    fallbacks = [r.message for r in caplog.records if r.name.startswith("musika_tf")]  # TensorFlow warns of traces
    assert not fallbacks
    assert scalars == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert max(np.abs(a - b).max() for a, b in zip(weights, before, strict=True)) > 1e-3
    for mine, oracle in zip(compiled, weights, strict=True):
        np.testing.assert_allclose(mine, oracle, atol=2e-5)
