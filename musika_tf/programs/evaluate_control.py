"""Measures whether a model does what it is told: the part `--control` of evaluate.py."""

import functools
import json
import math
import sys
import time
from pathlib import Path

from absl import flags

from musika_tf import atomic, json_file
from musika_tf.errors import UserError
from musika_tf.evaluation.control import pieces, report
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_list("results", None, "files of earlier --json, to print and draw instead of measuring")
flags.DEFINE_enum(
    "signal", None, ("tempo", "note_density", "tags"), "what to measure; default: all of it that the model follows"
)
flags.DEFINE_list(
    "settings", None, "BPM, densities or words to ask for; default: 115,125,... BPM; 0.15,0.30,... 0.75; all its words"
)
flags.DEFINE_integer("grid_pieces", 3, "how many pieces at each tempo to track the beats of", lower_bound=0)
flags.DEFINE_integer("grid_seconds", 300, "length of each", lower_bound=24)
flags.DEFINE_bool("curve", False, "also follow a sine of note density with one long piece, seed 1")
flags.DEFINE_integer("curve_seconds", 7200, "length of that piece", lower_bound=120)
flags.DEFINE_integer("curve_period", 600, "seconds from one wave of density to the next", lower_bound=120)
flags.DEFINE_string("picture", None, "file to draw requested against measured in: .png")

DEFAULTS = {"tempo": (115.0, 125.0, 135.0, 145.0, 155.0), "note_density": (0.15, 0.3, 0.45, 0.6, 0.75)}


def main():
    _check_flags()
    results = _earlier() if FLAGS.results else [_measure()]
    print("\n\n".join(map(report.text, results)))
    if FLAGS.picture:
        from musika_tf.evaluation.control import picture  # slow: only where one is drawn

        picture.draw(FLAGS.picture, results)


def _check_flags():
    if bool(FLAGS.bundle) == bool(FLAGS.results):
        raise UserError("give one of --bundle, a bundle to measure, or --results, files that --json wrote")
    if FLAGS.picture and Path(FLAGS.picture).suffix != ".png":
        raise UserError(f"--picture={FLAGS.picture}: give a name that ends in .png")
    if FLAGS.results and FLAGS.json:
        raise UserError("--json: nothing new is measured with --results; leave one of them out")
    if FLAGS.bundle and not FLAGS.pieces and not FLAGS.grid_pieces and not FLAGS.curve:
        raise UserError("--pieces=0: nothing is left to measure; give a number above 0")
    if FLAGS.signal and FLAGS.signal != "tags":  # without one, the bundle says what --settings are
        _numbers()


def _earlier():
    results = []
    for path in FLAGS.results:
        try:
            results.append(json_file.read(path))
            report.text(results[-1])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"--results={path}: not a file that --json of this program wrote ({error!r})") from error
    return results


def _measure():
    """Measures --bundle: a dict of plain values, written to --json after each of its parts."""
    cli.start_tensorflow()
    from musika_tf.model import bundle
    from musika_tf.model.metadata import check_generates

    with cli.bundle_of("bundle"):
        metadata = bundle.read_metadata(FLAGS.bundle)
    check_generates(FLAGS.bundle, metadata)
    names = _names(metadata)
    wanted = {name: _settings(name, metadata) for name in names}
    if missing := pieces.missing_extras(metadata, names, "tempo" in names and FLAGS.grid_pieces):
        raise UserError(f"--signal={','.join(names)}: needs {' and '.join(missing)}")
    if "note_density" in names:
        pieces.density_signal(metadata)
    from musika_tf.evaluation.control.measurement import Measurement

    with cli.bundle_of("bundle"):
        measurement = Measurement(*bundle.load(FLAGS.bundle), _tell)
    result = measurement.about()
    for name, part in _parts(measurement, wanted).items():
        result[name] = part()
        if FLAGS.json:
            atomic.write_text(FLAGS.json, json.dumps(result, indent=1, allow_nan=False) + "\n")
    return result


def _names(metadata):
    """The signals to measure."""
    known = pieces.follows(metadata)
    names = [FLAGS.signal] if FLAGS.signal else known
    does = f"the model {metadata['name']} follows {', '.join(known) or 'neither tempo, note density nor tags'}"
    if not names or not set(names) <= set(known):
        raise UserError(f"--{'signal' if FLAGS.signal else 'bundle'}={FLAGS.signal or FLAGS.bundle}: {does}")
    if FLAGS.curve and "note_density" not in names:
        raise UserError(f"--curve: is of note_density, but {does}, and --signal={FLAGS.signal or names[0]} is measured")
    if FLAGS.settings and len(names) > 1:
        raise UserError(
            f"--settings={','.join(FLAGS.settings)}: of which signal? Give --signal={' or '.join(names)} too"
        )
    if not FLAGS.pieces and not FLAGS.curve and "tempo" not in names:
        raise UserError("--pieces=0: nothing is left to measure; --grid_pieces is of the tempo; give a number above 0")
    return names


def _numbers():
    """--settings as numbers, ascending; None where nobody gave any."""
    if FLAGS.settings is None:
        return None
    try:
        values = sorted({float(text) for text in FLAGS.settings})
    except ValueError:
        values = []
    if not values or not all(map(math.isfinite, values)):
        raise UserError(f"--settings={','.join(FLAGS.settings)}: give numbers between commas")
    return values


def _settings(name, metadata):
    """The values to ask for, ascending; UserError for one that the model did not see."""
    from musika_tf.conditioning.steering import steer

    values = _words(metadata) if name == "tags" else _numbers() or DEFAULTS[name]
    for value in values:
        try:
            steer({name: str(value)}, metadata, 1)
        except UserError as error:
            raise UserError(f"--settings={report.setting(value)}: {str(error).partition(': ')[2]}") from error
    return values


def _words(metadata):
    """Texts such as "techno=0.9": words, and as much of each as a piece of the training has at most."""
    known = pieces.words(metadata)
    asked = list(known) if FLAGS.settings is None else FLAGS.settings
    if unknown := sorted(set(asked) - set(known)):
        follows = f"the model {metadata['name']} follows {', '.join(known)}"
        raise UserError(f"--settings={','.join(unknown)}: {follows}")
    return [f"{word}={known[word]:.4g}" for word in asked]


def _parts(measurement, wanted):
    """What is to be measured: name -> function without arguments to its figures."""
    parts = {}
    for name, values in wanted.items():
        if FLAGS.pieces:
            measure = getattr(measurement, name)
            parts[name] = functools.partial(measure, values, FLAGS.pieces, FLAGS.seconds or 60)
        if name == "tempo" and FLAGS.grid_pieces:
            parts["beats"] = functools.partial(measurement.beats, values, FLAGS.grid_pieces, FLAGS.grid_seconds)
    if FLAGS.curve:
        parts["curve"] = functools.partial(measurement.curve, FLAGS.curve_seconds, FLAGS.curve_period)
    return parts


_STARTED = time.monotonic()


def _tell(text):
    """Progress, beside the tables."""
    print(f"{time.monotonic() - _STARTED:6.0f} s  {text}", file=sys.stderr, flush=True)
