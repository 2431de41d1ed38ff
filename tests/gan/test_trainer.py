"""The GAN's step: both networks, R1, the average; and that an interrupted training goes on as if it had not been."""

import dataclasses
import functools
import itertools
import signal

import numpy as np
import pytest
import tensorflow as tf
import tiny
from interrupted import numbered

from musika_tf.config import GanTraining
from musika_tf.gan.trainer import GanTrainer
from musika_tf.training import loop

CONFIG = dataclasses.replace(tiny.GAN, patch_critic=True)
TRAINING = GanTraining(batch_size=3, steps=3, r1_every=2, instance_noise=0.2, ema_decay=0.9, learning_rate=1e-3)


pytestmark = pytest.mark.usefixtures("eagerly")


def make_trainer(seed_of_weights=0, seed_of_training=0, **changes):
    gan = tiny.gan(CONFIG, 12, n_conditioning=1, seed=seed_of_weights)
    return GanTrainer(gan, dataclasses.replace(TRAINING, seed=seed_of_training, **changes))


def batch(seed=0):
    latents = 0.3 * tiny.normal(3, CONFIG.critic_window, 12, seed=seed)
    return tf.constant(latents), tf.constant(tiny.normal(3, CONFIG.critic_window, 1, seed=seed + 100))


@functools.cache
def first_step(**changes):
    """Scalars and critic weights after one step of a trainer with these settings."""
    trainer = make_trainer(**changes)
    scalars = {name: float(value) for name, value in trainer.step(batch()).items()}
    return scalars, tiny.weights(trainer.gan.critic)


def test_one_step_changes_both_networks_and_moves_the_average():
    trainer = make_trainer()
    before = {name: tiny.weights(network) for name, network in trainer.networks.items()}
    scalars = trainer.step(batch())
    after = {name: tiny.weights(network) for name, network in trainer.networks.items()}
    for name in ("generator", "critic"):
        # Kernels: the hinge pulls at the critic's last biases from both sides alike.
        pairs = [(a, b) for a, b in zip(before[name], after[name], strict=True) if a.ndim > 1]
        assert all(not np.array_equal(a, b) for a, b in pairs), name
    # n = 1: the average keeps (1 + 1) / (10 + 1) of itself.
    for old, new, average in zip(before["averaged"], after["generator"], after["averaged"], strict=True):
        np.testing.assert_allclose(average, old * 2 / 11 + new * 9 / 11, atol=1e-6)
    assert int(trainer.step_count) == 1
    assert float(trainer.r1.switch) == pytest.approx(-0.9999, abs=1e-6)  # nothing is certain yet
    assert {name: float(value) for name, value in scalars.items()} == first_step()[0]  # repeatable
    assert all(np.isfinite(value) for value in scalars.values())


def test_scalars_add_up():
    trainer = make_trainer(instance_noise=0.0, mismatch_weight=0.5)
    for head in trainer.gan.critic.heads:
        head.set_weights([0.1 * w for w in head.get_weights()])  # within +-1 the hinge is linear
    latents, conditioning = batch()
    real = trainer.gan.standardiser.standardise(latents)
    with tf.GradientTape() as tape:
        tape.watch(real)
        heads = trainer.gan.critic(tf.concat([real, conditioning], axis=-1))
        score = tf.reduce_mean([tf.reduce_mean(head, axis=1) for head in heads], axis=0)  # one an item
        total = tf.reduce_sum(score)
    slope = tape.gradient(total, real).numpy()
    of_others = tf.stack([conditioning[1], conditioning[0], conditioning[0]])  # of a pair, and the last alone
    mismatched = np.mean([tf.reduce_mean(h) for h in trainer.gan.critic(tf.concat([real, of_others], axis=-1))])
    scalars = {name: float(value) for name, value in trainer.step((latents, conditioning)).items()}
    assert set(scalars) == {"generator", "critic", "real", "fake", "r1", "mismatched"}
    assert scalars["generator"] == pytest.approx(-scalars["fake"], rel=1e-5)
    assert scalars["real"] == pytest.approx(np.mean(score), rel=1e-4)
    assert scalars["r1"] == pytest.approx(np.mean(np.sum(slope**2, axis=(1, 2))), rel=1e-3)
    assert scalars["mismatched"] == pytest.approx(mismatched, rel=1e-4)
    rejected = (scalars["fake"] + 0.5 * scalars["mismatched"]) / 1.5
    assert scalars["critic"] == pytest.approx(1 - (scalars["real"] - rejected) / 2, rel=1e-4)


@pytest.mark.long
def test_nothing_is_mismatched_without_signals_or_by_wish():
    assert "mismatched" not in first_step(mismatch_weight=0.0)[0]
    gan = tiny.gan(CONFIG, 12)
    latents, conditioning = batch()
    assert "mismatched" not in GanTrainer(gan, TRAINING).step((latents, conditioning[..., :0]))


def test_lazy_r1_counts_for_the_steps_it_leaves_out():
    _, every_step = first_step(r1_every=1, r1_weight=10.0)
    scalars, every_other = first_step(r1_every=2, r1_weight=5.0)
    _, another = first_step()
    assert "r1" in scalars
    for a, b in zip(every_step, every_other, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    assert max(np.abs(a - b).max() for a, b in zip(every_step, another, strict=True)) > 1e-4
    trainer = make_trainer(r1_every=2)
    trainer.step_count.assign(1)
    assert "r1" not in trainer.step(batch())


def test_generator_gets_the_conditioning_too():
    results = []
    for share in (1.0, 0.0):
        trainer, (latents, conditioning) = make_trainer(), batch()
        kernel = trainer.gan.critic.stem.kernel
        kernel.assign(kernel * np.array([1.0] * 12 + [0.0], np.float32)[:, None])  # a critic that is blind to it
        results.append(trainer.step((latents, share * conditioning)))
    assert float(results[0]["real"]) == float(results[1]["real"])
    assert abs(float(results[0]["fake"]) - float(results[1]["fake"])) > 1e-4


def test_draws_are_those_of_the_seed():
    assert first_step(seed_of_training=5)[0]["fake"] != first_step()[0]["fake"]


# Going on


def everything(trainer):
    """All that a run has learnt: weights, their average, the optimisers' moments, R1's switch, the standardiser."""
    optimisers = [v for optimiser in (trainer.optimiser, trainer.critic_optimiser) for v in optimiser.variables]
    others = [*optimisers, trainer.r1.switch, *trainer.standardiser.variables, trainer.average.n_updates]
    return tiny.weights(*trainer.networks.values()) + [v.numpy() for v in others]


def test_interrupted_and_resumed_equals_unbroken(tmp_path):
    trainer = make_trainer()
    assert loop.train(trainer, numbered(batch), tmp_path / "unbroken", save_every=100)
    expected = everything(trainer)
    trainer = make_trainer()
    assert not loop.train(trainer, numbered(batch, 0, signal.SIGTERM), tmp_path / "broken", save_every=100)
    assert int(trainer.step_count) == 1
    trainer = make_trainer(seed_of_weights=7)  # whatever the new process starts with
    trainer.standardiser.fit(tf.zeros(12), tf.ones(12))
    assert loop.train(trainer, numbered(batch), tmp_path / "broken", save_every=100)
    assert int(trainer.step_count) == 3
    for a, b in zip(everything(trainer), expected, strict=True):
        np.testing.assert_array_equal(a, b)


# Steps that are not finite


def skipped_step(trainer):
    """What a step with a NaN in its batch leaves of `trainer`, and what was there before it."""
    trainer.step(batch())
    before = everything(trainer)
    latents, conditioning = batch(1)
    scalars = trainer.step((tf.where(tf.range(12) == 5, np.nan, latents), conditioning))
    assert np.isnan(scalars["critic"])
    return before, everything(trainer)


def test_a_batch_with_nan_is_skipped():
    trainer = make_trainer()
    before, after = skipped_step(trainer)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(trainer.guard["skipped"]) == 1
    assert int(trainer.step_count) == 2  # the data moves on
    trainer.step(batch(2))
    assert int(trainer.guard["in_a_row"]) == 0
    assert any(not np.array_equal(a, b) for a, b in zip(before, everything(trainer), strict=True))


@pytest.mark.slow
def test_a_batch_with_nan_is_skipped_in_a_graph():
    tf.config.run_functions_eagerly(False)
    before, after = skipped_step(make_trainer())
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.long
def test_a_weight_that_became_nan_leads_back(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "REPORT_EVERY", 1)
    trainer = make_trainer(steps=8)

    def batches(first):
        for i in itertools.count(first):
            if i == 3 and not int(trainer.guard["rollbacks"]):
                trainer.optimiser.weights[0].assign(np.nan * trainer.optimiser.weights[0])
            yield batch(i)

    assert loop.train(trainer, batches, tmp_path, save_every=2)
    counters = {name: float(v) for name, v in trainer.guard.variables.items()}
    # Step 4 is skipped and can't be saved.
    assert counters == {"skipped": 1, "in_a_row": 0, "rollbacks": 1, "rate_scale": 0.5}
    assert float(trainer.optimiser.learning_rate) == pytest.approx(0.5 * TRAINING.learning_rate)
    assert all(np.isfinite(v).all() for v in everything(trainer))
