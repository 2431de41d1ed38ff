"""Settings for all tests and the programs they start. Read before any test imports TensorFlow."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run tiny networks: more threads only get in each other's way.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# A test and the program it starts share a GPU.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import pytest  # noqa: E402


@pytest.fixture
def eagerly():
    """Functions of TensorFlow run eagerly: a few steps take less time than tracing one."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def clock(monkeypatch):
    """A clock of `timing` that stands still: `clock[0]` is what it shows, in seconds."""
    from musika_tf import timing

    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


@pytest.fixture
def two_files(tmp_path):
    """A folder with two files of five seconds in its folder `audio`."""
    import soundfile
    import tiny

    (tmp_path / "audio").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "audio" / f"{name}.wav", 0.1 * tiny.normal(5 * 44_100, 2), 44_100)
    return tmp_path


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
