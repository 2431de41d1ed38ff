"""Reads the published checkpoints; all of it is in `musika_tf/programs/import_original.py`."""

from musika_tf.programs import cli, import_original

if __name__ == "__main__":
    cli.run(import_original)
