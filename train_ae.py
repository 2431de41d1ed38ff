"""Trains the autoencoder; all of it is in `musika_tf/programs/train_ae.py`."""

from musika_tf.programs import cli, train_ae

if __name__ == "__main__":
    cli.run(train_ae)
