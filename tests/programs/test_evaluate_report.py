"""The command that a report shows."""

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
