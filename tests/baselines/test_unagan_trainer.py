"""BEGAN's equilibrium by hand, what each loss trains, and that an interrupted training goes on as an unbroken one."""

import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_unagan
from interrupted import numbered

from baselines.unagan import trainer as trainer_module
from baselines.unagan.trainer import Equilibrium
from musika_tf.training import loop


def test_equilibrium_by_hand():
    equilibrium = Equilibrium(gamma=0.5, rate=0.1)
    equilibrium.update(2.0, 0.4)  # 0.1 (0.5 * 2 - 0.4)
    assert float(equilibrium.k) == pytest.approx(0.06)
    equilibrium.update(1.0, 0.7)
    assert float(equilibrium.k) == pytest.approx(0.04)
    assert float(equilibrium.convergence(1.0, 0.7)) == pytest.approx(1.2)
    equilibrium.update(0.0, 9.0)
    assert float(equilibrium.k) == 0.0
    equilibrium.update(100.0, 0.0)
    assert float(equilibrium.k) == 1.0


def moved(before, network):
    return [float(np.abs(v.numpy() - old).max()) for v, old in zip(network.trainable_variables, before, strict=True)]


@pytest.mark.long
def test_a_step_trains_all_networks_and_reports(eagerly):
    trainer = tiny_unagan.trainer()
    before = {name: [v.numpy() for v in n.trainable_variables] for name, n in trainer.networks.items()}
    scalars = {name: float(value) for name, value in trainer.step(tiny_unagan.clips()).items()}
    assert set(scalars) == {"real", "fake", "noise_cycle", "mel_cycle", "convergence", "k"}
    real, fake = scalars["real"], scalars["fake"]
    assert scalars["convergence"] == pytest.approx(real + abs(real - fake), rel=1e-5)
    assert float(trainer.equilibrium.k) == pytest.approx(max(0.01 * (real - fake), 0.0), abs=1e-6)
    for name, network in trainer.networks.items():
        assert np.mean([x > 0 for x in moved(before[name], network)]) > 0.9, name


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_cycle_reaches_generator_and_encoder(weight, eagerly, monkeypatch):
    seen = {}

    def look(tape, objectives, *_):
        loss = objectives[0][1]
        for name in ("generator", "encoder", "critic"):
            weights = [v.value for v in trainer.networks[name].trainable_variables]
            seen[name] = [g for g in tape.gradient(loss, weights) if g is not None]

    trainer = tiny_unagan.trainer(cycle_weight=weight)
    monkeypatch.setattr(trainer_module, "update", look)
    trainer.step(tiny_unagan.clips())
    norms = {name: sum(float(tf.norm(g)) for g in gradients) for name, gradients in seen.items()}
    assert norms["generator"] > 0
    assert (norms["encoder"] > 0) == (weight > 0)


@pytest.mark.long
def test_convergence_falls():
    trainer = tiny_unagan.trainer(learning_rate=3e-3, beta_1=0.5)
    t = np.linspace(0, 3, 80)
    mel = np.stack([np.sin(t + i / 3) for i in range(8)]).astype(np.float32)
    batch = tf.constant(np.stack([mel, mel[::-1]])), None
    measures = [float(trainer.step(batch)["convergence"]) for _ in range(120)]
    assert np.mean(measures[-10:]) < 0.6 * np.mean(measures[:10])


@pytest.mark.slow  # the loop's own law, which CI checks of the GAN
def test_a_resumed_training_is_an_unbroken_one(tmp_path):
    def run(name, interrupt_at=None):
        trainer = tiny_unagan.trainer(steps=4)
        done = loop.train(trainer, numbered(tiny_unagan.clips, interrupt_at), tmp_path / name, 100)
        return done, [*tiny.weights(*trainer.networks.values()), float(trainer.equilibrium.k)]

    unbroken = run("whole")[1]
    assert run("broken", interrupt_at=1)[0] is False
    done, resumed = run("broken")
    assert done
    for a, b in zip(unbroken, resumed, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.long
def test_minutes_end_a_training_and_earlier_runs_count(eagerly, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(trainer_module.time, "process_time", lambda: now[0])

    def batch(i):
        now[0] += 20.0  # each step takes that long
        return tiny_unagan.clips(i)

    trainer = tiny_unagan.trainer(core_minutes=1.0)
    assert loop.train(trainer, numbered(batch, interrupt_at=0), tmp_path, 100) is False
    assert int(trainer.step_count.numpy()) == 1
    trainer = tiny_unagan.trainer(core_minutes=1.0)
    assert loop.train(trainer, numbered(batch), tmp_path, 100) is True
    assert int(trainer.step_count.numpy()) == 3 and float(trainer.core_seconds.numpy()) == 60.0
    assert loop.train(tiny_unagan.trainer(core_minutes=1.0), numbered(batch), tmp_path, 100) is True
