"""Trains the latent GAN and writes the bundle: python train_gan.py --latents_dir=latents --checkpoint_dir=..."""

from pathlib import Path

from absl import flags

from musika_tf.programs import cli

FLAGS = flags.FLAGS
TRAINING = ("init_from", "cache_dir", "save_every", "export", "precision", "xla", "strategy", "threads")
BUNDLE = ("bundle_dir", "keep_critic", "name", "licence", "trained_on")
for name in ("latents_dir", "checkpoint_dir", "conditioning", *TRAINING, *BUNDLE, *cli.config_flags("gan")):
    flags.declare_key_flag(name)  # so that --help shows it


def main(_):
    checkpoint_dir = cli.require("checkpoint_dir")
    cli.read_back([Path(checkpoint_dir) / "gan"])
    latents_dir = cli.require("latents_dir")
    cli.start_tensorflow()
    devices = cli.make_devices()
    from musika_tf.conditioning import signals
    from musika_tf.config import GanConfig, GanTraining
    from musika_tf.train import gan

    about = {"licence": FLAGS.licence, "trained_on": FLAGS.trained_on, "flags": cli.effective_flags(with_paths=False)}
    job = gan.Job(
        config=cli.config(GanConfig),
        training=cli.config(GanTraining),
        latents_dir=latents_dir,
        checkpoint_dir=checkpoint_dir,
        save_every=FLAGS.save_every,
        export=FLAGS.export,
        signals=tuple(signal.name for signal in signals.parse(FLAGS.conditioning)),
        init_from=FLAGS.init_from,
        bundle_dir=FLAGS.bundle_dir,
        keep_critic=FLAGS.keep_critic,
        cache_dir=FLAGS.cache_dir,
        about=about if FLAGS.name is None else {"name": FLAGS.name, **about},
        precision=FLAGS.precision,
        devices=devices,
    )
    if not gan.train(job, save_flags=cli.save_flags):
        print(f"stopped and saved; the same command resumes in {job.directory}")
