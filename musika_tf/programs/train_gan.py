"""Trains the latent GAN and writes the bundle: python train_gan.py --latents_dir=latents/music

For the autoencoder of --checkpoint_dir; where it holds none, for the shipped one that made the latents.
On x86 processors TensorFlow computes with oneDNN; TF_ENABLE_ONEDNN_OPTS=0 in the environment leaves it out.
"""

import dataclasses
from pathlib import Path

from absl import flags

from musika_tf.programs import cli, settings

FLAGS = flags.FLAGS
_BUNDLE = ("bundle_dir", "keep_critic", "name", "licence", "trained_on")
_OWN = ("latents_dir", "checkpoint_dir", "conditioning", *_BUNDLE)
for name in (*_OWN, *settings.TRAINING, *settings.config_flags("gan")):
    flags.declare_key_flag(name)  # so that --help shows it


def _sizes():
    """The GAN's GanConfig: that of --init_from, which the flags say from here on. So they do of its signals, unless
    --conditioning was given."""
    from musika_tf.config import GanConfig
    from musika_tf.train import gan

    if not FLAGS.init_from:
        return settings.config(GanConfig)
    with cli.bundle_of("init_from"):
        sizes, names = gan.sizes_of(FLAGS.init_from)
    if not FLAGS["conditioning"].present:
        FLAGS.conditioning = ",".join(names)
    given = [f"gan_{field.name}" for field in dataclasses.fields(GanConfig)]
    return settings.take_sizes("GAN", FLAGS.init_from, sizes, given)


def main(_):
    checkpoint_dir = cli.require("checkpoint_dir")
    settings.read_back([Path(checkpoint_dir) / "gan"])
    cli.take_latents()
    precision = settings.training_precision()
    cli.resolve("init_from")
    cli.start_training()
    devices = cli.make_devices()
    from musika_tf.conditioning import signals
    from musika_tf.config import GanTraining
    from musika_tf.train import gan

    about = {
        "licence": FLAGS.licence,
        "trained_on": FLAGS.trained_on,
        "flags": settings.effective_flags(with_paths=False),
    }
    job = gan.Job(
        config=_sizes(),
        training=settings.config(GanTraining),
        latents_dir=FLAGS.latents_dir,
        checkpoint_dir=checkpoint_dir,
        save_every=FLAGS.save_every,
        export=FLAGS.export,
        signals=tuple(signal.name for signal in signals.parse(FLAGS.conditioning)),
        init_from=FLAGS.init_from,
        bundle_dir=FLAGS.bundle_dir,
        keep_critic=FLAGS.keep_critic,
        cache_dir=FLAGS.cache_dir,
        about=about if FLAGS.name is None else {"name": FLAGS.name, **about},
        precision=precision,
        devices=devices,
    )
    if not gan.train(job, save_flags=settings.save_flags):
        print(f"stopped and saved; the same command resumes in {job.directory}")
