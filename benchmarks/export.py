"""What an exported model costs beside its bundle: python -m benchmarks.export [--bundle_dir=models/techno]

Each plays seed 7 in a new process, `--runs` times, of which the median counts: by examples/plain_tensorflow.py or
examples/numpy_player.py, and with --browser in chromium by examples/browser. First sound is the time from the process's
start to its first block of samples; times real time is of all others. Both are also told in seconds of processor time,
which mean something on a busy machine, too. The browser is open already: its time is from the page's first request on.
"""

import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import types

from absl import flags

from benchmarks import browser
from musika_tf import shipped
from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_integer("n_latents", 320, "length of the piece in latents: 30 s at 44.1 kHz", 32)
flags.DEFINE_bool("browser", False, "measure examples/browser, too; needs chromium, playwright and its npm packages")
flags.DEFINE_integer("runs", 3, "processes of which the median counts", 1)
flags.DEFINE_string("exported", None, "folder to keep the exports in, for the next time; default: a temporary one")

PLAY = pathlib.Path(__file__).with_name("play.py")
COLUMNS = ("", "first sound", "its CPU time", "times real time", "per CPU second", "size on disk", "largest difference")


def run(kind, folder, out):
    """One process: dict of the seconds of wall-clock and processor time to the first block, and of the rest."""
    if kind == "browser":
        import numpy as np

        made = browser.play(folder, 7, FLAGS.n_latents)
        np.save(out, np.transpose(made.pop("sides")).astype(np.float32))
        return made | {"first_cpu": math.nan, "rest_cpu": math.nan}
    begin = time.perf_counter()
    command = [sys.executable, str(PLAY), kind, str(folder), str(FLAGS.n_latents), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said = {}
        for line in process.stdout:
            word, *numbers = line.split()
            said[word] = time.perf_counter() - begin, *map(float, numbers)
    (first, first_cpu, n_samples), (done, done_cpu) = said["first"], said["done"]
    return {"first": first, "first_cpu": first_cpu, "samples": n_samples, "rest": done - first,
            "rest_cpu": done_cpu - first_cpu}  # fmt: skip


def medians(kind, folder, out):
    runs = [run(kind, folder, out) for _ in range(FLAGS.runs)]
    return {key: statistics.median(each[key] for each in runs) for key in runs[0]}


def megabytes(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file()) / 1e6


def row(kind, folder, out, expected):
    """The cells of one kind; `expected` is the bundle's waveform, or None of the bundle itself."""
    import numpy as np

    from musika_tf.model.metadata import read_metadata

    taken, rate = medians(kind, folder, out), read_metadata(FLAGS.bundle_dir)["sample_rate"]
    played = np.load(out)
    seconds = (len(played) - taken["samples"]) / rate
    difference = "" if expected is None else f"{np.abs(played - expected).max():.1e}"
    return played, [
        kind,
        f"{taken['first']:.2f} s",
        _known(f"{taken['first_cpu']:.2f} s"),
        f"{seconds / taken['rest']:.1f}",
        _known(f"{seconds / taken['rest_cpu']:.1f}"),
        f"{megabytes(folder):.1f} MB",
        difference,
    ]


def _known(text):
    return "" if text.startswith("nan") else text


def table(work):
    """The rows, in a folder for exports and waveforms."""
    from musika_tf.export import folder

    rows, expected = [], None
    for kind in ("bundle", "litert", "onnx", *(["browser"] if FLAGS.browser else [])):
        stored = "onnx" if kind == "browser" else kind
        path = FLAGS.bundle_dir if kind == "bundle" else os.path.join(FLAGS.exported or work, stored)
        if not os.path.isdir(path):
            folder.export(FLAGS.bundle_dir, path, kind)
        played, cells = row(kind, path, os.path.join(work, "played.npy"), expected)
        expected = played if expected is None else expected
        rows.append(cells)
    return rows


def main(_):
    if FLAGS.browser and browser.missing():
        raise UserError(f"--browser: {browser.missing()}")
    FLAGS.bundle_dir = FLAGS.bundle_dir or shipped.DEFAULT_MODEL
    cli.resolve("bundle_dir")
    cli.start_tensorflow()
    from musika_tf.evaluation import tables

    with tempfile.TemporaryDirectory() as work:
        print(tables.markdown(COLUMNS, table(work)))


if __name__ == "__main__":
    cli.run(types.SimpleNamespace(main=main, __doc__=__doc__, __name__=__name__))
