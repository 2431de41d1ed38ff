"""How long until there is music: python -m benchmarks.startup [--bundle_dir=models/techno] [--beside=CHECKOUT]

Every round starts fresh processes in turn, so that all meet the same disturbance. Seconds are by the clock and of CPU
time, which other programs disturb less; rows are medians, with the lowest and highest. "More than TensorFlow" is a
round's difference to a plain `import tensorflow`. `--beside` measures another checkout in the same rounds.
"""

import json
import sys
from pathlib import Path

from absl import flags

from benchmarks import presets, processes, results  # noqa: F401 (presets defines --json and --runs)
from musika_tf import shipped
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.declare_key_flag("bundle_dir")
flags.DEFINE_string("beside", None, "folder of another checkout, measured in turn with this one")

TENSORFLOW = "import tensorflow"
_PROGRAMS = {
    "generate.py --help": ["--help"],
    "generate.py --length=0: an error": ["--length=0"],
    "generate.py --out=-: a second of sound": ["--length=1", "--seed=7", "--out=-"],
}


def commands(checkout, bundle_dir):
    """{name: command line} of what a round starts in a checkout."""
    lines = {
        name: [str(checkout / "generate.py"), f"--bundle_dir={bundle_dir}", *rest] for name, rest in _PROGRAMS.items()
    }
    lines["stages"] = [str(processes.ROOT / "benchmarks" / "stages.py"), bundle_dir]
    return {name: [sys.executable, *line] for name, line in lines.items()}


def measured(checkouts, bundle_dir, n_runs):
    """Rounds -> {(checkout, name): [(wall, cpu), one for each round]}; TENSORFLOW's checkout is ""."""
    found = {}
    for _ in range(n_runs):
        taken = {("", TENSORFLOW): processes.finished([sys.executable, "-c", TENSORFLOW])[:2]}
        for checkout in checkouts:
            for name, line in commands(checkout, bundle_dir).items():
                done = processes.finished(line, checkout)
                if name == "stages":
                    taken |= {(str(checkout), stage): (wall, cpu) for stage, wall, cpu in json.loads(done.said)}
                else:
                    taken[str(checkout), name] = done[:2]
        for key, seconds in taken.items():
            found.setdefault(key, []).append(seconds)
    return found


def rows_of(found):
    """The rows of `measured`: dicts with `cpu`, `wall`, and for what makes sound `beyond` of TensorFlow's import, each
    [median, lowest, highest]."""
    rows, imports = [], [cpu for _, cpu in found["", TENSORFLOW]]
    for (checkout, name), seconds in found.items():
        wall, cpu = zip(*seconds, strict=True)
        row = {"checkout": checkout, "what": name, "cpu": results.spread(cpu), "wall": results.spread(wall)}
        if "a second of sound" in name:
            row["beyond"] = results.spread(own - plain for own, plain in zip(cpu, imports, strict=True))
        rows.append(row)
    return rows


def table(rows):
    """The rows as a Markdown table."""
    from musika_tf.evaluation import tables

    def text(values):
        return results.spread_text(values) if values else ""

    names = ["what", "CPU seconds", "by the clock", "CPU seconds more than TensorFlow"]
    cells = [[row["what"], text(row["cpu"]), text(row["wall"]), text(row.get("beyond"))] for row in rows]
    if len({row["checkout"] for row in rows}) > 2:
        names, cells = ["checkout", *names], [[r["checkout"], *c] for r, c in zip(rows, cells, strict=True)]
    return tables.markdown(names, cells)


def main(_):
    cli.check_folders("json")
    bundle_dir = FLAGS.bundle_dir and str(Path(FLAGS.bundle_dir).resolve()) or str(shipped.default_model())
    checkouts = [processes.ROOT, *([Path(FLAGS.beside).resolve()] if FLAGS.beside else [])]
    rows = rows_of(measured(checkouts, bundle_dir, FLAGS.runs))
    print(table(rows))
    if FLAGS.json:
        results.write(FLAGS.json, rows)


if __name__ == "__main__":
    cli.run(sys.modules["__main__"])
