"""Settings for all tests and the programs they start. Read before any test imports TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run tiny networks: more threads only get in each other's way.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# A test and the program it starts share a GPU.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import pytest  # noqa: E402


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A bundle of the tiny networks on disk, saved once a session."""
    import tiny

    from musika_tf.model import bundle

    path = tmp_path_factory.mktemp("bundles") / "tiny"
    bundle.save(path, tiny.autoencoder(), tiny.gan(n_conditioning=11), tiny.conditioner(), name="tiny", steps=12)
    return path


@pytest.fixture(scope="session")
def steerable(tmp_path_factory):
    """One of a model that every signal steers."""
    import tiny

    from musika_tf.model import bundle

    path = tmp_path_factory.mktemp("bundles") / "steerable"
    conditioner = tiny.steerable()
    bundle.save(path, tiny.autoencoder(), tiny.gan(n_conditioning=14), conditioner, name="steerable", steps=12)
    return path
