"""What training will take, against what its steps really do."""

import tensorflow as tf
import tiny

from musika_tf.collection import scan
from musika_tf.config import AutoencoderTraining
from musika_tf.train import dry_run, phases

CONFIG = tiny.AUTOENCODER
TRAINING = AutoencoderTraining(batch_size=2, steps=(100, 10, 1, 1), critic_width=2, critic_start=0.4)


class Trainer:
    """Steps of two seconds, with the critic of three."""

    def __init__(self, clock, training, phase):
        self.n_steps, self.critic = training.steps[phase - 1], phase == 2 or None
        self.critic_start = int(training.critic_start * self.n_steps)
        self.step_count = tf.Variable(0)
        self._clock = clock

    def step(self, batch):
        assert batch.shape == (2, TRAINING.crop_samples(CONFIG))
        with_critic = self.critic and int(self.step_count) >= self.critic_start
        self.step_count.assign_add(1)
        self._clock[0] += 3.0 if with_critic else 2.0
        return {"loss": 0.0}


def test_training(two_files, clock, monkeypatch):
    monkeypatch.setattr(dry_run.Autoencoder, "create", lambda config: None)
    monkeypatch.setattr(
        dry_run, "AutoencoderTrainer", lambda _, training, phase, critic: Trainer(clock, training, phase)
    )
    table = phases.scan_audio(two_files / "audio", CONFIG, TRAINING, two_files / "checkpoints")
    job = phases.Job(CONFIG, TRAINING, table.paths, two_files / "checkpoints", 100)
    crop = TRAINING.crop_samples(CONFIG)
    assert dry_run.training(job, (1, 2), table) == [
        f"{round(10 * 44_100 / crop / 2)} batches of 2 crops of {crop / 44_100:.2f} s are as much audio as there is",
        "phase 1: 100 steps of 2 s: 3m20s",
        "phase 2: 4 steps of 2 s and 6 steps with the critic of 3 s: 26s",
        "training will take about 3m46s on this machine",
    ]
    assert sorted(path.name for path in two_files.iterdir()) == ["audio"]


def test_the_table_beside_the_phases_spares_the_next_run_the_reading(two_files, monkeypatch):
    arguments = (two_files / "audio", CONFIG, TRAINING, two_files / "checkpoints")
    table = phases.scan_audio(*arguments)
    phases.keep_table(table, two_files / "checkpoints")
    monkeypatch.setattr(scan.blocks, "read", None)
    assert phases.scan_audio(*arguments).rows == table.rows
