"""Makes music; all of it is in `musika_tf/programs/generate.py`."""

from musika_tf.programs import cli, generate

if __name__ == "__main__":
    cli.run(generate)
