"""What a run will take: its real steps, a few of them, timed on this machine. Nothing is written."""

import os
import statistics
import time

import numpy as np

from musika_tf import durations
from musika_tf.audio import dataset, files
from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.autoencoder.trainer import AutoencoderTrainer
from musika_tf.pipeline import collection
from musika_tf.pipeline.signal_path import CHUNK_LATENTS

_STEPS = 3  # at least, of which the median counts
_ENOUGH_SECONDS = 2.0


def training(job, phases, table):
    """What training the autoencoder will take.

    Args:
      job: autoencoder.phases.Job.
      phases: numbers of those that will be trained.
      table: audio.table.Table of what they will be trained with.

    Returns:
      Lines of text.
    """
    batch_size, crop_samples = job.training.batch_size, job.training.crop_samples(job.config)
    samples = table.seconds * files.SAMPLE_RATE
    crops = f"{batch_size} crops of {crop_samples / files.SAMPLE_RATE:.2f} s"
    lines = [f"{_batches(samples, batch_size * crop_samples)} batches of {crops} are as much audio as there is"]
    autoencoder, whole = Autoencoder.create(job.config), 0.0
    batches = iter(dataset.crops(table.paths, crop_samples, batch_size, seed=0))
    for phase in phases:
        critic = SpectrogramCritic(job.training.critic_width)
        trainer = AutoencoderTrainer(autoencoder, job.training, phase, critic)
        seconds, text = _of_phase(trainer, batches)
        whole += seconds
        lines.append(f"phase {phase}: {text}: {durations.spoken(seconds)}")
    return [*lines, f"training will take about {durations.spoken(whole)} on this machine"]


def encoding(table, out_dir, encode, config):
    """What encoding will take.

    Args:
      table: audio.table.Table of what will be encoded.
      out_dir: where the latents will go, or None; what is there is done.
      encode: signal_path.StreamEncoder.
      config: AutoencoderConfig.

    Returns:
      Lines of text.
    """
    rows = table.of("used")
    missing = [row for row in rows if not (out_dir and os.path.exists(collection.target_of(row, out_dir)))]
    seconds = 2 * CHUNK_LATENTS / config.latents_per_second
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, [round(seconds * config.sample_rate), 2]).astype(np.float32)
    encode([noise])
    rate = seconds / _median_seconds(lambda: encode([noise]))
    to_do = sum(row.seconds for row in missing)
    return [
        f"{len(rows) - len(missing)} files are encoded already, {len(missing)} are to come, {durations.spoken(to_do)}",
        f"encoding runs at {rate:.1f} times real time on this machine: about {durations.spoken(to_do / rate)}",
    ]


def _batches(samples, samples_of_batch):
    return max(round(samples / samples_of_batch), 1)


def _of_phase(trainer, batches):
    """Seconds that all steps of a phase will take, and how they come about as text."""
    early = trainer.n_steps if trainer.critic is None else trainer.critic_start
    whole, texts = 0.0, []
    for first, n_steps, words in ((0, early, ""), (early, trainer.n_steps - early, " with the critic")):
        if n_steps > 0:
            trainer.step_count.assign(first)
            step = _step_seconds(trainer, batches)
            whole += n_steps * step
            texts.append(f"{n_steps} steps{words} of {step:.3g} s")
    return whole, " and ".join(texts)


def _step_seconds(trainer, batches):
    def step():
        return float(trainer.step(next(batches))["loss"])  # waits for it

    step()  # traced
    return _median_seconds(step)


def _median_seconds(function):
    """Median time of a few calls."""
    taken = []
    while len(taken) < _STEPS or sum(taken) < _ENOUGH_SECONDS:
        begin = time.perf_counter()
        function()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)
