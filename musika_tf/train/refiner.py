"""A bundle that generates and latents in, the same bundle with a refiner out."""

import dataclasses
import functools
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf import atomic
from musika_tf.conditioning import signals
from musika_tf.config import RefinerConfig, RefinerTraining
from musika_tf.errors import UserError
from musika_tf.gan import data
from musika_tf.gan.refiner import Refiner
from musika_tf.gan.refiner_trainer import RefinerTrainer
from musika_tf.model import bundle
from musika_tf.model.metadata import check_generates, told
from musika_tf.stereo import layouts
from musika_tf.train import loudness, stored
from musika_tf.training import loop
from musika_tf.training.devices import ONE, Devices

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Job:
    """What train_refiner.py was asked to do; `source` is the bundle that gets a refiner, `bundle_dir` where it goes."""

    config: RefinerConfig
    training: RefinerTraining
    source: str
    latents_dir: str
    checkpoint_dir: str
    bundle_dir: str
    save_every: int
    cache_dir: str | None = None
    precision: str = "float32"  # of precision.POLICIES
    devices: Devices = ONE

    @property
    def directory(self):
        return Path(self.checkpoint_dir) / "refiner"

    @property
    def guide_directory(self):
        """Of its own for each width: another guide is soon learned."""
        return self.directory / f"guide{self.config.guide_width}"


def train(job, save_flags: Callable[[Path], None] = lambda directory: None):
    """Trains the guide and the refiner, resuming where they were, and writes the bundle.

    A bundle that has a refiner of this width goes on from it, with or without attention; the guide, which is to be
    poor, begins anew.

    Returns:
      True when training is complete, False when it was interrupted (and saved; the bundle is written all the same, but
      not before the refiner's own training has begun).

    Raises:
      UserError: no bundle that generates, no latents, latents of another model or other extractors, or checkpoints of
        another size.
    """
    devices = job.devices
    devices.check_batch(job.training.batch_size, "refiner_batch_size")
    bundle.check_target(job.bundle_dir)
    tf.keras.utils.set_random_seed(job.training.seed)
    with devices.scope():
        autoencoder, gan, conditioner, metadata = bundle.load_networks(job.source)
    check_generates(job.source, metadata)
    sizes = job.config, gan.config.window, gan.latent_size, gan.n_conditioning
    with devices.scope():
        refiner, learning = Refiner.create(*sizes), Refiner.create(*sizes, job.precision)
    needed = [signals.find(row["name"]) for row in metadata["conditioning"]]
    pieces = data.load_pieces(job.latents_dir, needed, refiner.span, job.cache_dir)
    pieces.check_model(autoencoder.identity(), job.latents_dir, job.source)
    conditioner.check_extractors(pieces.extractors, f"--latents_dir={job.latents_dir}")
    pieces.mirror = layouts.create(autoencoder.config).mirror
    pieces.conditioning = [conditioner.scaled(c) for c in pieces.conditioning]
    mean, deviation = pieces.statistics()
    goes_on = gan.refiner and gan.refiner.config.width == job.config.width
    with devices.scope():
        refiner.fit(mean, deviation)
        if job.config.held:
            refiner.hold(loudness.axes(autoencoder, mean, deviation, job.config.held))
        if goes_on:
            learning.network.begin_as(gan.refiner.network)
        for name, network in learning.networks.items():
            refiner.networks[name].set_weights(network.get_weights())
        common = refiner, learning, job.training, _emphasis(gan, deviation), devices
        trainer = RefinerTrainer(*common)
        guide_trainer = RefinerTrainer(*common, of_guide=True) if refiner.guide else None
    _check_size(job, sizes)
    if devices.is_chief:
        save_flags(job.directory)
    logger.info("refiner: %d pieces, %d latents, %d steps", len(pieces.latents), pieces.n_latents, trainer.n_steps)

    batches = functools.partial(
        data.batches, pieces, refiner.span, job.training.batch_size, job.training.seed, part=devices.part
    )
    if guide_trainer and not loop.train(guide_trainer, batches, job.guide_directory, job.save_every):
        return False
    complete = loop.train(trainer, batches, job.directory, job.save_every)
    gan.refiner = refiner
    about = {**told(metadata), "refiner_steps": int(trainer.step_count.numpy())}
    networks = autoencoder, gan, conditioner, metadata["has_critic"]
    devices.chief_first(lambda: bundle.save(job.bundle_dir, *networks, **about))
    return complete


def _emphasis(gan, deviation):
    """What an error of each channel counts: as much as the GAN makes of it; root mean square 1."""
    seen = deviation / gan.standardiser.deviation.numpy()
    return (seen / np.sqrt(np.mean(np.square(seen)))).astype(np.float32)


def _check_size(job, sizes):
    """Stores the sizes beside the checkpoints; refuses other ones than are there."""
    path = job.directory / "refiner.json"
    config, *others = sizes
    described = {"width": config.width, "others": others}
    if config.head_size:  # older than the choice are those without
        described["head_size"] = config.head_size
    if path.is_file() and stored.read(path) != described:
        raise UserError(f"--checkpoint_dir={job.checkpoint_dir}: holds a refiner of another size; use another")
    job.directory.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps(described))
