"""One folder of checkpoints, four phases: what each starts from, and how it is run."""

import dataclasses
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from musika_tf import atomic, json_file
from musika_tf.audio import cache, dataset, scan, spectrogram
from musika_tf.autoencoder import assessment
from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.autoencoder.trainer import TRAINED, AutoencoderTrainer
from musika_tf.config import AutoencoderConfig, AutoencoderTraining, from_dict, to_dict
from musika_tf.errors import UserError
from musika_tf.training import checkpoints, loop, precision, preview
from musika_tf.training.devices import ONE, Devices
from musika_tf.training.ema import MovingAverage

logger = logging.getLogger(__name__)

_CONFIG_FILE = "autoencoder.json"
_TABLE_FILE = "audio.csv"
_PREVIEW_SECONDS, _PREVIEWS = 6, 3


@dataclasses.dataclass(frozen=True)
class Job:
    """What train_ae.py was asked to do."""

    config: AutoencoderConfig
    training: AutoencoderTraining
    paths: Sequence[Path]  # of audio that can be read, in an order that stays the same from run to run
    checkpoint_dir: str
    save_every: int
    level1_phase: int = 2
    export: str = "last"  # or "best": the checkpoint of a complete phase that later ones and other programs read
    initial: Callable[[], Autoencoder] | None = None  # gives the autoencoder to fine-tune, asked for once
    cache_dir: str | None = None  # where decoded audio is kept
    precision: str = "float32"  # of precision.POLICIES
    devices: Devices = ONE

    def directory(self, phase):
        return Path(self.checkpoint_dir) / f"phase{phase}"

    def sources(self, phase):
        """The phases that `phase` starts from, in the order they are restored in."""
        return {1: (), 2: (1,), 3: (1, self.level1_phase), 4: (1, 2, 3)}[phase]


def scan_audio(audio_dir, config, training, checkpoint_dir, show_progress=False):
    """The audio.table.Table of what there is to train with; what was read for an earlier run isn't read again."""
    known, crop_samples = Path(checkpoint_dir) / _TABLE_FILE, training.crop_samples(config)
    return scan.scan(
        audio_dir, window_samples=crop_samples, for_training=True, known=known, show_progress=show_progress
    )


def keep_table(table, checkpoint_dir):
    """Stores the table beside the phases: what the model was trained with, and what `scan_audio` knows next time."""
    Path(checkpoint_dir).mkdir(parents=True, exist_ok=True)
    table.write(Path(checkpoint_dir) / _TABLE_FILE)


def train_phase(job, phase, save_flags: Callable[[Path], None] = lambda directory: None):
    """Trains one phase, resuming where it was.

    Args:
      job: the Job.
      phase: 1..4.
      save_flags: called with the phase's directory, to store the flags beside its checkpoints.

    Returns:
      True when the phase is complete, False when it was interrupted (and saved).

    Raises:
      UserError: a phase before this one is missing and nothing to fine-tune was given, or the folder or what was given
        holds another size of autoencoder.
    """
    devices = job.devices
    devices.check_batch(job.training.batch_size, "ae_batch_size")
    paths = cache.cached(job.paths, job.cache_dir) if job.cache_dir else job.paths
    tf.keras.utils.set_random_seed(job.training.seed + phase)
    devices.chief_first(lambda: (_keep_config(job), _keep_initial(job)))
    with devices.scope(), precision.policy(job.precision):
        trainer = _trainer(job, phase)
    if devices.is_chief:
        save_flags(job.directory(phase))
    logger.info("phase %d: %d files, %d steps", phase, len(paths), trainer.n_steps)

    def batches(first):
        size, seed = job.training.batch_size, job.training.seed * 4 + phase
        return dataset.crops(paths, trainer.crop_samples, size, seed, first_batch=first, part=devices.part)

    previews = devices.is_chief and (_previewer(trainer.autoencoder, phase, paths), assessment.assessor(trainer, paths))
    complete = loop.train(trainer, batches, job.directory(phase), job.save_every, *(previews or (None, None)), devices)
    if complete:
        devices.chief_first(lambda: checkpoints.export(job.directory(phase), job.export))
    return complete


def _trainer(job, phase):
    """The trainer of `phase`, from the phases before it."""
    autoencoder = Autoencoder.create(job.config)
    given = _restore_initial(autoencoder, job.checkpoint_dir)
    for source in job.sources(phase):
        if not given or _is_there(job.directory(source)):
            _restore_trained(autoencoder, job.directory(source), source, wanted_by=phase)
    critic = SpectrogramCritic(job.training.critic_width)
    return AutoencoderTrainer(autoencoder, job.training, phase, critic, job.devices)


def load(checkpoint_dir):
    """The Autoencoder of a folder of checkpoints, each network from the last phase that trained it.

    Phases 2 and 4 may still be to come: latents depend on 1 and 3 alone. One that fine-tunes another needs none.

    Raises:
      UserError: the folder holds no autoencoder, or phase 1 or 3 is missing.
    """
    path = Path(checkpoint_dir) / _CONFIG_FILE
    if not path.is_file():
        raise UserError(
            f"{checkpoint_dir}: no autoencoder here; train one: train_ae.py --checkpoint_dir={checkpoint_dir}"
        )
    autoencoder = Autoencoder.create(_stored_config(path))
    given = _restore_initial(autoencoder, checkpoint_dir)
    for phase in (1, 2, 3, 4):
        directory = Path(checkpoint_dir) / f"phase{phase}"
        if given and not _is_there(directory):
            continue
        if phase in (2, 4) and not _is_there(directory):
            logger.warning("%s: phase %d is missing; the decoder of an earlier phase is used", checkpoint_dir, phase)
            continue
        _restore_trained(autoencoder, directory, phase)
    return autoencoder


def _stored_config(path):
    """The AutoencoderConfig in a file; UserError where it holds none."""
    try:
        return from_dict(AutoencoderConfig, json_file.read(path))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path}: damaged ({error}); write it again: train_ae.py with the flags beside the checkpoints, "
            "after deleting it"
        ) from error


def _keep_config(job):
    """Stores the sizes beside the phases, and refuses other ones."""
    path = Path(job.checkpoint_dir) / _CONFIG_FILE
    if path.is_file():
        if _stored_config(path) != job.config:
            raise UserError(
                f"--checkpoint_dir={job.checkpoint_dir}: holds an autoencoder of another size; "
                "use its flagfile, or another folder"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps(to_dict(job.config), indent=1))


def _keep_initial(job):
    """Stores what is to be fine-tuned beside the phases, once: a resumed run needs it no more."""
    path = _initial(job.checkpoint_dir)
    if job.initial is None or path.with_suffix(".index").is_file():
        return
    given = job.initial()
    if given.config != job.config:
        raise UserError("--init_from: an autoencoder of another size; use its flagfile")
    path.parent.mkdir(parents=True, exist_ok=True)
    _all_weights(given).write(str(path))


def _restore_initial(autoencoder, checkpoint_dir):
    """Reads the weights that fine-tuning started from into `autoencoder`; False where there are none."""
    path = _initial(checkpoint_dir)
    if not path.with_suffix(".index").is_file():
        return False
    with checkpoints.damage_named(path, "fine-tune again in another --checkpoint_dir"):
        _all_weights(autoencoder).read(str(path)).assert_existing_objects_matched()
    return True


def _initial(checkpoint_dir):
    return Path(checkpoint_dir) / "initial" / "autoencoder"


def _all_weights(autoencoder):
    # By network, because layers in lists are unknown to TensorFlow's checkpoints.
    return tf.train.Checkpoint(**{name: [v.value for v in n.weights] for name, n in autoencoder.networks.items()})


def _is_there(directory):
    return checkpoints.exported(directory) is not None


def _restore_trained(autoencoder, directory, phase, wanted_by=None):
    """Reads the averaged weights of the networks that `phase` trained, and those it was given, into `autoencoder`."""
    path = checkpoints.exported(directory)
    if path is None:
        reason = f"phase {wanted_by} starts from phase {phase}, which" if wanted_by else f"phase {phase}"
        raise UserError(f"{reason} is missing in {directory}; run train_ae.py --phase={phase} first")
    # Phase 3's level 1 may be older than phase 2's: take from each phase only what it trained.
    holder = tf.Module()
    trained = [v for name in TRAINED[phase] for v in autoencoder.networks[name].trainable_variables]
    holder.average = MovingAverage(trained, 0.0)
    with checkpoints.damage_named(path, f"train phase {phase} again in another --checkpoint_dir"):
        status = tf.train.Checkpoint(trainer=holder).restore(path)
        status.expect_partial().assert_existing_objects_matched()
    holder.average.copy_to(trained)


def _previewer(autoencoder, phase, paths):
    """A function (directory, step) that writes the same few excerpts, reconstructed as far as `phase` can."""
    config = autoencoder.config
    samples = config.crop_samples(_PREVIEW_SECONDS * config.sample_rate // config.hop_length // 64 * 64)
    crops = next(iter(dataset.crops(paths, samples, _PREVIEWS, seed=0)))

    @tf.function(autograph=False)
    def reconstruct(waveform):
        level1 = autoencoder.encode1(spectrogram.log_magnitude(waveform, config))
        if phase >= 3:
            level1 = autoencoder.decode2(autoencoder.encode2(level1))
        return spectrogram.inverse(*autoencoder.decode1(level1), config)

    def write(directory, step):
        preview.write(directory / "previews", step, reconstruct(crops).numpy(), config.sample_rate)

    return write
