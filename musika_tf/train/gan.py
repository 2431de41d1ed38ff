"""Latents in, bundle out: the GAN's training with everything around it."""

import dataclasses
import functools
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf import atomic, shipped
from musika_tf.conditioning import signals
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import GanConfig, GanTraining, from_dict
from musika_tf.errors import UserError
from musika_tf.frechet import frechet_distance
from musika_tf.gan import data
from musika_tf.gan.alarm import Alarm
from musika_tf.gan.model import Gan
from musika_tf.gan.trainer import GanTrainer
from musika_tf.model import bundle
from musika_tf.model.codec import Codec
from musika_tf.model.line import Line, steady
from musika_tf.model.loading import autoencoder_of_latents, load_autoencoder
from musika_tf.model.metadata import bundle_in, generates
from musika_tf.stereo import layouts
from musika_tf.train import emphasis, stored
from musika_tf.training import checkpoints, loop, preview
from musika_tf.training.devices import ONE, Devices

logger = logging.getLogger(__name__)

PREVIEW_SEEDS = (1, 2, 3)
_PREVIEW_SECONDS = 12
_ASSESSED_SEEDS = range(1, 17)  # the previews' among them
_MOST_ROWS = 8192
_CONFIG_FILE, _CONDITIONING_FILE = "gan.json", "conditioning.json"
_FIRST_ALARM = 0.05  # share of the steps before which every GAN looks collapsed


@dataclasses.dataclass(frozen=True)
class Job:
    """What train_gan.py was asked to do."""

    config: GanConfig
    training: GanTraining
    latents_dir: str
    checkpoint_dir: str
    save_every: int
    signals: tuple[str, ...] = ()
    init_from: str | None = None
    bundle_dir: str | None = None
    keep_critic: bool = True
    export: str = "last"  # or "best": the checkpoint that becomes the bundle
    cache_dir: str | None = None
    about: dict = dataclasses.field(default_factory=dict)
    precision: str = "float32"  # of precision.POLICIES
    devices: Devices = ONE

    @property
    def directory(self):
        return Path(self.checkpoint_dir) / "gan"

    @property
    def target(self):
        return Path(self.bundle_dir or Path(self.checkpoint_dir) / "bundle")

    @property
    def name(self):
        """The model's name where `about` has none: that of the folder that the user named."""
        return os.path.basename(os.path.abspath(self.bundle_dir or self.checkpoint_dir))


def train(job, save_flags: Callable[[Path], None] = lambda directory: None):
    """Trains the GAN, resuming where it was, and writes the bundle.

    Returns:
      True when training is complete, False when it was interrupted (and saved; the bundle is written all the same).

    Raises:
      UserError: no autoencoder or latents, latents of another model, or other sizes than the folder's.
    """
    devices = job.devices
    devices.check_batch(job.training.batch_size, "gan_batch_size")
    bundle.check_target(job.target)
    tf.keras.utils.set_random_seed(job.training.seed)
    needed = [signals.find(name) for name in job.signals]
    pieces = data.load_pieces(job.latents_dir, needed, job.config.critic_window, job.cache_dir)
    with devices.scope():
        autoencoder, gan, conditioner = _networks(job, pieces.model_id)
    pieces.check_model(autoencoder.identity(), job.latents_dir, job.init_from or job.checkpoint_dir)
    pieces.mirror = layouts.create(autoencoder.config).mirror
    _check_config(job)
    _fit(conditioner, job, pieces)
    if not job.init_from and job.training.standardise and checkpoints.newest(job.directory) is None:
        mean, deviation = pieces.statistics()
        gan.standardiser.fit(mean, deviation / _emphasis(job, autoencoder, pieces, deviation))
    pieces.conditioning = [conditioner.scaled(c) for c in pieces.conditioning]
    with devices.scope():
        trainer = GanTrainer(gan, job.training, devices)
    devices.chief_first(lambda: _keep_config(job, conditioner))
    if devices.is_chief:
        save_flags(job.directory)
    logger.info("GAN: %d pieces, %d latents, %d steps", len(pieces.latents), pieces.n_latents, trainer.n_steps)

    size, seed = job.training.batch_size, job.training.seed
    batches = functools.partial(data.batches, pieces, job.config.critic_window, size, seed, part=devices.part)
    line = Line(Codec(autoencoder), gan, conditioner)
    previews = devices.is_chief and (_previewer(line, autoencoder.config), _assessor(line, pieces, trainer))
    complete = loop.train(trainer, batches, job.directory, job.save_every, *(previews or (None, None)))
    if job.export == "best":
        checkpoints.restore_best(trainer, job.directory)
    about = {"name": job.name, **job.about, "steps": int(trainer.step_count.numpy())}
    devices.chief_first(lambda: bundle.save(job.target, autoencoder, gan, conditioner, job.keep_critic, **about))
    if gan.refiner and devices.is_chief:
        logger.warning(
            "%s: its refiner is that of %s, which draws the music towards what that learned; "
            "train_refiner.py --latents_dir=%s --checkpoint_dir=%s makes it this model's own",
            *(job.target, job.init_from, job.latents_dir, job.checkpoint_dir),
        )
    return complete


def _fit(conditioner, job, pieces):
    """Fits the Conditioner, or adapts that of `init_from`; of a training that is under way it stays as it was, whatever
    latents have come or gone."""
    path, where = job.directory / _CONDITIONING_FILE, f"--latents_dir={job.latents_dir}"
    if not checkpoints.newest(job.directory) or not path.is_file():
        if job.init_from:
            conditioner.check_extractors(pieces.extractors, where)
            conditioner.adapt(pieces.conditioning)
        else:
            conditioner.fit(pieces.conditioning, pieces.extractors)
        return
    state = stored.read(path)
    try:
        conditioner.set_state(state)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path}: damaged ({error}); delete it, and the signals' scale is that of the latents"
        ) from error
    conditioner.check_extractors(pieces.extractors, where)


def _emphasis(job, autoencoder, pieces, deviation):
    """What the GAN multiplies standardised numbers by, float32 `[latent_channels]`."""
    exponent = job.training.emphasis
    if not exponent:
        return np.ones_like(deviation)
    moved = emphasis.moved(Codec(autoencoder), emphasis.excerpts(pieces.latents), deviation)
    mirrored = np.abs(pieces.mirror(moved[None])[0])  # left and right count alike
    return emphasis.scales((moved + mirrored) / 2, exponent)


def _networks(job, model_id):
    """(Autoencoder, Gan, Conditioner), fresh or from `init_from`."""
    if job.init_from:
        config, names = sizes_of(job.init_from)
        if names != job.signals:
            raise UserError(f"--init_from={job.init_from}: its --conditioning is {','.join(names)!r}")
        if config != job.config:
            raise UserError(f"--init_from={job.init_from}: a GAN of another size; use its flagfile")
        return bundle.load_networks(bundle_in(job.init_from), job.precision)[:3]
    source = autoencoder_of_latents(job.checkpoint_dir, model_id)
    if source != job.checkpoint_dir:
        logger.info("the autoencoder is that of %s, which made the latents", shipped.name(source))
    autoencoder = load_autoencoder(source)
    conditioner = Conditioner(job.signals, autoencoder.config.latents_per_second)
    latent_size = autoencoder.config.latent_channels
    gan = Gan.create(job.config, latent_size, conditioner.n_channels, job.training.noise_init, job.precision)
    return autoencoder, gan, conditioner


def sizes_of(folder):
    """(GanConfig, names of the signals) of a bundle, or of the one in a folder of checkpoints; UserError if there is
    none, or none that generates."""
    path = bundle_in(folder)
    metadata = bundle.read_metadata(path)
    if not generates(metadata):
        raise UserError(f"--init_from={folder}: an autoencoder without a GAN; leave --init_from out")
    config = from_dict(GanConfig, metadata["gan_config"])
    return config, tuple(row["name"] for row in metadata["conditioning"])


def _described(job):
    return {**dataclasses.asdict(job.config), "signals": list(job.signals)}


def _check_config(job):
    """Refuses other sizes and signals than those that lie beside the checkpoints."""
    path = job.directory / _CONFIG_FILE
    if not path.is_file():
        return
    kept, unsaid = stored.read(path), dataclasses.asdict(from_dict(GanConfig, {}))
    if not isinstance(kept, dict) or unsaid | kept != _described(job):
        raise UserError(
            f"--checkpoint_dir={job.checkpoint_dir}: holds a GAN of another size or conditioning; use another"
        )


def _keep_config(job, conditioner):
    """Stores sizes, signals and their scale beside the checkpoints."""
    job.directory.mkdir(parents=True, exist_ok=True)
    atomic.write_text(job.directory / _CONFIG_FILE, json.dumps(_described(job), indent=1))
    atomic.write_text(job.directory / _CONDITIONING_FILE, json.dumps(conditioner.state(), indent=1))


def _previewer(line, config):
    """A function (directory, step) that writes the beginnings of the same pieces every time."""
    n_latents = int(_PREVIEW_SECONDS * config.latents_per_second)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    def render(seed):
        return line.generate(seed, seed, tf.constant(0, tf.int64), n_latents, 2.0, tf.zeros([0, 0]))

    def write(directory, step):
        waveforms = [render(seed).numpy() for seed in PREVIEW_SEEDS]
        preview.write(directory / "previews", step, waveforms, config.sample_rate)

    return write


def _assessor(line, pieces, trainer):
    """A function to figures of the averaged generator: the Frechet distance of its latents, and gan.alarm's.

    The distance is that of the training's and of generated pairs of neighbouring latents, so that movement counts, each
    channel divided by its deviation. Both have as many rows every time, or few rows' bias would be compared.
    """
    deviation = np.maximum(pieces.statistics()[1], 1e-3)
    alarm, n = Alarm(pieces.latents, deviation, pieces.mirror), 2 * line.gan.config.critic_window

    def pairs(some):
        rows = np.concatenate([np.concatenate([x[:-1], x[1:]], axis=1) for x in some])
        return rows[:: -(-len(rows) // _MOST_ROWS)] / np.tile(deviation, 2)

    real = pairs(pieces.latents)

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64)], autograph=False)
    def latents(seed):
        course = steady(seed, seed, 2.0, tf.zeros([0, 0]), 0)
        return line.latents_between(course, tf.constant(0, tf.int64), tf.constant(n, tf.int64))

    def assess():
        generated = np.stack([latents(tf.constant(seed, tf.int64)).numpy() for seed in _ASSESSED_SEEDS])
        figures = {"frechet": frechet_distance(real, pairs(generated)), **alarm.figures(generated)}
        step = int(trainer.step_count.numpy())
        if step >= _FIRST_ALARM * trainer.n_steps:
            for warning in alarm.warnings(figures):
                logger.warning("step %d: %s", step, warning)
        return figures

    return assess
