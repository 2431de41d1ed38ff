"""The published code, called as its own programs call it: python -m benchmarks.published.theirs CHECKOUT WAY TASK.

CHECKOUT is a folder with its modules, WAY one of `WAYS`, TASK as `task.Task`. Its networks keep the weights that they
begin with, because the published ones are not asked for: speed does not depend on them.
"""

import importlib
import os
import sys
import tempfile
import warnings
from unittest import mock

import numpy as np

from benchmarks import worker
from benchmarks.published.task import ENCODE, GENERATE, LATENTS, SAMPLES_PER_LATENT, STEP, Task

PLAIN, XLA = "plain", "xla"
WAYS = {PLAIN: "published", XLA: "published, with XLA"}
FILES = ("models.py", "layers.py", "utils.py", "utils_encode.py", "train.py", "losses.py", "parse/parse_train.py")
# What its modules import and what is measured here does not call.
_NOT_CALLED = ("gradio", "huggingface_hub", "matplotlib", "matplotlib.pyplot", "pydub", "tensorboard")
_TRUNCATION, _BATCH = 2.0, 64  # of its generate()


class Published:
    """Its modules from a checkout, its settings, and its networks as they are before training."""

    def __init__(self, checkout, way, batch_size):
        import tensorflow as tf

        sys.path.insert(0, os.path.abspath(checkout))
        sys.modules.update({name: mock.MagicMock() for name in _NOT_CALLED})
        # It reads the command line.
        words = [f"--bs={batch_size}", f"--xla={way == XLA}", "--cpu=true"]
        with mock.patch.object(sys, "argv", ["musika_train.py", *words]):
            self.settings = importlib.import_module("parse.parse_train").parse_args()
        with mock.patch.object(tf.keras.Model, "load_weights"):
            self.networks = importlib.import_module("models").Models_functions(self.settings).initialize_networks()

    def parameters(self, *places):
        return sum(self.networks[i].count_params() for i in places)


# The places of its networks.
_CRITIC, _GENERATOR, _ENCODER1, _DECODER1, _ENCODER2, _DECODER2, _AVERAGED, _OPTIMISERS = range(8)


def generating(published, task):
    """(what generates once, parameters), as its generate() does but for the file that this writes."""
    utils = importlib.import_module("utils").Utils_functions(published.settings)
    networks = [published.networks[i] for i in (_AVERAGED, _DECODER1, _DECODER2)]

    def run():
        coordinates = utils.get_noise_interp_multi(task.n_pieces, _TRUNCATION)
        return utils.generate_waveform(coordinates, *networks, batch_size=_BATCH)

    # Its inverse STFT ends with the last whole frame.
    missing = task.n_pieces * LATENTS * SAMPLES_PER_LATENT - len(run())
    assert abs(missing) <= 4 * published.settings.hop, f"{missing} samples are missing"
    return run, published.parameters(_AVERAGED, _DECODER1, _DECODER2)


def encoding(published, task):
    """(what encodes once, parameters), as its compress_whole_files() does but for reading the file."""
    hop = published.settings.hop
    n_samples = task.n_pieces * LATENTS * SAMPLES_PER_LATENT + 3 * hop  # whole windows
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, [n_samples, 2]).astype(np.float32)
    published.settings.files_path = os.devnull
    utils = importlib.import_module("utils_encode").UtilsEncode_functions(published.settings)
    utils.audio_generator = lambda: iter([(audio, "latents")])

    def run():
        with tempfile.TemporaryDirectory() as folder:
            published.settings.save_path = folder
            utils.compress_whole_files(published.networks)  # which says what fails, and goes on
            return np.load(f"{folder}/latents.npy")

    found = len(run())
    assert found == task.n_pieces * LATENTS, f"{found} latents"
    return run, published.parameters(_ENCODER1, _ENCODER2)


def training(published, task):
    """(what trains once, parameters), as its train() does but for data and logs."""
    import tensorflow as tf

    settings = published.settings
    trainer = importlib.import_module("train").Train_functions(settings)
    average = tf.train.ExponentialMovingAverage(decay=0.999)
    average.apply(published.networks[_AVERAGED].trainable_variables)
    trainer.update_lr(settings.lr, published.networks[_OPTIMISERS])

    @tf.function(jit_compile=settings.xla)
    def step(batch):
        return trainer.train_all(batch, average, g_train=True, disc_train=True, models_ls=published.networks)

    batch = tf.random.normal([task.batch_size, settings.latlen, 2 * settings.latdepth])
    step(batch)  # compiles
    return lambda: [loss.numpy() for loss in step(batch)], published.parameters(_GENERATOR, _CRITIC)


TASKS = {GENERATE: generating, ENCODE: encoding, STEP: training}


def main(checkout, way, *words):
    task, answers = Task.read(words), worker.answers()
    warnings.simplefilter("ignore")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(task.threads)
    tf.config.threading.set_inter_op_parallelism_threads(task.threads)
    run, parameters = TASKS[task.what](Published(checkout, way, task.batch_size), task)
    facts = {"name": WAYS[way], "parameters": parameters}
    worker.serve(facts, {task.what: lambda: worker.taken(run)}, answers)


if __name__ == "__main__":
    main(*sys.argv[1:])
