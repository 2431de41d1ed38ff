"""Encodes a folder of audio to latents: python encode.py --audio_dir=music

With the autoencoder of --checkpoint_dir or --bundle_dir. Without these flags, it is that of checkpoints/musika, or the
--flagfile's folder, if it holds one, or else the one that ships. The latents go to latents/music, named after the
folder of audio.

By several processes: --workers=4. On a cluster, by Apache Beam: --runner=FlinkRunner --beam_flags="--flink_master=..."
"""

import functools
import os
import shlex
import sys
import time
from pathlib import Path

from absl import flags

from musika_tf import shipped
from musika_tf.errors import UserError
from musika_tf.programs import cli, flagfiles

FLAGS = flags.FLAGS
for name in (*cli.define_collection_flags(), "bundle_dir", "trust", "checkpoint_dir", "conditioning", "signal_source"):
    flags.declare_key_flag(name)  # so that --help shows it
flags.DEFINE_string(
    "out_dir", None, "folder for the latents, one .npz per audio file; default: in latents/, named as --audio_dir"
)
flags.DEFINE_integer("workers", 1, "processes that encode files side by side; each loads the model", 1)
flags.DEFINE_string("runner", None, "Apache Beam's runner that encodes the files, such as FlinkRunner")
flags.DEFINE_string("beam_flags", "", "flags for Beam, in one pair of quotes")


def encode_all(recipe, encoder):
    """The function that encodes a list of files, by whom the flags say."""
    if FLAGS.runner:
        from musika_tf.encode import beam_pipeline

        run = beam_pipeline.Run(FLAGS.runner, shlex.split(FLAGS.beam_flags), FLAGS.out_dir, cli.start_tensorflow)
        return functools.partial(beam_pipeline.encode_all, recipe, run)
    if FLAGS.workers > 1:
        from musika_tf import workers
        from musika_tf.encode import parallel

        pool = workers.Pool(FLAGS.workers, cli.start_tensorflow, FLAGS.threads)
        return functools.partial(parallel.encode_all, recipe, pool)
    return functools.partial(map, encoder)


def _take_defaults():
    """Fills in the flags that nobody gave, and says so."""
    taken = []
    cli.resolve("bundle_dir")
    # A preset names the folder of its training, which mostly is still to come.
    if not FLAGS.bundle_dir and "checkpoint_dir" not in flagfiles.beside(sys.argv):
        if cli.holds_autoencoder(FLAGS.checkpoint_dir):
            taken.append("checkpoint_dir")
        else:
            FLAGS.bundle_dir = str(shipped.default_autoencoder())
            taken.append("bundle_dir")
    if not FLAGS.out_dir:
        path = Path(FLAGS.audio_dir).resolve()
        FLAGS.out_dir = os.path.join("latents", (path.parent if path.is_file() else path).name or "music")
        taken.append("out_dir")
    cli.say_defaults(*taken)


def main(_):
    audio_dir = cli.require("audio_dir")
    if FLAGS.runner and FLAGS.workers > 1:
        raise UserError("--workers: with --runner, Beam's own flags say how many there are; put them into --beam_flags")
    cli.check_folders("table")
    _take_defaults()
    cli.start_tensorflow()
    from musika_tf.collection import scan
    from musika_tf.encode import dry_run, folder
    from musika_tf.encode.encoder import Recipe

    out_dir = FLAGS.out_dir
    recipe = Recipe(FLAGS.bundle_dir or FLAGS.checkpoint_dir, FLAGS.conditioning, FLAGS.signal_source)
    encoder, begin = recipe.encoder(), time.monotonic()
    encode, config = encoder.encode, encoder.encode.config
    if FLAGS.dry_run:
        table = scan.scan(audio_dir, config.sample_rate, config.window_samples, show_progress=sys.stderr.isatty())
        return cli.report_collection(table, forecast=lambda: dry_run.encoding(table, out_dir, encode, config))
    everybody = encode_all(recipe, encoder)
    table, seconds = folder.encode_folder(audio_dir, out_dir, everybody, encoder.model_id, config)
    if rate := folder.throughput(seconds, time.monotonic() - begin):
        print(rate, file=sys.stderr)
    cli.report_collection(table)
