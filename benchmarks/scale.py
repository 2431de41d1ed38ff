"""Whether time is linear and memory flat: python -m benchmarks.scale [--bundle_dir=models/techno] [--piece_minutes=1,4]

Every round runs generate.py anew, from its start to the closed file, for each length; for the first one again from ten
hours on; and for one with two workers beside one. "A further minute" is a round's difference to the length before,
divided by the minutes between: what start-up costs is not in it.
"""

import sys
import tempfile
from pathlib import Path

from absl import flags

from benchmarks import presets, processes, results  # noqa: F401 (presets defines --json and --runs)
from musika_tf import shipped
from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.declare_key_flag("bundle_dir")
flags.DEFINE_list("piece_minutes", ["1", "4", "16", "64"], "lengths of the pieces, rising")
flags.DEFINE_float("workers_minutes", 16, "length that one and two processes of a thread each are compared at; 0: none")

LATE = "from 10 h on"
ONE, TWO = "one process, one thread", "two workers, one thread each"


def variants(minutes, workers_minutes):
    """{name: flags of generate.py} of what a round runs."""
    lines = {f"{length:g} min": [f"--length={length * 60:g}s"] for length in minutes}
    lines[LATE] = [*lines[f"{minutes[0]:g} min"], "--start=10h"]
    if workers_minutes:
        length = f"--length={workers_minutes * 60:g}s"
        lines |= {ONE: [length, "--threads=1"], TWO: [length, "--threads=2", "--workers=2"]}
    return lines


def measured(lines, bundle_dir, n_runs):
    """Rounds -> {name: [processes.Finished, one for each round]}.

    Raises:
      UserError: generate.py fails.
    """
    program = [sys.executable, str(processes.ROOT / "generate.py"), f"--bundle_dir={bundle_dir}", "--seed=7"]
    found = {name: [] for name in lines}
    for _ in range(n_runs):
        for name, line in lines.items():
            with tempfile.TemporaryDirectory() as folder:
                done = processes.finished([*program, *line, f"--out={folder}/piece.wav"])
            if done.status:
                raise UserError(f"generate.py {' '.join(line)}: ended with status {done.status}; run it to see why")
            found[name].append(done)
    return found


def rows_of(found, minutes):
    """Rows of `measured`: each what, cpu, wall ([median, lowest, highest]), memory in bytes; of a length after the
    first `further_cpu` and `further_wall`, seconds for a further minute of music, and of two workers `times`."""
    rows = []
    for name, runs in found.items():
        row = {"what": name, "memory": max(run.memory for run in runs)}
        row |= {part: results.spread(getattr(run, part) for run in runs) for part in ("cpu", "wall")}
        rows.append(row)
    for i in range(1, len(minutes)):
        shorter, longer = (found[f"{minutes[j]:g} min"] for j in (i - 1, i))
        for part in ("cpu", "wall"):
            more = [getattr(b, part) - getattr(a, part) for a, b in zip(shorter, longer, strict=True)]
            rows[i][f"further_{part}"] = results.spread(value / (minutes[i] - minutes[i - 1]) for value in more)
    if TWO in found:
        pairs = zip(found[ONE], found[TWO], strict=True)
        rows[-1]["times"] = results.spread(one.wall / two.wall for one, two in pairs)
    return rows


def table(rows):
    """The rows as a Markdown table."""
    from musika_tf.evaluation import tables

    parts = {
        "CPU seconds": "cpu", "by the clock": "wall", "CPU seconds for a further minute": "further_cpu",
        "by the clock, for a further minute": "further_wall", "times as fast, by the clock": "times",
    }  # fmt: skip
    cells = [
        [row["what"], *(results.spread_text(row[part]) if part in row else "" for part in parts.values())]
        + [f"{row['memory'] / 1e9:.2f} GB"]
        for row in rows
    ]
    return tables.markdown(["", *parts, "peak memory"], cells)


def _rising(texts):
    try:
        minutes = [float(text) for text in texts]
    except ValueError:
        minutes = []
    if not minutes or minutes[0] <= 0 or any(b <= a for a, b in zip(minutes, minutes[1:], strict=False)):
        raise UserError(f"--piece_minutes={','.join(texts)}: rising numbers above 0 are wanted, like 1,4,16,64")
    return minutes


def main(_):
    cli.check_folders("json")
    minutes = _rising(FLAGS.piece_minutes)
    bundle_dir = Path(FLAGS.bundle_dir or shipped.default_model()).resolve()
    rows = rows_of(measured(variants(minutes, FLAGS.workers_minutes), bundle_dir, FLAGS.runs), minutes)
    print(table(rows))
    if FLAGS.json:
        results.write(FLAGS.json, rows)


if __name__ == "__main__":
    cli.run(sys.modules["__main__"])
