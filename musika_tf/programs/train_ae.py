"""Trains the autoencoder: python train_ae.py --audio_dir=music

All four phases, or fine-tunes one: python train_ae.py --audio_dir=music --phase=2 in a new folder starts from the
autoencoder that ships, and leaves its latents as they are. Phase 4 ends with a bundle that encodes and decodes.
On x86 processors TensorFlow computes with oneDNN; TF_ENABLE_ONEDNN_OPTS=0 in the environment leaves it out.
"""

import sys
from pathlib import Path

from absl import flags

from musika_tf import shipped
from musika_tf.programs import cli, settings

FLAGS = flags.FLAGS
_OWN = ("checkpoint_dir", "bundle_dir", "name", "licence", "trained_on")
for name in (*cli.define_collection_flags(), *_OWN, *settings.TRAINING, *settings.config_flags("ae")):
    flags.declare_key_flag(name)  # so that --help shows it
flags.DEFINE_enum("phase", "all", ["1", "2", "3", "4", "all"], "phase to train; each starts from the one before")
flags.DEFINE_enum(
    "level1_phase", "2", ["1", "2"], "phase whose level 1 phase 3 starts from; 1 lets 2 and 3 train at once"
)


def _take_defaults():
    """Fills in the flags that nobody gave, and says so."""
    taken, note = [] if FLAGS["checkpoint_dir"].present else ["checkpoint_dir"], ""
    if FLAGS.phase in ("2", "3", "4") and not FLAGS.init_from and not cli.holds_autoencoder(FLAGS.checkpoint_dir):
        FLAGS.init_from = str(shipped.default_autoencoder())
        taken.append("init_from")
        note = f"phase {FLAGS.phase} fine-tunes the shipped autoencoder: {FLAGS.checkpoint_dir} holds none"
    cli.say_defaults(*taken, note=note)
    cli.resolve("init_from")


def _sizes(checkpoint_dir):
    """The AutoencoderConfig: that of what is fine-tuned, or else as the flags say."""
    from musika_tf.autoencoder import checkpoints
    from musika_tf.config import AutoencoderConfig
    from musika_tf.model import loading

    fine_tuned = checkpoints.initial_path(checkpoint_dir).with_suffix(".index").is_file()
    source = checkpoint_dir if fine_tuned else FLAGS.init_from
    if not source:
        return settings.config(AutoencoderConfig)
    sizes = loading.autoencoder_config(source)
    return settings.take_sizes("autoencoder", source, sizes, settings.config_flags("ae"))


def _write_bundle(job):
    """Writes the bundle of the trained autoencoder, named as the folder that the user named."""
    from musika_tf.train import phases

    folder = Path(FLAGS.bundle_dir or Path(job.checkpoint_dir) / "autoencoder")
    phases.write_bundle(
        job,
        folder,
        name=FLAGS.name or Path(FLAGS.bundle_dir or job.checkpoint_dir).absolute().name,
        licence=FLAGS.licence,
        trained_on=FLAGS.trained_on,
        steps=list(job.training.steps),
        flags=settings.effective_flags(with_paths=False),
    )
    print(f"{folder}: encodes and decodes")


def main(_):
    checkpoint_dir = Path(cli.require("checkpoint_dir"))
    wanted = (1, 2, 3, 4) if FLAGS.phase == "all" else (int(FLAGS.phase),)
    settings.read_back(checkpoint_dir / f"phase{phase}" for phase in reversed(wanted))
    audio_dir, precision = cli.require("audio_dir"), settings.training_precision()
    cli.check_folders("table")
    _take_defaults()
    cli.start_training()
    devices = cli.make_devices()
    from musika_tf.config import AutoencoderTraining
    from musika_tf.model.loading import load_autoencoder
    from musika_tf.train import dry_run, phases

    config, training = _sizes(checkpoint_dir), settings.config(AutoencoderTraining)
    table = phases.scan_audio(audio_dir, config, training, checkpoint_dir, show_progress=sys.stderr.isatty())
    job = phases.Job(
        config=config,
        training=training,
        paths=table.paths,
        checkpoint_dir=checkpoint_dir,
        save_every=FLAGS.save_every,
        export=FLAGS.export,
        level1_phase=int(FLAGS.level1_phase),
        cache_dir=FLAGS.cache_dir,
        initial=(lambda: load_autoencoder(FLAGS.init_from)) if FLAGS.init_from else None,
        precision=precision,
        devices=devices,
    )
    if FLAGS.dry_run:
        return cli.report_collection(table, forecast=lambda: dry_run.training(job, wanted, table))
    cli.report_collection(table, all_rows=False)
    devices.chief_first(lambda: phases.keep_table(table, checkpoint_dir))
    for phase in wanted:
        if not phases.train_phase(job, phase, save_flags=settings.save_flags):
            print(f"stopped and saved; the same command resumes in {job.directory(phase)}")
            return
    if 4 in wanted:
        devices.chief_first(lambda: _write_bundle(job))
