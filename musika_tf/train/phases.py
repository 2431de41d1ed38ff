"""One folder of checkpoints, four phases: what each starts from, and how it is run."""

import dataclasses
import functools
import itertools
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from musika_tf import atomic
from musika_tf.audio import spectrogram
from musika_tf.autoencoder import assessment, contrast, losses, principal
from musika_tf.autoencoder import checkpoints as stored
from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.autoencoder.trainer import AutoencoderTrainer
from musika_tf.collection import augmentation, cache, dataset, scan
from musika_tf.config import AUTOENCODER_FILE, AutoencoderConfig, AutoencoderTraining
from musika_tf.errors import UserError
from musika_tf.model import bundle
from musika_tf.training import checkpoints, loop, precision, preview
from musika_tf.training.devices import ONE, Devices

logger = logging.getLogger(__name__)

_TABLE_FILE = "audio.csv"
_PREVIEW_SECONDS, _PREVIEWS = 6, 3
_CROPS = {1: 400, 3: 1600, 4: 400}  # what principal components and the contrast's centre are computed from, at most


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
        audio_dir, config.sample_rate, crop_samples, for_training=True, known=known, show_progress=show_progress
    )


def keep_table(table, checkpoint_dir):
    """Stores the table beside the phases: what the model was trained with, and what `scan_audio` knows next time."""
    Path(checkpoint_dir).mkdir(parents=True, exist_ok=True)
    table.write(Path(checkpoint_dir) / _TABLE_FILE)


def train_phase(job, phase, save_flags: Callable[[Path], None] = lambda directory: None):
    """Trains one phase, resuming where it was; `save_flags` gets its directory, to store the flags there.

    Returns:
      True when the phase is complete, False when it was interrupted (and saved).

    Raises:
      UserError: a phase before this one is missing and nothing to fine-tune was given, or the folder or what was given
        holds another size of autoencoder.
    """
    devices = job.devices
    devices.check_batch(job.training.batch_size, "ae_batch_size")
    rate = job.config.sample_rate
    paths = cache.cached(job.paths, rate, job.cache_dir) if job.cache_dir else job.paths
    audio = dataset.Collection(paths, rate)
    tf.keras.utils.set_random_seed(job.training.seed + phase)
    devices.chief_first(lambda: (_keep_config(job), _keep_initial(job)))
    with devices.scope(), precision.policy(job.precision):
        trainer = _trainer(job, phase)
    if devices.is_chief:
        save_flags(job.directory(phase))
    logger.info("phase %d: %d files, %d steps", phase, len(paths), trainer.n_steps)

    batches = functools.partial(_batches, job, audio, trainer.crop_samples, job.training.seed * 4 + phase)
    previews = devices.is_chief and (_previewer(trainer.autoencoder, phase, audio), assessment.assessor(trainer, audio))
    complete = loop.train(trainer, batches, job.directory(phase), job.save_every, *(previews or (None, None)))
    if complete:
        devices.chief_first(lambda: checkpoints.export(job.directory(phase), job.export))
        if phase == 4:
            devices.chief_first(lambda: _keep_contrast(job))
    return complete


def write_bundle(job, bundle_dir, **about):
    """Writes the bundle that encodes and decodes, in half precision; `about` is for its metadata.

    Raises:
      UserError: a phase is missing, or the folder can't be written.
    """
    autoencoder = stored.load(job.checkpoint_dir)
    autoencoder.round_encoders()
    bundle.save(bundle_dir, autoencoder, **about)


def _batches(job, audio, crop_samples, seed, first):
    """Endless batches of mono crops of a dataset.Collection, augmented where the job says so."""
    size, part = job.training.batch_size, job.devices.part
    if not job.training.augment:
        return augmentation.mixed_down(dataset.crops(audio, crop_samples, size, seed, first, part))
    length = augmentation.source_samples(crop_samples)
    stereo = dataset.crops(audio, length, size, seed, first, part)
    return augmentation.augmented(stereo, crop_samples, seed, first, part)


def _trainer(job, phase):
    """The trainer of `phase`, from the phases before it."""
    autoencoder = Autoencoder.create(job.config)
    given = stored.restore_initial(autoencoder, job.checkpoint_dir)
    for source in job.sources(phase):
        if not given or stored.is_there(job.directory(source)):
            stored.restore_trained(autoencoder, job.directory(source), source, wanted_by=phase)
    is_new = not given and checkpoints.newest(job.directory(phase)) is None
    if is_new and job.config.linear_paths and phase in (1, 3):
        _start_linear_paths(job, phase, autoencoder)
    critic = SpectrogramCritic(job.training.critic_width)
    return AutoencoderTrainer(autoencoder, job.training, phase, critic, job.devices)


def _start_linear_paths(job, phase, autoencoder):
    """Starts phase 1 or 3 from the principal components of some of the crops that it will see."""
    training, config, spectra = job.training, job.config, _some_spectra(job, phase, "principal components")
    if phase == 1:
        weights = losses.frequency_weights(config.n_bins, config.fft_length, training.frequency_knee)
        principal.start_level1(autoencoder, (s.numpy() for s in spectra), weights)
    else:
        principal.start_level2(autoencoder, (autoencoder.encode1(s).numpy() for s in spectra))


def _keep_contrast(job):
    """Measures the contrast of the trained decoder 2, and stores it beside phase 4 for all who read that."""
    factor, autoencoder = job.training.contrast, stored.load(job.checkpoint_dir)
    contrast.write(contrast.Contrast.measured(factor, autoencoder, _some_spectra(job, 4, "contrast")), job.directory(4))


def _some_spectra(job, phase, purpose):
    """Yields log magnitudes `[b, frames, bins]` of some of the crops that a phase sees, the same on every worker."""
    training, config = job.training, job.config
    n_batches = min(-(-_CROPS[phase] // training.batch_size), training.steps[phase - 1])
    logger.info("phase %d: %s of %d crops", phase, purpose, n_batches * training.batch_size)
    audio = dataset.Collection(job.paths, config.sample_rate)
    whole = dataclasses.replace(job, devices=ONE)
    batches = _batches(whole, audio, training.crop_samples(config), training.seed * 4 + phase, 0)
    return (spectrogram.log_magnitude(b, config) for b in itertools.islice(batches, n_batches))


def _keep_config(job):
    """Stores the sizes beside the phases, and refuses other ones."""
    path = Path(job.checkpoint_dir) / AUTOENCODER_FILE
    if path.is_file():
        if stored.stored_config(path) != job.config:
            raise UserError(
                f"--checkpoint_dir={job.checkpoint_dir}: holds an autoencoder of another size; "
                "use its flagfile, or another folder"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps(dataclasses.asdict(job.config), indent=1))


def _keep_initial(job):
    """Stores what is to be fine-tuned beside the phases, once: a resumed run needs it no more."""
    path = stored.initial_path(job.checkpoint_dir)
    if job.initial is None or path.with_suffix(".index").is_file():
        return
    given = job.initial()
    if given.config != job.config:
        raise UserError("--init_from: an autoencoder of another size; use its flagfile")
    path.parent.mkdir(parents=True, exist_ok=True)
    if given.contrast:
        contrast.write(given.contrast, path.parent)
    stored.all_weights(given).write(checkpoints.plain_path(path))


def _previewer(autoencoder, phase, audio):
    """A function (directory, step) that writes the same few excerpts, reconstructed as far as `phase` can."""
    config = autoencoder.config
    samples = config.crop_samples(_PREVIEW_SECONDS * config.sample_rate // config.hop_length // 64 * 64)
    crops = next(iter(augmentation.mixed_down(dataset.crops(audio, samples, _PREVIEWS, seed=0))))

    @tf.function(autograph=False)
    def reconstruct(waveform):
        return spectrogram.inverse(*autoencoder.reconstruct(waveform, levels=1 if phase < 3 else 2), config)

    def write(directory, step):
        preview.write(directory / "previews", step, reconstruct(crops).numpy(), config.sample_rate)

    return write
