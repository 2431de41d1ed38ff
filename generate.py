"""Makes music: python generate.py --length 3m57s --seed 7 --out song.wav"""

import sys
import time
from pathlib import Path

from absl import flags

from musika_tf import cli, durations
from musika_tf.errors import UserError

FLAGS = flags.FLAGS
flags.DEFINE_string("length", "1m", "how long: 3m57s, 23s, 1h, or seconds")
flags.DEFINE_string("out", None, "file to write: .wav, .flac or .ogg; default: MODEL-SEED.wav")
flags.DEFINE_integer("seed", None, "which piece; default: a random one, which is printed")
flags.DEFINE_integer("style_seed", None, "its style; default: the seed")
flags.DEFINE_float("truncation", 2.0, "how far from the ordinary: lower is safer", 0.1, 3.9)

SHIPPED = Path(__file__).resolve().parent / "models" / "techno-mini"


def main(_):
    seconds = durations.parse(FLAGS.length)
    cli.start_tensorflow()
    from musika_tf import bundle
    from musika_tf.audio.writer import check_output
    from musika_tf.pipeline import generation

    bundle_dir = FLAGS.bundle_dir or str(SHIPPED)
    metadata = bundle.read_metadata(bundle_dir)
    rate = metadata["sample_rate"]
    n_samples = max(round(seconds * rate), 1)
    seed = generation.random_seed() if FLAGS.seed is None else FLAGS.seed
    style_seed = seed if FLAGS.style_seed is None else FLAGS.style_seed
    if any(abs(number) >= 2**63 for number in (seed, style_seed)):
        raise UserError("--seed: a whole number below 2^63, please")
    out = FLAGS.out or f"{metadata['name']}-{seed}.wav"
    check_output(out, n_samples)
    loaded, metadata = bundle.load(bundle_dir)
    piece = generation.Piece(seed, style_seed, 0, n_samples, FLAGS.truncation)
    begin = time.monotonic()

    def progress(done):
        rate_now = done / rate / (time.monotonic() - begin)
        print(f"\r{done / n_samples:4.0%}, {rate_now:.1f} times real time", end="", file=sys.stderr, flush=True)

    generation.write(out, loaded, metadata, piece, progress)
    taken = time.monotonic() - begin
    print(file=sys.stderr)
    print(
        f"{out}: {durations.spoken(n_samples / rate)} of music (seed {seed}) in {taken:.1f} s, "
        f"{n_samples / rate / taken:.1f} times faster than real time"
    )


if __name__ == "__main__":
    cli.run(main)
