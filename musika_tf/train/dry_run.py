"""What training will take: its real steps, a few of them, timed on this machine. Nothing is written."""

from musika_tf import durations
from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.autoencoder.trainer import AutoencoderTrainer
from musika_tf.collection import augmentation, dataset
from musika_tf.timing import median_seconds


def training(job, phases, table):
    """What training these phases of a phases.Job with the audio of a Table will take: lines of text."""
    batch_size, crop_samples = job.training.batch_size, job.training.crop_samples(job.config)
    sample_rate = job.config.sample_rate
    n_batches = max(round(table.seconds * sample_rate / (batch_size * crop_samples)), 1)
    crops = f"{batch_size} crops of {crop_samples / sample_rate:.2f} s"
    lines = [f"{n_batches} batches of {crops} are as much audio as there is"]
    autoencoder, whole = Autoencoder.create(job.config), 0.0
    collection = dataset.Collection(table.paths, sample_rate)
    batches = iter(augmentation.mixed_down(dataset.crops(collection, crop_samples, batch_size, seed=0)))
    for phase in phases:
        critic = SpectrogramCritic(job.training.critic_width)
        trainer = AutoencoderTrainer(autoencoder, job.training, phase, critic)
        seconds, text = _of_phase(trainer, batches)
        whole += seconds
        lines.append(f"phase {phase}: {text}: {durations.spoken(seconds)}")
    return [*lines, f"training will take about {durations.spoken(whole)} on this machine"]


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
    return median_seconds(step)
