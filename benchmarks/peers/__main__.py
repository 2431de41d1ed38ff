"""Other codecs beside ours: python -m benchmarks.peers --python=DIR/bin/python [--threads=1] [--json=FILE]

Encodes and decodes the same length of stereo by descript-audio-codec, EnCodec, RAVE and music2latent, each with random
weights in a process of its own, and by ours before and after each of them. benchmarks/peers/README.md says how to make
their environment, whose Python --python is.
"""

import contextlib
import os
import sys

from absl import flags

from benchmarks import (
    presets,  # noqa: F401 (it defines --json and --runs)
    results,
    worker,
)
from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
NAMES = ("encodec", "rave", "dac", "music2latent")
FACTS = ("name", "sample_rate", "channels", "parameters")

flags.DEFINE_string("python", ".venv-peers/bin/python", "Python of the peers' environment")
flags.DEFINE_list("peers", list(NAMES), "which to measure")
flags.DEFINE_float("length", 30.0, "seconds of stereo to encode and decode", lower_bound=1.0)


def commands(python, names, seconds, threads):
    """{name: command line} of the peers' processes."""
    if wrong := [name for name in names if name not in NAMES]:
        raise UserError(f"--peers: no {wrong[0]!r}; there are {', '.join(NAMES)}")
    return {name: [python, "-m", "benchmarks.peers.networks", name, str(seconds), str(threads)] for name in names}


def started(name, line):
    """The Worker of a peer's command line."""
    try:
        return worker.Worker(name, line, FACTS, "leave it out of --peers")
    except OSError as error:
        reason = f"can't be started ({error.strerror})"
        raise UserError(f"--python={line[0]}: {reason}; benchmarks/peers/README.md says how to make one") from error


def main(_):
    cli.check_folders("json")
    threads = FLAGS.threads or os.cpu_count()
    lines = commands(FLAGS.python, FLAGS.peers, FLAGS.length, threads)
    cli.start_tensorflow(threads)
    from benchmarks import measure
    from benchmarks.peers import comparison, ours

    with contextlib.ExitStack() as stack:
        peers = []
        for name, line in lines.items():
            peers.append(started(name, line))
            stack.callback(peers[-1].close)
        codecs = ours.codecs(FLAGS.length)
        found, products = comparison.rounds(peers, codecs, ours.Product(), FLAGS.runs)
    rows = comparison.rows_of(found, peers, codecs, FLAGS.length)
    print(measure.machine(), comparison.products_text(products), sep="\n")
    print("", comparison.facts_table(rows), "", comparison.speed_table(rows), sep="\n")
    if FLAGS.json:
        content = {"machine": measure.machine(), "products": products, "rows": rows}
        results.write(FLAGS.json, content)


if __name__ == "__main__":
    cli.run(sys.modules["__main__"])
