"""Which sizes a benchmark runs at: the flagfile on its command line, or reference and mini."""

import copy
import sys
from pathlib import Path

from absl import flags

from musika_tf import cli
from musika_tf.errors import UserError

FLAGS = flags.FLAGS
DEFAULT = ("reference", "mini")

flags.DEFINE_string("json", None, "file to write the rows to")
flags.DEFINE_integer("runs", 3, "runs of which the median counts", lower_bound=1)


def chosen():
    """Yields (name, flag values) of each preset to measure."""
    files = list(cli.flagfiles(sys.argv))
    if files or any(FLAGS[name].present for name in cli.config_flags()):
        yield Path(files[-1]).stem if files else "flags", FLAGS
        return
    for name in DEFAULT:
        values = copy.deepcopy(FLAGS)
        values([sys.argv[0], f"--flagfile={cli.PRESETS / name}.flags"], known_only=True)
        yield name, values


def check_json():
    """Refuses a --json that can't be written; before anything is measured."""
    if FLAGS.json and not Path(FLAGS.json).absolute().parent.is_dir():
        raise UserError(f"--json={FLAGS.json}: no such folder to write to")


def report(measure, rows):
    """Prints the table, and writes the JSON where one is wanted."""
    print(measure.table(rows))
    if FLAGS.json:
        measure.save(FLAGS.json, rows)
