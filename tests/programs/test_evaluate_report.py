"""The command that a report shows, and the flag that an error names."""

import warm

SCRIPT = """
from absl import flags
from musika_tf.programs import evaluate, evaluate_report
flags.FLAGS(["evaluate.py", "--bundle=/home/me/a model", "--reference_dir=held/out", "--report_dir=/tmp/some/report",
             "--condition=tempo=1,2", "--condition=note_density=0.5", "--yardsticks", "--pieces=3"])
print(evaluate_report.command())
"""


def test_the_command_keeps_no_folders_of_the_machine():
    done = warm.run("-c", SCRIPT)
    assert done.stdout.strip() == (
        "python evaluate.py '--bundle=a model' --reference_dir=held/out --pieces=3 --condition=tempo=1,2 "
        "--condition=note_density=0.5 --yardsticks --report_dir=report"
    ), done.stderr


OF_TWO = """
from absl import flags
from musika_tf.errors import UserError
from musika_tf.programs import cli, evaluate
flags.FLAGS(["evaluate.py", "--bundle=ours", "--autoencoder=theirs"])
for folder in ("ours", "theirs"):
    try:
        with cli.bundle_of("bundle", "autoencoder"):
            raise UserError(f"--bundle_dir={folder}: no bundle")
    except UserError as error:
        print(error)
"""


def test_errors_name_the_flag_of_the_folder():
    done = warm.run("-c", OF_TWO)
    assert done.stdout.split("\n")[:2] == ["--bundle=ours: no bundle", "--autoencoder=theirs: no bundle"], done.stderr
