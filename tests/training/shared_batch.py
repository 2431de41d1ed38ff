"""Trains for a few steps on the devices of a strategy: shared_batch.py gan|phase2 STRATEGY OUT.npz

Adam's step is a gradient over its own size: where a gradient is next to 0, a rounding of it moves a weight by the whole
rate. With an epsilon of 1e-3 instead of 1e-7 the step is a smooth function of the gradient, and its weights can be
compared within the roundings of a sum in another order. The epsilon is the same on one device and on several.
"""

import dataclasses
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
import tiny

from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.autoencoder.trainer import AutoencoderTrainer
from musika_tf.config import AutoencoderTraining, GanTraining
from musika_tf.gan.model import Gan
from musika_tf.gan.trainer import GanTrainer
from musika_tf.training import devices as devices_module

BATCH = 4
GAN_STEPS, PHASE_STEPS = 6, 9  # many enough to move the weights, too few for roundings to grow
CONFIG = dataclasses.replace(tiny.GAN, patch_critic=True)


def gan(devices):
    training = GanTraining(batch_size=BATCH, steps=GAN_STEPS, instance_noise=0.2, ema_decay=0.9, learning_rate=1e-2)
    trainer = GanTrainer(Gan.create(CONFIG, 12, 1, noise_scale=0.1), training, devices)
    shapes = [BATCH, CONFIG.critic_window, 12], [BATCH, CONFIG.critic_window, 1]
    return trainer, lambda i: tuple(0.3 * tiny.normal(*shape, seed=i) for shape in shapes)


def phase2(devices):
    training = AutoencoderTraining(
        batch_size=BATCH, steps=(PHASE_STEPS,) * 4, critic_width=2, critic_start=0.0, learning_rates=(1e-2,) * 4
    )
    trainer = AutoencoderTrainer(Autoencoder.create(tiny.AUTOENCODER), training, 2, SpectrogramCritic(2), devices)
    return trainer, lambda i: (0.2 * tiny.normal(BATCH, trainer.crop_samples, seed=i),)


def weights(devices, make):
    """All variables that a training has after its steps from the same start, and all that it began with."""
    tf.keras.utils.set_random_seed(0)
    with devices.scope():
        trainer, batch = make(devices)
    for optimiser in (trainer.optimiser, trainer.critic_optimiser):
        optimiser.epsilon = 1e-3
    variables = [v for network in trainer.networks.values() for v in network.weights]
    variables += [v for v in trainer.variables if v.dtype.is_floating]  # the average, R1's switch, Adam's moments
    before = [v.numpy() for v in variables]
    share = BATCH // devices.n_workers
    mine = slice(devices.worker * share, (devices.worker + 1) * share)
    for i in range(trainer.n_steps):
        parts = tuple(tf.constant(x[mine]) for x in batch(i))
        scalars = trainer.step(parts if make is gan else parts[0])
    return {
        "before": before,
        "after": [v.numpy() for v in variables],
        "scalars": [scalars[name].numpy() for name in sorted(scalars)],
    }


if __name__ == "__main__":
    what, strategy, out = sys.argv[1:]
    if strategy == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    found = weights(devices_module.create(strategy), {"gan": gan, "phase2": phase2}[what])
    np.savez(out, **{f"{when}/{i}": value for when, values in found.items() for i, value in enumerate(values)})
