"""A trained autoencoder, wherever it lies."""

import os
from pathlib import Path

from musika_tf import shipped
from musika_tf.autoencoder import checkpoints
from musika_tf.config import AUTOENCODER_FILE, AutoencoderConfig, from_dict
from musika_tf.model import bundle


def autoencoder_config(path):
    """The AutoencoderConfig of a bundle or of a folder of checkpoints; UserError where it is neither."""
    stored = Path(path) / AUTOENCODER_FILE
    if os.path.isfile(stored):
        return checkpoints.stored_config(stored)
    return from_dict(AutoencoderConfig, bundle.read_metadata(path)["autoencoder_config"])


def autoencoder_of_latents(checkpoint_dir, model_id):
    """Where the autoencoder lies to train a GAN for: `checkpoint_dir`, if it holds one, or else the shipped bundle
    whose latents these are, by the `model_id` of the autoencoder that made them."""
    if not os.path.isfile(Path(checkpoint_dir) / AUTOENCODER_FILE):
        for folder in shipped.models():
            if bundle.read_metadata(folder)["autoencoder_id"] == model_id:
                return folder
    return checkpoint_dir


def load_autoencoder(path):
    """The Autoencoder of a bundle or of a folder of checkpoints; UserError where it is neither, or lacks a phase."""
    if os.path.isfile(Path(path) / bundle.METADATA):
        return bundle.load_networks(path)[0]
    return checkpoints.load(path)
