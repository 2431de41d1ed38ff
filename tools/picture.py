"""Mel spectrograms of audio files as one picture: python tools/picture.py --audio_dir=FOLDER --out=picture.png"""

import sys
from pathlib import Path

from absl import flags

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("out", None, "the picture to write: .png")
flags.DEFINE_float("seconds", 12.0, "how much of each file's beginning to show", lower_bound=1.0)


def main(_):
    from musika_tf.audio import files
    from musika_tf.collection import scan
    from musika_tf.training import preview

    out = Path(cli.require("out"))
    if out.suffix != ".png" or not out.parent.is_dir():
        raise UserError(f"--out={out}: give a name that ends in .png, in a folder that exists")
    n_samples = int(FLAGS.seconds * files.SAMPLE_RATE)
    paths = scan.find_audio(cli.require("audio_dir"))
    preview.picture(out, [files.read(path, 0, n_samples) for path in paths], files.SAMPLE_RATE)


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
