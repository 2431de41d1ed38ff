"""Reports of a model's music, or of a folder of it, and tables of several: the parts `--report_dir` and `--tables` of
evaluate.py."""

import os
import shlex
import sys

from absl import flags

from musika_tf import shipped
from musika_tf.errors import UserError, printable
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("report_dir", None, "folder to write report.html, report.json and what they are made from to")
flags.DEFINE_string("training_dir", None, "folder of the training audio: whether music copies it, and the scale; slow")
flags.DEFINE_multi_string(
    "condition",
    [],
    "signal and values, such as note_density=0.15,0.45: a set of pieces steered to each, for the report",
)
flags.DEFINE_bool(
    "yardsticks",
    False,
    "in the report, also measure the reference with its seconds shuffled, noise of its spectrum, and what the "
    "autoencoder of --bundle, or --autoencoder, makes of it",
)
flags.DEFINE_string(
    "vggish", None, "weights of VGGish, a checkpoint or a SavedModel: distances by it in the report too"
)

flags.DEFINE_list("tables", None, "folders of reports against one reference, to print side by side in Markdown")

_OF_THE_REPORT = ("training_dir", "condition", "yardsticks", "vggish")
_SAID = ("bundle", "generated_dir", "reference_dir", "training_dir", "pieces", "seconds", "autoencoder", "vggish")
_PATHS = ("bundle", "generated_dir", "reference_dir", "training_dir", "autoencoder", "vggish", "report_dir")


def check_flags():
    """UserError where flags of the report stand without it, or contradict each other."""
    if FLAGS.tables and (FLAGS.report_dir or FLAGS.json):
        raise UserError(f"--tables={','.join(FLAGS.tables)}: prints what was written before; leave the others out")
    if not FLAGS.report_dir:
        for name in _OF_THE_REPORT:
            if FLAGS[name].value:
                raise UserError(f"--{name}: is of the report; add --report_dir=report")
        return
    if FLAGS.control or FLAGS.signals or FLAGS.baselines:
        raise UserError(f"--report_dir={FLAGS.report_dir}: is of --bundle or --generated_dir; leave the others out")
    if bool(FLAGS.bundle) == bool(FLAGS.generated_dir):
        raise UserError(f"--report_dir={FLAGS.report_dir}: of what? Give one of --bundle and --generated_dir")
    if FLAGS.condition and not FLAGS.bundle:
        raise UserError("--condition: steers the pieces of --bundle; give one in place of --generated_dir")
    if FLAGS.autoencoder and not FLAGS.yardsticks:
        raise UserError("--autoencoder: its reconstruction is one of --yardsticks; add that, or leave it out")
    if FLAGS.bundle and not FLAGS.pieces:
        raise UserError("--pieces=0: nothing is left to measure; give a number above 0")
    cli.require("reference_dir")


def run():
    """Writes the report; returns (what report.json holds, text to print)."""
    cli.start_tensorflow()  # slow: after the flags are known to be good
    from musika_tf.evaluation import full_report, hearing, pieces

    conditions = pieces.conditions(FLAGS.condition)
    ears = hearing.installed_ears(FLAGS.vggish)
    order = full_report.Order(
        report_dir=FLAGS.report_dir,
        reference_dir=FLAGS.reference_dir,
        generated_dir=FLAGS.generated_dir,
        bundle=FLAGS.bundle,
        training_dir=FLAGS.training_dir,
        cache_dir=FLAGS.cache_dir,
        n_pieces=FLAGS.pieces,
        seconds=FLAGS.seconds or 120,
        conditions=tuple(conditions),
        yardsticks=FLAGS.yardsticks,
        autoencoder=FLAGS.autoencoder,
        command=command(),
        show_progress=True,
    )
    with cli.bundle_of("bundle", "autoencoder"):
        result = full_report.write(order, ears)
    for row in result["left_out"]:
        print(printable(f"{row['set']}: {row['name']}: {row['reason']}; left out"), file=sys.stderr)
    return result, f"{full_report.text(result)}\n\n{os.path.join(FLAGS.report_dir, full_report.PAGE_FILE)}"


def tables():
    """Prints the reports of --tables side by side."""
    from musika_tf.evaluation import paper_table

    print(paper_table.text(paper_table.read(FLAGS.tables)))


def command():
    """The command line as the report shows it: of absolute paths the last name, since where things lie says nothing."""
    words = ["python", "evaluate.py"]
    words += [f"--{name}={_shown(name)}" for name in _SAID if FLAGS[name].present and FLAGS[name].value is not None]
    words += [f"--condition={text}" for text in FLAGS.condition] + ["--yardsticks"] * FLAGS.yardsticks
    return shlex.join([*words, f"--report_dir={_shown('report_dir')}"])


def _shown(name):
    value = FLAGS[name].value
    if name not in _PATHS:
        return value
    value = shipped.name(value)
    return os.path.basename(os.path.normpath(value)) if os.path.isabs(value) else value
