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
    """XLA makes other normal numbers of the same random bits; these it makes alike."""

    def normal(shape, seed):
        return tf.math.ndtri(tf.random.stateless_uniform(shape, seed, 1e-3, 1.0 - 1e-3))

    monkeypatch.setattr(tf.random, "stateless_normal", normal)


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
    assert not caplog.records  # no fallback
    assert scalars == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert max(np.abs(a - b).max() for a, b in zip(weights, before, strict=True)) > 1e-3
    for mine, oracle in zip(compiled, weights, strict=True):
        np.testing.assert_allclose(mine, oracle, atol=2e-5)
