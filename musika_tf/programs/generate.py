"""Makes music: python generate.py --length 3m57s --seed 7 --out song.wav

Endless, into a player:  python generate.py --length inf --out - | aplay
Steered:                 python generate.py --bars 64 --bpm 128 --loop --out loop.wav
"""

import os
import sys

from absl import flags

from musika_tf import durations, shipped
from musika_tf.conditioning.steering import SETTINGS
from musika_tf.errors import UserError
from musika_tf.generate import production
from musika_tf.generate.request import STREAM, TRUNCATION, TRUNCATIONS, Request, random_seed
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.declare_key_flag("bundle_dir")  # so that --help shows it
flags.declare_key_flag("precision")
flags.declare_key_flag("threads")
flags.declare_key_flag("trust")
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
flags.DEFINE_float("truncation", TRUNCATION, "how far from the ordinary: lower is safer", *TRUNCATIONS)
flags.DEFINE_bool("loop", False, "make a seamless loop of exactly --length, or --bars")
flags.DEFINE_integer("num_pieces", 1, "pieces of consecutive seeds; --out: a folder, or a name with {seed}", 1)
flags.DEFINE_integer("preview", None, "short previews of so many seeds and a page to pick from; --out: a folder", 1)
flags.DEFINE_integer("workers", 1, "processes that render the parts of a long piece", 1)
flags.DEFINE_string("bpm", None, "beats per minute, such as 132; default: what the style draws")
flags.DEFINE_string(
    "note_density",
    None,
    "how many notes: 0.45, points in time such as 0:0.1,30s:0.8,1m:0.2, a CSV file of time,value rows, or moving:0.45, "
    "about this; default: moving, about what the style draws; a loop stays there",
)
flags.DEFINE_string(
    "position",
    None,
    "where in the song: body (no beginning, no ending), plan (beginning, body, ending), plan:20s,30s (how long both "
    "ends are), plan:20s,30s,4m (and the whole, for an excerpt), or as --note_density; default: body; a loop stays in "
    "one place",
)
flags.DEFINE_string(
    "tags", None, 'what it sounds like: "techno=0.9,ambient=0.1"; each may have points in time; default: by style'
)
flags.DEFINE_integer("bars", None, "length in bars of four beats, in place of --length, for models with a beat", 1)
flags.DEFINE_bool("click", False, "add a metronome, for models with a beat")


def request():
    """The flags as a Request."""
    if FLAGS.bars and FLAGS.length:
        raise UserError(f"--bars={FLAGS.bars}: says how long the piece is; leave out --length")
    length = FLAGS.length or ("15s" if FLAGS.preview else "1m")
    return Request(
        shipped=str(shipped.default_model()),
        bundle_dir=FLAGS.bundle_dir,
        seed=random_seed() if FLAGS.seed is None else FLAGS.seed,
        seconds=None if FLAGS.bars or length.lower() == "inf" else durations.parse(length),
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
        bars=FLAGS.bars,
        settings={setting: FLAGS[flag].value for setting, flag in SETTINGS.items()},
        click=FLAGS.click,
        precision="bfloat16" if FLAGS.precision == "bfloat16" else "float32",  # the others are of a training preset
    )


def _choose_model():
    """Where no model is named, takes the one of one's own training, if there is one; returns what to say of that, or
    None."""
    own = os.path.join(FLAGS.checkpoint_dir, "bundle")
    if FLAGS.bundle_dir:
        return cli.resolve("bundle_dir")
    if os.path.isdir(own):
        FLAGS.bundle_dir = own
    return f"defaults: --bundle_dir={FLAGS.bundle_dir or shipped.DEFAULT_MODEL}"


def main(_):
    default = _choose_model()
    asked = request()
    if default:
        print(default, file=sys.stderr if asked.out == STREAM else None, flush=True)
    production.run(asked, cli.start_rendering, FLAGS.threads)
