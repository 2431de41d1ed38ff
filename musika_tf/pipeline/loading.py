"""A trained autoencoder, wherever it lies."""

import os
from pathlib import Path

from musika_tf import bundle
from musika_tf.autoencoder import phases


def load_autoencoder(path):
    """The Autoencoder of a bundle or of a folder of checkpoints.

    Raises:
      UserError: the folder is neither, or lacks a phase.
    """
    if os.path.isfile(Path(path) / bundle.METADATA):
        return bundle.load_networks(path)[0]
    return phases.load(path)
