"""How fast training steps are: python -m benchmarks.train_step [--flagfile=flags/reference.flags] [--json=FILE]

The GAN's step at the preset's batch size, with R1 in every step as published unless the preset is lazy, then the
four phases of the autoencoder; "2-critic" and "4-critic" are these phases' steps once the critic has joined.
"""

import dataclasses

from absl import flags

from benchmarks import fresh, presets
from musika_tf.config import AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining
from musika_tf.programs import cli, settings

FLAGS = flags.FLAGS
flags.declare_key_flag("xla")
_STEPS = ("gan", "1", "2", "2-critic", "3", "4", "4-critic")
flags.DEFINE_list("steps", list(_STEPS), "what to measure")
flags.register_validator("steps", lambda steps: set(steps) <= set(_STEPS), f"there are {', '.join(_STEPS)}")


def rows_of(name, values):
    """The rows of one preset."""
    return [_gan(name, values) if step == "gan" else _phase(name, values, step) for step in FLAGS.steps]


def _gan(name, values):
    from benchmarks import arithmetic, measure
    from musika_tf.gan.model import Gan
    from musika_tf.gan.trainer import GanTrainer

    config, training = settings.config(GanConfig, values), settings.config(GanTraining, values)
    gan = Gan.create(config, settings.config(AutoencoderConfig, values).latent_channels)
    trainer = GanTrainer(gan, training, cli.make_devices())
    batch = fresh.gan_batch(gan, training.batch_size)

    def cycle():
        for _ in range(training.r1_every):
            trainer.step(batch)

    needed = arithmetic.gan_step(gan, training.batch_size, training.r1_every) * training.r1_every
    row = measure.row(f"{name}: GAN, batch {training.batch_size}", cycle, needed, n_runs=FLAGS.runs)
    return row | {name: row[name] / training.r1_every for name in ("step_seconds", "cpu_seconds")}


def _phase(name, values, step):
    import tensorflow as tf

    from benchmarks import arithmetic, measure
    from musika_tf.autoencoder.critic import SpectrogramCritic
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.autoencoder.trainer import AutoencoderTrainer

    phase, with_critic = int(step[0]), step.endswith("critic")
    autoencoder = Autoencoder.create(settings.config(AutoencoderConfig, values))
    training = settings.config(AutoencoderTraining, values)
    training = dataclasses.replace(training, critic_start=0.0)
    critic = SpectrogramCritic(training.critic_width) if with_critic else None
    trainer = AutoencoderTrainer(autoencoder, training, phase, critic, cli.make_devices())
    waveform = tf.random.stateless_uniform([training.batch_size, trainer.crop_samples], [0, 0], -0.5, 0.5)
    n_frames = training.batch_size * training.crop_windows * autoencoder.config.window_frames
    needed = arithmetic.autoencoder_step(autoencoder, phase, n_frames)
    if with_critic:
        needed += arithmetic.spectrogram_critic(critic, waveform)
    label = f"{name}: phase {phase}{' with critic' if with_critic else ''}, batch {training.batch_size}"
    return measure.row(label, lambda: trainer.step(waveform), needed, n_runs=FLAGS.runs)


if __name__ == "__main__":
    presets.run(rows_of, start=cli.start_training)
