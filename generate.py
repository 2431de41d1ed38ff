"""Makes music: python generate.py --length 3m57s --seed 7 --out song.wav

Endless, into a player:  python generate.py --length inf --out - | aplay
"""

from pathlib import Path

from absl import flags

from musika_tf import cli, durations
from musika_tf.pipeline import production

FLAGS = flags.FLAGS
flags.DEFINE_string("length", None, "how long: 3m57s, 23s, 1h, seconds, or inf; default: 1m, for previews 15s")
flags.DEFINE_string("start", "0", "where in the piece to begin: 1h2m3s, 1:02:03 or seconds")
flags.DEFINE_string(
    "out", None, "file to write: .wav, .flac or .ogg; - streams WAV to standard output; default: MODEL-SEED.wav"
)
flags.DEFINE_integer("seed", None, "which piece; default: a random one, which is printed")
flags.DEFINE_integer("style_seed", None, "its style; default: the seed")
flags.DEFINE_integer("style_to", None, "style that the piece morphs to; in a loop, there and back")
flags.DEFINE_string("style_over", None, "how long --style_to takes; default: to the end of what is rendered")
flags.DEFINE_string("style_file", None, 'keyframes of style, JSON: [{"time": "0:30", "style": 7}, ...]')
flags.DEFINE_float("truncation", 2.0, "how far from the ordinary: lower is safer", 0.1, 3.9)
flags.DEFINE_bool("loop", False, "make a seamless loop of exactly --length")
flags.DEFINE_integer("num_pieces", 1, "pieces of consecutive seeds; --out: a folder, or a name with {seed}", 1)
flags.DEFINE_integer("preview", None, "short previews of so many seeds and a page to pick from; --out: a folder", 1)
flags.DEFINE_integer("workers", 1, "processes that render the parts of a long piece", 1)

SHIPPED = Path(__file__).resolve().parent / "models" / "techno-mini"


def request():
    """The flags as a Request."""
    length = FLAGS.length or ("15s" if FLAGS.preview else "1m")
    return production.Request(
        shipped=str(SHIPPED),
        bundle_dir=FLAGS.bundle_dir,
        seed=production.random_seed() if FLAGS.seed is None else FLAGS.seed,
        seconds=None if length.lower() == "inf" else durations.parse(length),
        start=durations.parse_time(FLAGS.start, "--start"),
        out=FLAGS.out,
        style_seed=FLAGS.style_seed,
        style_to=FLAGS.style_to,
        style_over=durations.parse(FLAGS.style_over, "style_over") if FLAGS.style_over else None,
        style_file=FLAGS.style_file,
        truncation=FLAGS.truncation,
        loop=FLAGS.loop,
        n_pieces=FLAGS.preview or FLAGS.num_pieces,
        previews=FLAGS.preview is not None,
        n_workers=FLAGS.workers,
    )


def main(_):
    asked = request()
    cli.start_tensorflow()
    production.run(asked, cli.start_tensorflow)


if __name__ == "__main__":
    cli.run(main)
