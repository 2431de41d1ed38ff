"""Trains the refiner of a model that generates: python train_refiner.py --latents_dir=latents/music

Of the model that train_gan.py left in --checkpoint_dir, or of --init_from. Its bundle is written anew with a denoiser
in it, which brings what the generator makes nearer to the music that it learned from.
"""

import os
from pathlib import Path

from absl import flags

from musika_tf.errors import UserError
from musika_tf.model.metadata import bundle_in, check_generates, read_metadata
from musika_tf.programs import cli, settings

FLAGS = flags.FLAGS
_OWN = ("latents_dir", "checkpoint_dir", "bundle_dir")
_TRAINING = tuple(name for name in settings.TRAINING if name != "export")
for name in (*_OWN, *_TRAINING, *settings.config_flags("refiner")):
    flags.declare_key_flag(name)  # so that --help shows it


def _source(checkpoint_dir):
    """The bundle to refine."""
    if FLAGS.init_from:
        return str(bundle_in(FLAGS.init_from))
    folder = Path(checkpoint_dir) / "bundle"
    if not folder.is_dir():
        raise UserError(
            f"--checkpoint_dir={checkpoint_dir}: holds no bundle; run train_gan.py, or name a model with --init_from"
        )
    return str(folder)


def main(_):
    checkpoint_dir = cli.require("checkpoint_dir")
    settings.read_back([Path(checkpoint_dir) / "refiner"])
    cli.take_latents()
    precision = settings.training_precision()
    cli.resolve("init_from")
    source = _source(checkpoint_dir)
    with cli.bundle_of("init_from"):
        check_generates(source, read_metadata(source))
    cli.start_training()
    devices = cli.make_devices()
    from musika_tf.config import RefinerConfig, RefinerTraining
    from musika_tf.train import refiner

    job = refiner.Job(
        config=settings.config(RefinerConfig),
        training=settings.config(RefinerTraining),
        source=source,
        latents_dir=FLAGS.latents_dir,
        checkpoint_dir=checkpoint_dir,
        bundle_dir=FLAGS.bundle_dir or os.path.join(checkpoint_dir, "bundle"),
        save_every=FLAGS.save_every,
        cache_dir=FLAGS.cache_dir,
        precision=precision,
        devices=devices,
    )
    if not refiner.train(job, save_flags=settings.save_flags):
        print(f"stopped and saved; the same command resumes in {job.directory}")
