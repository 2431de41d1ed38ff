"""Trains an UNAGAN-style baseline: python -m baselines.unagan.train --audio_dir=music --minutes=55

For so many minutes of one core, or for --unagan_steps. Ctrl-C saves; the same command goes on.
"""

import sys
from pathlib import Path

from absl import flags

import baselines.unagan.flags  # noqa: F401 (it defines the flags)
from baselines.unagan.config import UnaganConfig, UnaganTraining
from musika_tf.errors import UserError
from musika_tf.programs import cli, settings

FLAGS = flags.FLAGS
flags.DEFINE_float(
    "minutes", None, "processor time to train for, on all cores together, earlier runs counted; default: --unagan_steps"
)
_OWN = ("checkpoint_dir", "save_every", "export", "xla", "threads", *settings.config_flags("unagan"))
for name in (*cli.define_collection_flags(), *_OWN):
    flags.declare_key_flag(name)  # so that --help shows it


def main(_):
    directory = Path(cli.require("checkpoint_dir"))
    settings.read_back([directory])
    if FLAGS.minutes is not None and FLAGS.minutes <= 0:
        raise UserError(f"--minutes={FLAGS.minutes:g}: give a number above 0")
    config, training = settings.config(UnaganConfig), settings.config(UnaganTraining)
    audio_dir = cli.require("audio_dir")
    cli.start_training()
    from baselines.unagan import mel
    from musika_tf import lock
    from musika_tf.collection import scan

    n_samples = training.clip_steps * config.frames_per_step * mel.HOP_LENGTH
    table = scan.scan(audio_dir, mel.SAMPLE_RATE, n_samples, for_training=True, show_progress=True)
    cli.report_collection(table, all_rows=FLAGS.dry_run)
    if FLAGS.dry_run:
        return
    with lock.held(directory / ".lock", f"--checkpoint_dir={directory}"):
        if not _train(config, training, table.paths, directory):
            print(f"stopped and saved; the same command resumes in {directory}")


def _train(config, training, paths, directory):
    """Trains, resuming where it was; False where it was interrupted."""
    import tensorflow as tf

    from baselines.unagan import assessment, clips, folder
    from baselines.unagan.model import Unagan
    from baselines.unagan.trainer import UnaganTrainer
    from musika_tf.training import checkpoints, loop
    from musika_tf.training.devices import Devices

    tf.keras.utils.set_random_seed(training.seed)
    folder.check(directory, config)
    model = Unagan.create(config)
    pieces = clips.load(paths, training.clip_steps * config.frames_per_step)
    folder.keep(directory, config)
    settings.save_flags(directory)
    model.standardiser.fit(*pieces.statistics())
    trainer = UnaganTrainer(model, training, FLAGS.minutes, Devices(xla=FLAGS.xla))
    watched = assessment.previewer(model), assessment.assessor(model, pieces)
    batches = clips.batches(pieces, config, training)
    complete = loop.train(trainer, batches, directory, FLAGS.save_every, *watched)
    if complete:
        checkpoints.export(directory, FLAGS.export)
    return complete


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
