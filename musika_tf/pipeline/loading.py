"""A trained autoencoder, wherever it lies."""

from pathlib import Path

from musika_tf import bundle
from musika_tf.autoencoder import phases


def load_autoencoder(path):
    """The Autoencoder of a bundle or of a folder of checkpoints.

    Raises:
      UserError: the folder is neither, or lacks a phase.
    """
    if (Path(path) / bundle.METADATA).is_file():
        return bundle.load_networks(path)[0]
    return phases.load(path)
