"""Settings for all tests and the programs they start. Read before any test imports TensorFlow."""

import fcntl
import os
import signal

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Tests run tiny networks: more threads only get in each other's way.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
# A test and the program it starts share a GPU.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
# A cache of numba's (librosa's loops) for each worker: two processes that fill one at once may store the machine code
# of one signature under another, and whoever loads it crashes.
_NUMBA_CACHE = f"numba-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
os.environ.setdefault("NUMBA_CACHE_DIR", os.path.abspath(os.path.join(__file__, "../../.pytest_cache", _NUMBA_CACHE)))

# A shell's background jobs, and nohup, ignore these; programs would inherit that, and tests send them.
for _number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)

import pytest  # noqa: E402


def pytest_collection_modifyitems(items):
    """The file that takes longest comes first: alone at the end it would leave a core idle."""
    items.sort(key=lambda item: item.path.name != "test_end_to_end.py")


@pytest.fixture
def eagerly():
    """Functions of TensorFlow run eagerly: a few steps take less time than tracing one."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def warm_workers(monkeypatch):
    """Workers are forks of a process that has TensorFlow imported, which takes seconds."""
    import multiprocessing

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["musika_tf.model.codec"])  # what can't be imported would go unsaid
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: context)


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


def made_for_all(tmp_path_factory, name, make):
    """A folder that the first of all workers (`pytest -n`) makes, by a function of its path."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    path = base / name
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(path)
    return path


def bundle_for_all(tmp_path_factory, name, gan_channels, conditioner):
    """The folder of a bundle of the tiny networks."""
    import tiny

    from musika_tf.model import bundle

    def make(path):
        networks = tiny.autoencoder(), tiny.gan(n_conditioning=gan_channels), conditioner()
        bundle.save(path, *networks, name=name, steps=12)

    return made_for_all(tmp_path_factory, name, make)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A bundle of the tiny networks on disk."""
    import tiny

    return bundle_for_all(tmp_path_factory, "tiny", 11, tiny.conditioner)


@pytest.fixture(scope="session")
def steerable(tmp_path_factory):
    """One of a model that every signal steers."""
    import tiny

    return bundle_for_all(tmp_path_factory, "steerable", 14, tiny.steerable)


@pytest.fixture(scope="session")
def exported_steerable(tmp_path_factory, steerable):
    """A function of a format to the folder that `musika-tf export` writes of that bundle."""
    import warm

    def exported(file_format):
        def make(path):
            flags = f"--format={file_format}", f"--bundle_dir={steerable}", f"--export_dir={path}"
            done = warm.run("-c", warm.MUSIKA_TF, "export", *flags)
            assert done.returncode == 0 and not done.stderr, done.stderr

        return made_for_all(tmp_path_factory, f"exported-{file_format}", make)

    return exported
