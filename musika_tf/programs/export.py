"""Turns a bundle into files for ONNX Runtime or LiteRT: musika-tf export --format=onnx --export_dir=exported/techno

A file for each network, and player.json with what a player needs beside them. examples/ has players.
"""

from absl import flags

from musika_tf import shipped
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.declare_key_flag("bundle_dir")  # so that --help shows it
flags.declare_key_flag("trust")
flags.DEFINE_enum("format", None, ["litert", "onnx"], "of the networks' files")
flags.DEFINE_string("export_dir", None, "new folder to write")


def main(_):
    file_format, export_dir = cli.require("format"), cli.require("export_dir")
    if not FLAGS.bundle_dir:
        FLAGS.bundle_dir = str(shipped.default_model())
        cli.say_defaults("bundle_dir")
    cli.resolve("bundle_dir")
    cli.start_tensorflow()
    from musika_tf.export import folder

    folder.export(FLAGS.bundle_dir, export_dir, file_format, lambda name: print(f"{export_dir}: {name}", flush=True))
