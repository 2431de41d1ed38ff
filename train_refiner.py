"""Trains the refiner of a bundle; all of it is in `musika_tf/programs/train_refiner.py`."""

from musika_tf.programs import cli, train_refiner

if __name__ == "__main__":
    cli.run(train_refiner)
