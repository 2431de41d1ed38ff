"""What generating consists of: python -m benchmarks.operations [--bundle_dir=models/techno] [--json=FILE]

The time of TensorFlow's operations while a minute is rendered, by kind, from TensorFlow's own trace. Operations are
timed by the clock, so that the shares hold also on a shared machine, seconds do not; a row has the median of the runs.
"""

import collections
import re
import statistics
import sys

from absl import flags

from benchmarks import presets, results  # noqa: F401 (presets defines --json and --runs)
from musika_tf import shipped
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.declare_key_flag("bundle_dir")

_SECONDS = 60
# Kinds by what an operation's name holds; the first that fits counts.
KINDS = {
    "convolutions and matrix products": ("Conv2D", "MatMul", "BiasAdd"),
    "Fourier transform": ("FFT",),
    "sin, cos, exp, sigmoid and the like": ("Sin", "Cos", "Exp", "Sigmoid", "Atan2", "Tanh", "Sqrt"),
    "copies": ("Slice", "Concat", "Pad", "Split", "Pack", "Transpose", "Cast", "Complex", "TensorList", "Gather"),
    "sums, products and the rest": ("",),
}


def kind(operation):
    """The kind of an operation's name, such as _MklNativeConv2D."""
    return next(name for name, parts in KINDS.items() if any(part in operation for part in parts))


def seconds_by_kind(step_stats):
    """{kind: seconds} of one run's trace."""
    found = collections.Counter(dict.fromkeys(KINDS, 0.0))
    for device in step_stats.dev_stats:
        for node in device.node_stats:
            named = re.search(r"= (\w+)\(", node.timeline_label)
            if named:
                found[kind(named[1])] += (node.op_end_rel_micros - node.op_start_rel_micros) / 1e6
    return found


def shares(runs):
    """Rows of {"what", "share"}: the median of each kind's share in runs of `seconds_by_kind`."""
    return [
        {"what": name, "share": statistics.median(run[name] / max(sum(run.values()), 1e-9) for run in runs)}
        for name in KINDS
    ]


def main(_):
    cli.check_folders("json")
    cli.start_rendering()
    from musika_tf.evaluation import tables
    from musika_tf.generate import rendering
    from musika_tf.generate.request import plain_piece
    from musika_tf.model import bundle

    player, metadata = bundle.load(FLAGS.bundle_dir or str(shipped.default_model()))
    piece, traces = plain_piece(7, _SECONDS, {}, metadata), []
    for run in range(FLAGS.runs + 1):
        with player.traced() as steps:
            for _ in rendering.waveforms(player, metadata, piece):
                pass
        if run:  # the first has made the graph's kernels
            traces.append(sum(map(seconds_by_kind, steps), collections.Counter()))
    rows = shares(traces)
    print(tables.markdown(["", "share of the time"], [[row["what"], f"{row['share']:.0%}"] for row in rows]))
    if FLAGS.json:
        results.write(FLAGS.json, rows)


if __name__ == "__main__":
    cli.run(sys.modules["__main__"])
