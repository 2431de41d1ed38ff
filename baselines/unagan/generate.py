"""Pieces of an UNAGAN-style baseline as WAV files: python -m baselines.unagan.generate --out_dir=out --pieces=20

The same command gives the same files. They are mono, at 22,050 Hz, written as two equal channels.
"""

import sys
from pathlib import Path

import numpy as np
from absl import flags

from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("out_dir", None, "folder to write seed-1.wav, ... into")
flags.DEFINE_integer("pieces", 20, "how many", lower_bound=1)
flags.DEFINE_float("seconds", 120.0, "how long each is", lower_bound=0.1, upper_bound=7200.0)
flags.DEFINE_integer("seed", 1, "of the first piece; the others follow", lower_bound=0, upper_bound=2**31)
for name in ("checkpoint_dir", "threads"):
    flags.declare_key_flag(name)  # so that --help shows it


def main(_):
    out_dir, directory = Path(cli.require("out_dir")), cli.require("checkpoint_dir")
    cli.start_tensorflow()
    from baselines.unagan import folder, mel
    from musika_tf.evaluation import file_sets

    model, identity = folder.load(directory)
    n_samples = round(FLAGS.seconds * mel.SAMPLE_RATE)

    def job(seed):
        def blocks():
            waveform = mel.to_waveform(model.generate(seed, mel.n_frames(n_samples)), n_samples, seed)
            yield np.stack([waveform, waveform], axis=1)

        path, comment = out_dir / f"seed-{seed}.wav", f"UNAGAN-style seed={seed} checkpoint={identity}"
        return file_sets.Job(path, comment, mel.SAMPLE_RATE, n_samples, blocks)

    file_sets.make([job(FLAGS.seed + i) for i in range(FLAGS.pieces)], show_progress=True)


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
