"""What a training logged, as CSV: python tools/training_log.py --checkpoint_dir=DIR --csv_dir=models/mine/training

One file for each phase, the GAN, the refiner and its guide: losses at up to --rows steps. And their effective flags.
"""

import csv
import shutil
import sys
from pathlib import Path

from absl import flags

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("csv_dir", None, "folder for the CSV files, made where missing")
flags.DEFINE_integer("rows", 100, "most rows per file", lower_bound=2)


def scalars(directory):
    """TensorBoard scalars of a training: dict of step -> dict of name -> value; later runs win."""
    import tensorflow as tf

    steps = {}
    for path in sorted(Path(directory).glob("summaries/events*"), key=lambda p: p.stat().st_mtime):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                steps.setdefault(event.step, {})[value.tag] = float(tf.make_ndarray(value.tensor))
    return dict(sorted(steps.items()))


def thin(steps, rows):
    """At most `rows` of the steps, evenly, with the last."""
    chosen = list(steps)
    stride = -(-len(chosen) // rows)
    return {step: steps[step] for step in chosen[::-1][::stride][::-1]}


def write_csv(path, steps):
    """One row a step, one column a scalar; empty where a step has none."""
    names = sorted({name for values in steps.values() for name in values})
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", *names])
        for step, values in steps.items():
            writer.writerow([step, *(f"{values[name]:.5g}" if name in values else "" for name in names)])


def main(_):
    checkpoint_dir, out_dir = Path(cli.require("checkpoint_dir")), Path(cli.require("csv_dir"))
    trainings = [checkpoint_dir / name for name in ("phase1", "phase2", "phase3", "phase4", "gan", "refiner")]
    trainings += sorted((checkpoint_dir / "refiner").glob("guide*"))
    found = {path: steps for path in trainings if (steps := scalars(path))}
    if not found:
        raise UserError(
            f"--checkpoint_dir={checkpoint_dir}: no training here; give the folder that train_ae.py was given"
        )
    out_dir.mkdir(parents=True, exist_ok=True)
    for path, steps in found.items():
        write_csv(out_dir / f"{path.name}.csv", thin(steps, FLAGS.rows))
        if path.parent == checkpoint_dir:  # the guide's are the refiner's
            shutil.copyfile(path / "effective.flags", out_dir / f"{path.name}.flags")
        print(f"{path.name}: {len(steps)} logged steps, the last {max(steps)}")


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
