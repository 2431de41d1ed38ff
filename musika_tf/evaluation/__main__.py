"""Measures music, a model, or an autoencoder.

    python -m musika_tf.evaluation --generated_dir=out --reference_dir=corpora/techno/held_out --json=report.json
    python -m musika_tf.evaluation --model=models/techno-mini --pieces=20 --seconds=120 --reference_dir=...
    python -m musika_tf.evaluation --autoencoder=models/techno-mini --reference_dir=corpora/techno/held_out

The first compares two folders of audio. The second generates pieces, seeds 1, 2, ..., and also looks at their
latents. The third reconstructs the tracks of --reference_dir through the bundle
and through simpler ways (random phase, Griffin-Lim, MP3); without a bundle, --baselines does so through the
simpler ways alone. Needs MusiCNN's weights (`pip install --no-deps musicnn`) and librosa.
"""

import json
import sys

from absl import flags

from musika_tf import atomic
from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_string("generated_dir", None, "folder of generated audio, or one file")
flags.DEFINE_string("model", None, "bundle whose pieces to measure")
flags.DEFINE_integer("pieces", 20, "how many pieces of --model, from seed 1 on", lower_bound=1)
flags.DEFINE_integer("seconds", 120, "length of each piece of --model", lower_bound=24)
flags.DEFINE_string("reference_dir", None, "folder of real audio, or one file; held out from training")
flags.DEFINE_string(
    "autoencoder", None, "bundle, or folder of checkpoints, whose autoencoder to measure on --reference_dir"
)
flags.DEFINE_bool("baselines", False, "measure random phase, Griffin-Lim and MP3 on --reference_dir")
flags.DEFINE_string("json", None, "file to write all figures to")


def main(_):
    wants_autoencoder = bool(FLAGS.autoencoder) or FLAGS.baselines
    if wants_autoencoder + bool(FLAGS.generated_dir) + bool(FLAGS.model) != 1:
        raise UserError("give one of --generated_dir, --model, or --autoencoder or --baselines with --reference_dir")
    cli.check_folders("json")
    result, text = _reconstructions() if wants_autoencoder else _model() if FLAGS.model else _folders()
    print(text)
    if FLAGS.json:
        atomic.write_text(FLAGS.json, json.dumps(result, indent=1) + "\n")


def _folders():
    generated = _audio("generated_dir")
    reference = _audio("reference_dir") if FLAGS.reference_dir else []
    from musika_tf.conditioning import musicnn  # slow: after the flags are known to be good
    from musika_tf.evaluation import report

    result = report.compare_folders(generated, reference, musicnn.MusiCNN.load())
    return result, report.folders_text(result)


def _model():
    reference = _audio("reference_dir") if FLAGS.reference_dir else []
    from musika_tf.conditioning import musicnn  # slow: after the flags are known to be good
    from musika_tf.evaluation import model, report
    from musika_tf.model import bundle

    networks = bundle.load_networks(FLAGS.model)[:3]
    seeds = range(1, FLAGS.pieces + 1)
    result = model.evaluate_model(networks, seeds, FLAGS.seconds, reference, musicnn.MusiCNN.load())
    return result, report.folders_text(result)


def _reconstructions():
    tracks = _audio("reference_dir")
    from musika_tf.conditioning import musicnn  # slow: after the flags are known to be good
    from musika_tf.evaluation import report
    from musika_tf.model.loading import load_autoencoder

    systems = report.baseline_systems()
    if FLAGS.autoencoder:
        systems |= report.autoencoder_systems(load_autoencoder(FLAGS.autoencoder))
    rows = report.evaluate_autoencoder(tracks, systems, musicnn.MusiCNN.load())
    return rows, report.table(rows)


def _audio(flag):
    from musika_tf.collection import scan

    return scan.find_audio(cli.require(flag))


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
