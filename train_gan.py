"""Trains the latent GAN and writes the bundle; all of it is in `musika_tf/programs/train_gan.py`."""

from musika_tf.programs import cli, train_gan

if __name__ == "__main__":
    cli.run(train_gan)
