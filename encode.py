"""Encodes a folder of audio to latents; all of it is in `musika_tf/programs/encode.py`."""

from musika_tf.programs import cli, encode

if __name__ == "__main__":
    cli.run(encode)
