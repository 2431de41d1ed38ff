"""A bundle of the tiny networks on disk, saved once a session."""

import pytest
import tiny

from musika_tf.model import bundle


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles") / "tiny"
    bundle.save(path, tiny.autoencoder(), tiny.gan(n_conditioning=11), tiny.conditioner(), name="tiny", steps=12)
    return path


@pytest.fixture(scope="session")
def steerable(tmp_path_factory):
    """One of a model that every signal steers."""
    path = tmp_path_factory.mktemp("bundles") / "steerable"
    conditioner = tiny.steerable()
    bundle.save(path, tiny.autoencoder(), tiny.gan(n_conditioning=14), conditioner, name="steerable", steps=12)
    return path
