"""The bundle: one SavedModel directory that encodes, decodes and generates, with its metadata; written and read.

Any TensorFlow program can load it with `tf.saved_model.load`; nothing of this package is needed for that.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import operator
import os
import shutil
from pathlib import Path

import tensorflow as tf

from musika_tf import processor
from musika_tf.autoencoder.contrast import Contrast
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import AutoencoderConfig, GanConfig, RefinerConfig, from_dict
from musika_tf.errors import UserError
from musika_tf.model.functions import CODES, OUTPUTS, Bundle, contents, in_half
from musika_tf.model.metadata import FORMAT_VERSION, METADATA, damaged, generates, read_metadata, refines
from musika_tf.model.player import Player
from musika_tf.native import plain_folder


def check_target(bundle_dir):
    """Refuses a folder that holds something other than a bundle; UserError."""
    bundle_dir = Path(bundle_dir)
    if bundle_dir.parts[:1] == ("hf:",):
        raise UserError(f"--bundle_dir={bundle_dir}: nothing is written to a hub; name a folder, and push it then")
    if bundle_dir.exists() and not (bundle_dir / METADATA).is_file():
        raise UserError(f"--bundle_dir={bundle_dir}: exists and is no bundle; name a new folder")


def save(bundle_dir, autoencoder, gan=None, conditioner=None, keep_critic=True, **about):
    """Writes a bundle, atomically: an existing one is replaced when the new one is complete.

    Args:
      autoencoder, gan, conditioner: the first alone makes a bundle that encodes and decodes.
      keep_critic: False: the bundle is smaller, and fine-tuning begins with a new critic.
      **about: name, licence, trained_on, steps, flags for the metadata.

    Raises:
      UserError: the folder exists and is no bundle, or the disk is full.
    """
    check_target(bundle_dir)
    bundle_dir = Path(bundle_dir)
    try:
        bundle_dir.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--bundle_dir={bundle_dir}: can't be made ({error.strerror}); name another folder") from error
    temporary = bundle_dir.with_name(f".{bundle_dir.name}.{os.getpid()}")
    bundle = Bundle(autoencoder, gan, conditioner, keep_critic)
    metadata = {
        "format_version": _format(autoencoder, gan),
        **about,
        **_described(autoencoder),
        **(_described_gan(gan, conditioner, keep_critic) if gan is not None else {}),
    }
    try:
        temporary.mkdir(exist_ok=True)
        tf.saved_model.save(bundle, plain_folder(temporary), signatures=bundle.signatures())
        (temporary / METADATA).write_text(json.dumps(metadata, indent=1) + "\n")
        _replace(bundle_dir, temporary)
    except (OSError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"--bundle_dir={bundle_dir}: can't be written ({reason}); make room, and run it again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _format(autoencoder, gan):
    """The oldest format that has all that the bundle needs, for the sake of older programs."""
    refiner = gan.refiner if gan is not None else None
    if autoencoder.contrast or (refiner and (refiner.config.head_size or refiner.config.held)):
        return FORMAT_VERSION
    if not refiner:
        return 3
    return 5 if refiner.guide else 4


def _described(autoencoder):
    """What the metadata says of the autoencoder."""
    config = autoencoder.config
    return {
        "sample_rate": config.sample_rate,
        "samples_per_latent": config.samples_per_latent,
        "latent_size": config.latent_channels,
        "conditioning": [],
        "precision": "float16" if autoencoder.has_rounded_encoders() else "float32",
        "autoencoder_id": autoencoder.identity(),
        "autoencoder_config": dataclasses.asdict(config),
        **({"contrast": dataclasses.asdict(autoencoder.contrast)} if autoencoder.contrast else {}),
    }


def _described_gan(gan, conditioner, has_critic):
    """What it says of the rest."""
    return {
        "window": gan.config.window,
        "coordinate_size": gan.config.coordinate_size,
        "conditioning": conditioner.metadata(),
        "gan_config": dataclasses.asdict(gan.config),
        "has_critic": has_critic,
        **({"refiner_config": dataclasses.asdict(gan.refiner.config)} if gan.refiner else {}),
    }


def _replace(folder, new):
    """Gives `folder`'s name to `new`; the old one is gone only when that is done."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:  # a signal may come between the two
        if old.exists() and not folder.exists():
            old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def identity(bundle_dir):
    """Twelve hex digits of all that a bundle's music depends on: its functions, and the checksums of its weights."""
    digest = hashlib.sha256()
    for name in ("variables/variables.index", "saved_model.pb"):
        digest.update((Path(bundle_dir) / name).read_bytes())
    return digest.hexdigest()[:12]


def load(bundle_dir, precision="float32"):
    """(the loaded bundle, its metadata); UserError where it can't be loaded. One that generates is a Player, which
    renders in `precision`, one of `processor.PRECISIONS`; that of an autoencoder alone a SavedModel."""
    processor.check_precision(precision)
    metadata = read_metadata(bundle_dir)
    if not generates(metadata):
        return _load_all(bundle_dir, CODES), metadata
    with _damage_named(bundle_dir):
        load_all = functools.partial(_load_all, bundle_dir, OUTPUTS)
        player = Player(plain_folder(bundle_dir), OUTPUTS, load_all, precision)
    return player, metadata


def _load_all(bundle_dir, names):
    """The SavedModel with all of its functions, among which these must be; UserError where it can't be loaded."""
    with _damage_named(bundle_dir):
        loaded = tf.saved_model.load(plain_folder(bundle_dir))
        missing = [name for name in names if not hasattr(loaded, name)]  # what is left of a file may load
        if missing:
            raise ValueError(f"lacks {', '.join(missing)}")
    return loaded


@contextlib.contextmanager
def _damage_named(bundle_dir):
    """Turns what a damaged SavedModel raises into a UserError."""
    try:
        yield
    except UserError:
        raise
    # OSError and OpError: cut short or missing; the others: bytes that say something else, and still make a graph.
    except (OSError, ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:
        raise damaged(bundle_dir, error) from error


def load_networks(bundle_dir, policy="float32"):
    """The networks of a bundle as Keras models again: (Autoencoder, Gan, Conditioner, metadata); `policy` as Gan's. Of
    an autoencoder alone Gan and Conditioner are None. UserError where it is no bundle, or damaged."""
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.gan.model import Gan
    from musika_tf.gan.refiner import Refiner

    metadata = read_metadata(bundle_dir)
    autoencoder, gan, conditioner = (
        Autoencoder.create(from_dict(AutoencoderConfig, metadata["autoencoder_config"])),
        None,
        None,
    )
    if "contrast" in metadata:
        autoencoder.contrast = Contrast.of(metadata["contrast"], autoencoder.config.level1_size)
    if generates(metadata):
        names = [row["name"] for row in metadata["conditioning"]]
        conditioner = Conditioner(names, autoencoder.config.latents_per_second)
        conditioner.restore(metadata["conditioning"])
        gan_config = from_dict(GanConfig, metadata["gan_config"])
        sizes = metadata["latent_size"], conditioner.n_channels
        gan = Gan.create(gan_config, *sizes, policy=policy)
        if refines(metadata):
            refiner_config = from_dict(RefinerConfig, metadata["refiner_config"])
            gan.refiner = Refiner.create(refiner_config, gan_config.window, *sizes)
    networks, stored = contents(autoencoder, gan, conditioner, metadata.get("has_critic"))
    weights = {name: network.weights for name, network in networks.items()}
    read = in_half if metadata.get("precision") == "float16" else operator.attrgetter("value")
    stored |= {name: [read(variable) for variable in variables] for name, variables in weights.items()}
    # SavedModel keeps its variables as an object-based checkpoint of the module.
    path = Path(plain_folder(bundle_dir)) / "variables" / "variables"
    try:
        tf.train.Checkpoint(stored=stored).read(str(path)).expect_partial().assert_existing_objects_matched()
    # Other names, other shapes, an empty file, and all other damage.
    except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:
        raise damaged(bundle_dir, error) from error
    for name, variables in weights.items():
        for variable, value in zip(variables, stored[name], strict=True):
            variable.assign(tf.cast(value, variable.dtype))
    if gan is not None:
        gan.generator.set_weights(gan.averaged.get_weights())
    return autoencoder, gan, conditioner, metadata
