"""Mixed precision: one step of every training against float32, and what stays float32 all the same."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.autoencoder.trainer import AutoencoderTrainer
from musika_tf.config import AutoencoderTraining, GanTraining
from musika_tf.gan.model import Gan
from musika_tf.gan.trainer import GanTrainer
from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.precision import POLICIES, LossScale, policy
from musika_tf.training.update import Guard, update

CONFIG = dataclasses.replace(tiny.GAN, patch_critic=True)
HALF = ("mixed_bfloat16", "mixed_float16")
# bfloat16 has 8 bits of significand, float16 has 11: a rounding is 0.4 % or 0.05 %. The phases' critics see real and
# reconstructed alike here, so that their gradients are small differences: 16 % and 1 % off; the rest is within 4 %.
SCALARS = {"mixed_bfloat16": 2e-3, "mixed_float16": 5e-4}  # relative, and of 1 where a scalar is less
GRADIENTS = {"mixed_bfloat16": 0.25, "mixed_float16": 0.02}  # ||g - g32|| / ||g32|| over all weights of an optimiser


pytestmark = pytest.mark.usefixtures("eagerly")


@functools.cache
def gan(name):
    return Gan.create(CONFIG, 12, 1, policy=name)


@functools.cache
def autoencoder(name):
    with policy(name):
        return Autoencoder.create(tiny.AUTOENCODER), SpectrogramCritic(2)


def gan_trainer(name):
    networks, source = gan(name), tiny.gan(CONFIG, 12, 1)
    for network in ("generator", "averaged", "critic"):
        getattr(networks, network).set_weights(getattr(source, network).get_weights())
    networks.standardiser.fit(source.standardiser.mean, source.standardiser.deviation)
    return GanTrainer(networks, GanTraining(batch_size=3, steps=3, instance_noise=0.2, ema_decay=0.9))


def phase_trainer(phase, name):
    (networks, critic), source = autoencoder(name), tiny.autoencoder()
    for network, weights in source.networks.items():
        networks.networks[network].set_weights(weights.get_weights())
    training = AutoencoderTraining(batch_size=2, steps=(4, 4, 4, 4), critic_width=2, critic_start=0.0)
    trainer = AutoencoderTrainer(networks, training, phase, critic)
    for i, v in enumerate(critic.weights):
        v.assign(tiny.normal(*v.shape, seed=i) / 5)
    return trainer


def batch(what, trainer):
    if what == "gan":
        latents = 0.3 * tiny.normal(3, CONFIG.critic_window, 12)
        return tf.constant(latents), tf.constant(tiny.normal(3, CONFIG.critic_window, 1, seed=100))
    return tf.constant(0.2 * tiny.normal(2, trainer.crop_samples))


@functools.cache
def one_step(what, name):
    """Scalars of a step, and the gradients that each optimiser was given."""
    trainer = gan_trainer(name) if what == "gan" else phase_trainer(what, name)
    given = []
    for optimiser in (trainer.optimiser, getattr(trainer, "critic_optimiser", None)):
        if optimiser is not None:
            optimiser.apply = lambda gradients: given.append(gradients)
    scalars = trainer.step(batch(what, trainer))
    assert {v.dtype for v in [*scalars.values(), *[g for gradients in given for g in gradients]]} == {tf.float32}
    return {k: float(v) for k, v in scalars.items()}, [np.concatenate([np.ravel(g) for g in gs]) for gs in given]


@pytest.mark.long
@pytest.mark.parametrize("what", ["gan", 1, 2, 3, 4])
@pytest.mark.parametrize("name", HALF)
def test_a_step_is_that_of_float32_within_tolerance(what, name):
    (expected, exact), (scalars, gradients) = one_step(what, "float32"), one_step(what, name)
    assert scalars.keys() == expected.keys() and scalars != expected
    for key, value in expected.items():
        assert scalars[key] == pytest.approx(value, abs=SCALARS[name] * max(1.0, abs(value))), key
    assert len(gradients) == len(exact)
    for mine, oracle in zip(gradients, exact, strict=True):
        assert 0 < np.linalg.norm(mine - oracle) < GRADIENTS[name] * np.linalg.norm(oracle)


# What stays float32


@pytest.mark.parametrize("name", [HALF[0], pytest.param(HALF[1], marks=pytest.mark.long)])
def test_weights_states_and_results_are_float32_and_hidden_layers_are_not(name):
    trainers = [gan_trainer(name), phase_trainer(2, name)]
    for trainer in trainers:
        trainer.step(batch("gan" if trainer is trainers[0] else 2, trainer))
        floating = {v.dtype for v in trainer.variables if v.dtype.is_floating}  # optimisers, average, R1, standardiser
        assert floating == {tf.float32}
        assert {v.dtype for network in trainer.networks.values() for v in network.weights} == {"float32"}
    networks, (levels, critic) = gan(name), autoencoder(name)
    half = name.removeprefix("mixed_")
    assert networks.generator.stem.layer.compute_dtype == networks.critic.stem.compute_dtype == half
    assert levels.encoder1.hidden[0].compute_dtype == levels.decoder2.hidden[1].conv.compute_dtype == half
    assert critic.stacks[0][0].layer.compute_dtype == half and critic.stacks[0][0].compute_dtype == "float32"
    window = tf.zeros([1, CONFIG.window, CONFIG.coordinate_size + 1])
    assert networks.generator(window).dtype == tf.float32
    assert {s.dtype for s in networks.critic(tf.zeros([1, CONFIG.critic_window, 13]))} == {tf.float32}
    frames = tf.zeros([1, 64, tiny.AUTOENCODER.n_bins])
    level1 = levels.encode1(frames)
    results = [level1, *levels.decode1(level1), levels.encode2(level1), levels.decode2(levels.encode2(level1))]
    scores, features = critic(tf.zeros([1, 4096]))
    assert {x.dtype for x in [*results, *scores, *features]} == {tf.float32}


def operations(function, *specs):
    """The dtypes of everything that a function computes, those of functions that it calls too."""
    graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    inner = [f.node_def for f in graph.as_graph_def().library.function]
    nodes = [*graph.as_graph_def().node, *[node for nodes in inner for node in nodes]]
    return {node.attr["T"].type for node in nodes if "T" in node.attr}


def test_what_is_exported_computes_in_float32():
    networks = gan("mixed_float16")
    window = tf.TensorSpec([None, CONFIG.window, CONFIG.coordinate_size + 1])
    halves = {tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum}
    assert operations(networks.generator, window) & halves
    assert not operations(networks.generate, window) & halves  # what the bundle calls


def test_the_policy_ends_where_it_is_left():
    before = keras.config.dtype_policy().name
    with pytest.raises(ValueError), policy("mixed_float16"):
        raise ValueError
    assert keras.config.dtype_policy().name == before == POLICIES[0]


# The loss scale


def test_loss_scale_falls_at_once_and_rises_slowly():
    scale = LossScale(start=8.0, patience=2)
    values = []
    for finite in (True, True, True, False, True, True):
        scale.update(tf.constant(finite))
        values.append(float(scale.value))
    assert values == [8, 16, 16, 8, 8, 16]
    for _ in range(9):
        scale.update(tf.constant(False))
    assert float(scale.value) == 1.0


def test_a_step_that_overflows_is_left_out_and_others_are_unscaled():
    weight, scale = keras.Variable(1.0), LossScale(start=2.0**14)
    optimiser = Adam(Falling(0.1, 10, 1.0), (0.0, 0.0), [weight])
    guard, seen, apply = Guard(3, 4, scale), [], optimiser.apply
    optimiser.apply = lambda gradients: (seen.extend(map(float, gradients)), apply(gradients))
    for slope, expected in ((3.0, 2.0**14), (100.0, 2.0**13)):
        with tf.GradientTape(persistent=True) as tape:
            loss = tf.cast(slope * tf.cast(weight.value, tf.float16), tf.float32)
        update(tape, [(optimiser, loss)], guard, lambda: None)
        assert float(scale.value) == expected  # 100 * 2^14 is more than float16 holds
    assert seen == [3.0] and float(weight) == pytest.approx(0.9, rel=1e-4)
    assert int(optimiser.iterations) == 1 and int(guard["skipped"]) == 0  # an overflow is no broken step
    scale.value.assign(1.0)
    with tf.GradientTape(persistent=True) as tape:
        loss = weight.value * np.nan
    update(tape, [(optimiser, loss)], guard, lambda: None)
    assert int(guard["skipped"]) == 1


def test_only_float16_needs_a_loss_scale():
    scales = {name: gan_trainer(name).loss_scale for name in POLICIES}
    assert scales["float32"] is scales["mixed_bfloat16"] is None and scales["mixed_float16"] is not None
    trainer = gan_trainer("mixed_float16")
    assert any(v is trainer.loss_scale.value for v in trainer.variables)  # so that checkpoints hold it
