"""Turns a checkpoint of the published implementation into a bundle, or compares it with the published code.

python import_original.py --checkpoint_dir=DIR --bundle_dir=bundles/techno
python import_original.py --checkpoint_dir=DIR --parity        (where DIR holds expected.npz)
"""

from pathlib import Path

from absl import flags

from musika_tf.errors import UserError
from musika_tf.model import original
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.declare_key_flag("checkpoint_dir")  # so that --help shows it
flags.declare_key_flag("bundle_dir")
flags.DEFINE_bool("parity", False, f"compare every stage with the checkpoint's {original.EXPECTED}, noise off")


def main(_):
    cli.start_tensorflow()
    checkpoint_dir = cli.require("checkpoint_dir")
    if not (FLAGS.parity or FLAGS.bundle_dir):
        raise UserError("give --bundle_dir=DIR to write a bundle, or --parity to compare with the published code")
    if FLAGS.parity:
        path = Path(checkpoint_dir) / original.EXPECTED
        expected = original.read_expected(path)
        networks = original.load(checkpoint_dir)
        try:
            differences = original.parity(*networks, expected)
        except UserError as error:  # begins with the array's name
            raise UserError(f"{path}: {error}; {original.PUBLISHED}") from None
        print("| stage | largest absolute difference |\n|---|---|")
        print("\n".join(f"| {stage} | {difference:.1e} |" for stage, difference in differences.items()))
        if not all(difference <= original.TOLERANCE for difference in differences.values()):
            raise UserError(
                f"{checkpoint_dir}: more than {original.TOLERANCE} apart; {original.EXPECTED} is not of these weights"
            )
    if FLAGS.bundle_dir:
        original.save_bundle(checkpoint_dir, FLAGS.bundle_dir)
