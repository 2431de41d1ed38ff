"""A trained autoencoder, wherever it lies."""

import os
from pathlib import Path

from musika_tf.autoencoder import checkpoints
from musika_tf.model import bundle


def load_autoencoder(path):
    """The Autoencoder of a bundle or of a folder of checkpoints.

    Raises:
      UserError: the folder is neither, or lacks a phase.
    """
    if os.path.isfile(Path(path) / bundle.METADATA):
        return bundle.load_networks(path)[0]
    return checkpoints.load(path)
