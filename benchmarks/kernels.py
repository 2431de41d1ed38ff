"""Whose kernels training steps are fastest with: python -m benchmarks.kernels [--flagfile=FILE] [--json=FILE]

Every round measures `benchmarks.train_step` in fresh processes in turn: with the kernels of Eigen, of oneDNN, and as
XLA compiles them; then the first two as on a processor without AVX-512, which XLA can't be made to take this one for.
CPU seconds of a step, the median of the rounds with the lowest and highest, and how many times as fast as Eigen's in
the same round.
"""

import collections
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from absl import flags

from benchmarks import presets, results, train_step  # noqa: F401 (presets defines --json and --runs)
from musika_tf.processor import ONEDNN_CAP, ONEDNN_SWITCH
from musika_tf.programs import cli, flagfiles

FLAGS = flags.FLAGS
flags.DEFINE_list("sets", ["newest", "AVX2"], "instruction sets: newest is what this processor has")

EIGEN, XLA = "Eigen", "XLA"
KERNELS = {EIGEN: ("0", []), "oneDNN": ("1", []), XLA: ("1", ["--xla"])}


def environment(kernels, instruction_set):
    """What a process of these kernels finds in its environment."""
    found = {key: value for key, value in os.environ.items() if key not in (ONEDNN_SWITCH, ONEDNN_CAP)}
    if instruction_set != "newest":
        found[ONEDNN_CAP] = instruction_set
    return found | {ONEDNN_SWITCH: KERNELS[kernels][0], "TF_CPP_MIN_LOG_LEVEL": "3"}


def measured(arguments, sets, n_rounds):
    """Rounds of train_step with these arguments -> {(instruction set, step): {kernels: [CPU seconds, ...]}}."""
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    variants = [(name, kernels) for name in sets for kernels in KERNELS if name == "newest" or kernels != XLA]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.json")
        for instruction_set, kernels in variants * n_rounds:
            more = KERNELS[kernels][1]
            line = [sys.executable, "-m", "benchmarks.train_step", *arguments, *more, f"--json={path}"]
            subprocess.run(line, env=environment(kernels, instruction_set), stdout=subprocess.DEVNULL, check=True)
            for row in json.loads(path.read_text())["rows"]:
                found[instruction_set, row["preset"]][kernels].append(row["cpu_seconds"])
    return found


def rows(found):
    """Rows of {"step", "instructions", "kernels", "cpu_seconds", "times_as_fast"}; the last two a `results.spread`."""
    return [
        {
            "step": step,
            "instructions": instruction_set,
            "kernels": kernels,
            "cpu_seconds": results.spread(seconds),
            "times_as_fast": results.spread(eigen / own for eigen, own in zip(by_kernels[EIGEN], seconds, strict=True)),
        }
        for (instruction_set, step), by_kernels in found.items()
        for kernels, seconds in by_kernels.items()
    ]


def main(_):
    cli.check_folders("json")
    from musika_tf.evaluation import tables

    flagfile = [f"--flagfile={path}" for path in flagfiles.named(sys.argv)[-1:]]
    names = ("steps", "threads", "gan_batch_size", "ae_batch_size", "gan_r1_every")
    given = [f"--{name}={_text(FLAGS[name].value)}" for name in names if FLAGS[name].present]
    found = rows(measured([*flagfile, *given, "--runs=1"], FLAGS.sets, FLAGS.runs))
    cells = [[_cell(value) for value in row.values()] for row in found]
    print(tables.markdown(["step", "instructions", "kernels", "CPU seconds", "times as fast as Eigen"], cells))
    if FLAGS.json:
        results.write(FLAGS.json, found)


def _text(value):
    return ",".join(value) if isinstance(value, list) else value


def _cell(value):
    return value if isinstance(value, str) else results.spread_text(value)


if __name__ == "__main__":
    cli.run(sys.modules["__main__"])
