"""Encodes a folder of audio to latents: python encode.py --audio_dir=music --out_dir=latents --checkpoint_dir=..."""

import sys

from absl import flags

from musika_tf import cli

FLAGS = flags.FLAGS
for name in ("audio_dir", "bundle_dir", "checkpoint_dir", "conditioning", "signal_source"):
    flags.declare_key_flag(name)  # so that --help shows it
flags.DEFINE_string("out_dir", None, "folder for the latents, one .npz per audio file")


def main(_):
    audio_dir, out_dir = cli.require("audio_dir"), cli.require("out_dir")
    cli.start_tensorflow()
    from musika_tf.conditioning import signals
    from musika_tf.pipeline import collection
    from musika_tf.pipeline.loading import load_autoencoder
    from musika_tf.pipeline.signal_path import encoder

    wanted = signals.parse(FLAGS.conditioning)
    autoencoder = load_autoencoder(FLAGS.bundle_dir or FLAGS.checkpoint_dir)
    config, model_id = autoencoder.config, autoencoder.identity()
    failures = collection.encode_collection(
        audio_dir, out_dir, encoder(autoencoder), model_id, config, wanted, signal_source=FLAGS.signal_source
    )
    if failures:
        print(f"{len(failures)} files could not be encoded", file=sys.stderr)
        return 1


if __name__ == "__main__":
    cli.run(main)
