"""Measures music, models, autoencoders and extractors; all of it is in `musika_tf/programs/evaluate.py`."""

from musika_tf.programs import cli, evaluate

if __name__ == "__main__":
    cli.run(evaluate)
