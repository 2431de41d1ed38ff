"""Encodes a folder of audio to latents: python encode.py --audio_dir=music --out_dir=latents --checkpoint_dir=..."""

import sys

from absl import flags

from musika_tf import cli

FLAGS = flags.FLAGS
for name in (*cli.define_collection_flags(), "bundle_dir", "checkpoint_dir", "conditioning", "signal_source"):
    flags.declare_key_flag(name)  # so that --help shows it
flags.DEFINE_string("out_dir", None, "folder for the latents, one .npz per audio file")


def main(_):
    audio_dir, out_dir = cli.require("audio_dir"), FLAGS.out_dir if FLAGS.dry_run else cli.require("out_dir")
    cli.check_folders("table")
    cli.start_tensorflow()
    from musika_tf.conditioning import signals
    from musika_tf.pipeline import collection, dry_run
    from musika_tf.pipeline.loading import load_autoencoder
    from musika_tf.pipeline.signal_path import encoder

    wanted = signals.parse(FLAGS.conditioning)
    autoencoder = load_autoencoder(FLAGS.bundle_dir or FLAGS.checkpoint_dir)
    config, encode = autoencoder.config, encoder(autoencoder)
    if FLAGS.dry_run:
        table = collection.scan_collection(audio_dir, config, show_progress=sys.stderr.isatty())
        return cli.report_collection(table, forecast=lambda: dry_run.encoding(table, out_dir, encode, config))
    table = collection.encode_collection(
        audio_dir, out_dir, encode, autoencoder.identity(), config, wanted, signal_source=FLAGS.signal_source
    )
    cli.report_collection(table)


if __name__ == "__main__":
    cli.run(main)
