"""The figures of a model as Markdown."""

from musika_tf.evaluation.signals import BEAT_TOLERANCE_SECONDS
from musika_tf.evaluation.tables import markdown, tags

_EXTRACTORS = {"tempocnn": "Tempo-CNN", "madmom": "MadMom", "librosa": "librosa", "musicnn": "MusiCNN"}


def text(result):
    """A measured model as sentences and tables; `result` is what --json holds."""
    parts = [_TEXTS[name](result[name], result) for name in _TEXTS if name in result]
    return "\n\n".join([f"## {result['model']}, {result['steps']} steps", *parts])


def one_line(row):
    """A measured piece on one line."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
        if name not in ("seed", "requested", "activations")
    )


def _tempo(part, result):
    control = "tempo and beat clock" if result["clock"] else "tempo alone"
    rows = [
        [
            *_head(row),
            _number(row["median_error"], ".2f"),
            _octaves(row),
            f"{row['pulse_median']:.2f}; {row['pulse_lowest']:.2f}",
        ]
        for row in [*part["settings"], {"requested": "all", **part["all"]}]
    ]
    heading = ["BPM", "pieces", "median error, BPM", "octave errors", "pulse, median; lowest"]
    caption = f"Tempo ({control}), {_how(part)}; the error is that of pieces without an octave error:"
    return f"{caption}\n\n{markdown(heading, rows)}"


def _octaves(row):
    named = ", ".join(f"{count} at {name}" for name, count in row["octave_errors"].items())
    return f"{row['octave_share']:.0%}" + (f" ({named})" if named else "")


def _beats(part, result):
    rows = [
        [*_head(row), f"{row['precision']:.0%}", f"{row['precision_lowest']:.0%}", f"{row['recall']:.0%}"]
        + ([f"{row['downbeats']:.0%}"] if result["clock"] else [])
        for row in [*part["settings"], {"requested": "all", **part["all"]}]
    ]
    tolerance = f"{1000 * BEAT_TOLERANCE_SECONDS:.0f} ms"
    heading = ["BPM", "pieces", f"detected beats within {tolerance}", "lowest piece", "of the grid's beats found"]
    if result["clock"]:
        grid = "bar 1 at time 0"
        heading.append("place in the bar right")
    else:
        grid = "at the phase that suits each piece best: without a clock the model knows no bar 1"
    return f"Beats, {_how(part)}; the grid of the requested tempo, {grid}:\n\n{markdown(heading, rows)}"


def _density(part, result):
    rows = [
        [*_head(row), f"{row['mean']:.3f}", f"{row['lowest']:.3f}-{row['highest']:.3f}"] for row in part["settings"]
    ]
    table = markdown(["note density", "pieces", "measured, mean", "lowest-highest piece"], rows)
    every = part["all"]
    rises = "rise with each step" if every["rises"] else "do NOT rise with each step"
    return f"Note density, {_how(part)}:\n\n{table}\n\nRank correlation {every['spearman']:.3f}; the means {rises}."


def _curve(part, result):
    return (
        f"One piece of {part['seconds'] / 60:.0f} minutes whose note density is a sine from {part['lowest']:.2f} to "
        f"{part['highest']:.2f} with a period of {part['period'] / 60:g} minutes, by {_EXTRACTORS[part['extractor']]}: "
        f"correlation {part['correlation']:.3f} (both as means of {part['smoothing_seconds']:.0f} s; "
        f"{part['correlation_unsmoothed']:.3f} without)."
    )


def _tags(part, result):
    rows = [
        [*_head(row), str(row["followed"]), f"{row['mean']:.2f}", f"{part['all'][row['requested']]:.2f}"]
        + [tags(row["first"], row["pieces"])]
        for row in part["settings"]
    ]
    heading = ["word", "pieces", "first or second", "activation", "of other words' pieces", "heard first"]
    return f"Tags, {_how(part)}; which place the word has among the fifty:\n\n{markdown(heading, rows)}"


_TEXTS = {"tempo": _tempo, "beats": _beats, "note_density": _density, "tags": _tags, "curve": _curve}


def _how(part):
    seeds = "seed" if part["seeds"] == 1 else "seeds"
    return f"{part['seeds']} {seeds} of {part['seconds']} s, by {_EXTRACTORS[part['extractor']]}"


def _head(row):
    return [setting(row["requested"]), str(row["pieces"])]


def setting(value):
    """A number or text that was asked for, as it is shown."""
    return value if isinstance(value, str) else f"{value:g}"


def _number(value, form):
    return "-" if value is None else format(value, form)
