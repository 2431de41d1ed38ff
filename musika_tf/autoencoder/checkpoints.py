"""What the four phases leave in a folder of checkpoints, read back into an Autoencoder."""

import logging
from pathlib import Path

import tensorflow as tf

from musika_tf import json_file
from musika_tf.autoencoder import contrast
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.autoencoder.trainer import TRAINED
from musika_tf.config import AUTOENCODER_FILE, AutoencoderConfig, from_dict
from musika_tf.errors import UserError
from musika_tf.training import checkpoints
from musika_tf.training.ema import MovingAverage

logger = logging.getLogger(__name__)


def load(checkpoint_dir):
    """The Autoencoder of a folder of checkpoints, each network from the last phase that trained it.

    Phases 2 and 4 may still be to come: latents depend on 1 and 3 alone. One that fine-tunes another needs none.

    Raises:
      UserError: the folder holds no autoencoder, or phase 1 or 3 is missing.
    """
    path = Path(checkpoint_dir) / AUTOENCODER_FILE
    if not path.is_file():
        raise UserError(
            f"{checkpoint_dir}: no autoencoder here; train one: train_ae.py --checkpoint_dir={checkpoint_dir}"
        )
    autoencoder = Autoencoder.create(stored_config(path))
    given = restore_initial(autoencoder, checkpoint_dir)
    for phase in (1, 2, 3, 4):
        directory = Path(checkpoint_dir) / f"phase{phase}"
        if given and not is_there(directory):
            continue
        if phase in (2, 4) and not is_there(directory):
            logger.warning("%s: phase %d is missing; the decoder of an earlier phase is used", checkpoint_dir, phase)
            continue
        restore_trained(autoencoder, directory, phase)
    autoencoder.contrast = _contrast(checkpoint_dir, autoencoder.config.level1_size)
    return autoencoder


def _contrast(checkpoint_dir, size):
    """That of decoder 2, wherever it was trained last; None where that was in phase 3."""
    if is_there(Path(checkpoint_dir) / "phase4"):
        return contrast.read(Path(checkpoint_dir) / "phase4", size)
    trained_anew = any(is_there(Path(checkpoint_dir) / f"phase{phase}") for phase in (1, 3))
    return None if trained_anew else contrast.read(initial_path(checkpoint_dir).parent, size)


def stored_config(path):
    """The AutoencoderConfig in a file; UserError where it holds none."""
    try:
        return from_dict(AutoencoderConfig, json_file.read(path))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{path}: damaged ({error}); write it again: train_ae.py with the flags beside the checkpoints, "
            "after deleting it"
        ) from error


def restore_initial(autoencoder, checkpoint_dir):
    """Reads the weights that fine-tuning started from into `autoencoder`; False where there are none."""
    path = initial_path(checkpoint_dir)
    if not path.with_suffix(".index").is_file():
        return False
    with checkpoints.damage_named(path, "fine-tune again in another --checkpoint_dir"):
        all_weights(autoencoder).read(checkpoints.plain_path(path)).assert_existing_objects_matched()
    return True


def initial_path(checkpoint_dir):
    return Path(checkpoint_dir) / "initial" / "autoencoder"


def all_weights(autoencoder):
    # By network, because layers in lists are unknown to TensorFlow's checkpoints.
    return tf.train.Checkpoint(**{name: [v.value for v in n.weights] for name, n in autoencoder.networks.items()})


def is_there(directory):
    return checkpoints.exported(directory) is not None


def restore_trained(autoencoder, directory, phase, wanted_by=None):
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
        status = tf.train.Checkpoint(trainer=holder).restore(checkpoints.plain_path(path))
        status.expect_partial().assert_existing_objects_matched()
    holder.average.copy_to(trained)
