"""Measures music, or an autoencoder.

    python -m musika_tf.evaluation --generated_dir=out --reference_dir=corpora/techno/held_out --json=report.json
    python -m musika_tf.evaluation --autoencoder_bundle=models/techno-mini --reference_dir=corpora/techno/held_out

The first compares two folders of audio. The second reconstructs the tracks of --reference_dir through the bundle
and through simpler ways (random phase, Griffin-Lim, MP3); without a bundle, --baselines does so through the
simpler ways alone. Needs MusiCNN's weights (`pip install --no-deps musicnn`) and librosa.
"""

import json
from pathlib import Path

from absl import flags

from musika_tf import cli
from musika_tf.errors import UserError

FLAGS = flags.FLAGS
flags.DEFINE_string("generated_dir", None, "folder of generated audio, or one file")
flags.DEFINE_string("reference_dir", None, "folder of real audio, or one file; held out from training")
flags.DEFINE_string("autoencoder_bundle", None, "bundle whose autoencoder to measure on --reference_dir")
flags.DEFINE_bool("baselines", False, "measure random phase, Griffin-Lim and MP3 on --reference_dir")
flags.DEFINE_string("json", None, "file to write all figures to")


def main(_):
    wants_autoencoder = bool(FLAGS.autoencoder_bundle) or FLAGS.baselines
    if wants_autoencoder == bool(FLAGS.generated_dir):
        raise UserError("give either --generated_dir, or --autoencoder_bundle or --baselines with --reference_dir")
    if FLAGS.json and not Path(FLAGS.json).absolute().parent.is_dir():
        raise UserError(f"--json={FLAGS.json}: no such folder to write to")
    result, text = _reconstructions() if wants_autoencoder else _folders()
    print(text)
    if FLAGS.json:
        Path(FLAGS.json).write_text(json.dumps(result, indent=1) + "\n")


def _folders():
    generated = _audio("generated_dir")
    reference = _audio("reference_dir") if FLAGS.reference_dir else []
    from musika_tf.evaluation import embeddings, report  # slow: after the flags are known to be good

    result = report.compare_folders(generated, reference, embeddings.MusiCNN.load())
    return result, report.folders_text(result)


def _reconstructions():
    tracks = _audio("reference_dir")
    bundle = _bundle(FLAGS.autoencoder_bundle) if FLAGS.autoencoder_bundle else None
    from musika_tf.evaluation import embeddings, report  # slow: after the flags are known to be good

    systems = report.baseline_systems() | (report.bundle_systems(bundle) if bundle else {})
    rows = report.evaluate_autoencoder(tracks, systems, embeddings.MusiCNN.load())
    return rows, report.table(rows)


def _audio(flag):
    from musika_tf.audio import files

    return files.find_audio(cli.require(flag))


def _bundle(path):
    if not (Path(path) / "saved_model.pb").is_file():
        raise UserError(f"--autoencoder_bundle={path}: not a bundle; give a folder that has saved_model.pb")
    import tensorflow as tf

    return tf.saved_model.load(path)


if __name__ == "__main__":
    cli.run(main)
