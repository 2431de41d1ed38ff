"""Shows the page; all of it is in `musika_tf/programs/app.py`."""

from musika_tf.programs import app, cli

if __name__ == "__main__":
    cli.run(app)
