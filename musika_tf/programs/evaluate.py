"""Measures music, a model, an autoencoder, how well a model follows its signals, or the signals' extractors.

python evaluate.py --generated_dir=out --reference_dir=corpora/techno/held_out --json=report.json
python evaluate.py --bundle=models/techno --pieces=20 --seconds=120 --reference_dir=...
python evaluate.py --bundle=models/techno --reference_dir=corpora/techno/held_out --report_dir=report
python evaluate.py --tables=report-techno,report-baseline
python evaluate.py --autoencoder=models/techno --reference_dir=corpora/techno/held_out
python evaluate.py --control --bundle=models/techno --json=techno.json
python evaluate.py --control --bundle=models/piano --curve --json=piano.json
python evaluate.py --control --results=techno.json,piano.json --picture=control.png
python evaluate.py --signals --audio_dir=corpora/techno --tracks=20

The first compares two folders of audio. The second generates pieces, seeds 1, 2, ..., and also looks at their latents.
The third reconstructs the tracks of --reference_dir through the bundle and through simpler ways (random phase,
Griffin-Lim, MP3); with --baselines in place of a bundle, through the simpler ways alone. These three need MusiCNN's
weights (pip install --no-deps musicnn), the third also Basic Pitch's (pip install --no-deps basic-pitch==0.4.0).

--report_dir writes a page, report.html, and all figures, report.json, of --bundle or --generated_dir: distances with
intervals, and what distances do not see. The pieces of --bundle are kept there; --condition adds sets of steered ones,
--yardsticks sets that say what a distance means. The same command goes on after an interruption. --tables prints
reports against one reference side by side, in Markdown.

--control generates pieces at each of --settings, hears them with the extractors that read the training data, and
prints tables. Of a model that follows the tempo, a few long pieces more are held against the beats of the grid that was
asked for; --curve lets one piece of hours follow a slow sine of note density. --pieces=0 or --grid_pieces=0 leaves
that part out. --results prints the tables of earlier runs again, and draws one picture of all.

--signals reads the tracks that tools/render_corpus.py wrote below --audio_dir, which know their own onsets or grid, by
every extractor that is installed.
"""

import json

from absl import flags

from musika_tf import atomic
from musika_tf.errors import UserError
from musika_tf.programs import cli, evaluate_control, evaluate_report

FLAGS = flags.FLAGS
flags.DEFINE_string("generated_dir", None, "folder of generated audio, or one file")
flags.DEFINE_string("bundle", None, "bundle whose pieces to measure")
flags.DEFINE_integer("pieces", 20, "how many pieces of --bundle, from seed 1 on; of --control, at each setting", 0)
flags.DEFINE_integer("seconds", None, "length of each piece of --bundle; default: 120, of --control 60", lower_bound=24)
flags.DEFINE_string("reference_dir", None, "folder of real audio, or one file; held out from training")
flags.DEFINE_string(
    "autoencoder", None, "bundle, or folder of checkpoints, whose autoencoder to measure on --reference_dir"
)
flags.DEFINE_bool("baselines", False, "measure random phase, Griffin-Lim and MP3 on --reference_dir")
flags.DEFINE_string("json", None, "file to write all figures to")
flags.DEFINE_bool("control", False, "measure whether --bundle does what it is told")
flags.DEFINE_bool("signals", False, "measure the extractors of signals on the tracks of --audio_dir")
flags.DEFINE_integer("tracks", 0, "how many tracks of --signals, in order of their names; 0: all", lower_bound=0)
flags.declare_key_flag("audio_dir")
flags.declare_key_flag("trust")
flags.adopt_module_key_flags(evaluate_control)
flags.adopt_module_key_flags(evaluate_report)
flags.declare_key_flag("cache_dir")


def main(_):
    cli.check_folders("json", "picture")
    cli.resolve("bundle", "autoencoder")
    evaluate_report.check_flags()
    _measurement()()


def _measurement():
    """The function that measures what the flags ask for; UserError where that is not one thing."""
    wanted = {
        "--control": (FLAGS.control, evaluate_control.main),
        "--signals": (FLAGS.signals, _signals),
        "--generated_dir": (FLAGS.generated_dir, _folders),
        "--autoencoder or --baselines": (
            FLAGS.baselines or FLAGS.autoencoder and not FLAGS.yardsticks,
            _reconstructions,
        ),
        "--tables": (FLAGS.tables, evaluate_report.tables),
        "--bundle": (FLAGS.bundle and not FLAGS.control, _model),
    }
    given = [name for name, (is_given, _) in wanted.items() if is_given]
    if len(given) != 1:
        raise UserError(f"{' and '.join(given) or 'nothing to measure'}: give one of {', '.join(wanted)}; see --help")
    return _written_report if FLAGS.report_dir else wanted[given[0]][1]


def _report(result, text):
    print(text)
    if FLAGS.json:
        atomic.write_text(FLAGS.json, json.dumps(result, indent=1) + "\n")


def _written_report():
    _report(*evaluate_report.run())


def _folders():
    generated, reference = _file_set("generated_dir"), _reference()
    cli.start_tensorflow()  # slow: after the flags are known to be good
    from musika_tf.conditioning import musicnn
    from musika_tf.evaluation import report

    result = report.compare_folders(generated, reference, musicnn.MusiCNN.load())
    _report(result, report.folders_text(result))


def _model():
    if not FLAGS.pieces:
        raise UserError("--pieces=0: nothing is left to measure; give a number above 0")
    reference = _reference()
    cli.start_tensorflow()  # slow: after the flags are known to be good
    from musika_tf.conditioning import musicnn
    from musika_tf.evaluation import model, pieces, report

    with cli.bundle_of("bundle"):
        source = pieces.Source.load(FLAGS.bundle)
        planned = source.pieces(range(1, FLAGS.pieces + 1), FLAGS.seconds or 120)
        result = model.evaluate_model(source, planned, reference, musicnn.MusiCNN.load(), show_progress=True)
    _report(result, report.folders_text(result))


def _reconstructions():
    tracks = _audio("reference_dir")
    cli.start_tensorflow()  # slow: after the flags are known to be good
    from musika_tf.conditioning import musicnn
    from musika_tf.evaluation import notes, report
    from musika_tf.model.loading import load_autoencoder

    network, ear = musicnn.MusiCNN.load(), notes.BasicPitch.load()  # before anything slow, in case one is missing
    systems, decoder = report.baseline_systems(), None
    if FLAGS.autoencoder:
        with cli.bundle_of("autoencoder"):
            autoencoder = load_autoencoder(FLAGS.autoencoder)
        systems, decoder = systems | report.autoencoder_systems(autoencoder), autoencoder.config
    rows = report.evaluate_autoencoder(tracks, systems, network, ear, decoder)
    _report(rows, f"{report.table(rows)}\n\n{report.seams_text(report.seams_of(decoder))}")


def _signals():
    paths = _audio("audio_dir")
    cli.start_tensorflow()
    from musika_tf.evaluation import signals

    tracks = signals.measure_tracks(paths, FLAGS.audio_dir, FLAGS.tracks, print)
    result = [
        {"track": name, **{"/".join(key): row for key, row in rows.items()}} for name, rows in tracks.items()
    ]  # fmt: skip
    _report(result, "\n".join(signals.summary(list(tracks.values()))))


def _audio(flag):
    from musika_tf.collection import scan

    return scan.find_audio(cli.require(flag))


def _file_set(flag):
    from musika_tf.evaluation.file_sets import FileSet

    return FileSet.of_folder(flag.removesuffix("_dir"), cli.require(flag))


def _reference():
    return _file_set("reference_dir") if FLAGS.reference_dir else None
