"""Pieces that follow settings, as generate.py would make them, and what the extractors hear in one.

Waveforms are float32 `[samples, 2]` at 44.1 kHz, which extractors hear, whatever the model's rate.
"""

import numpy as np

from musika_tf.conditioning import beat, madmom_package, note_density, tags, tempo
from musika_tf.conditioning.signal import SAMPLE_RATE, centres
from musika_tf.conditioning.signals import SIGNALS
from musika_tf.errors import UserError
from musika_tf.evaluation.control import figures

# Of models that learned from true values.
EXTRACTORS = {"tempo": "tempocnn", "note_density": madmom_package.NAME, tags.GROUP: "musicnn"}
KIN = {"rock": ("metal",)}  # words of MusiCNN's that say the same for the ear: either counts


def waveforms(loaded, metadata, seed, settings, seconds):
    """A steered piece from its beginning on, in parts of a minute and a half at most: yields `[samples, 2]`.

    `seed` is that of the piece and of its style, `settings` as `generate.request.plain_piece` takes them.
    """
    from musika_tf.audio import blocks
    from musika_tf.generate import rendering
    from musika_tf.generate.request import plain_piece

    piece = plain_piece(seed, seconds, settings, metadata)
    yield from blocks.resampled(rendering.waveforms(loaded, metadata, piece), metadata["sample_rate"], SAMPLE_RATE)


def whole(loaded, metadata, seed, settings, seconds):
    """The parts of `waveforms` as one."""
    return np.concatenate(list(waveforms(loaded, metadata, seed, settings, seconds)))


def follows(metadata):
    """The signals of this program that a model follows; a clock without a tempo has a tempo all the same."""
    names = {row["name"] for row in metadata["conditioning"]}
    has = {"tempo": names & {"tempo", "beat"}, "note_density": "note_density" in names, tags.GROUP: words(metadata)}
    return [name for name in EXTRACTORS if has[name]]


def words(metadata):
    """The words that a model follows: word -> the most of it that a piece of the training has, 0..1."""
    return {word: max(row.get("pieces") or row["range"]) for word, row in tags.rows_by_word(metadata).items()}


def extractor(metadata, name):
    """What read the signal `name` off the training data, or what comes nearest to the truth where that was used."""
    known = {row["name"]: row.get("extractor") for row in metadata["conditioning"]}.get(name)
    return known if known in (EXTRACTORS[name], "librosa") else EXTRACTORS[name]


def missing_extras(metadata, names, with_beats):
    """What has to be installed to measure the signals `names`: a list of texts."""
    needed = {extractor(metadata, name) for name in names} | ({madmom_package.NAME} if with_beats else set())
    extras = {
        "tempocnn": (tempo.installed, f"Tempo-CNN ({tempo.EXTRA})"),
        madmom_package.NAME: (madmom_package.installed, f"MadMom ({madmom_package.EXTRA})"),
        "musicnn": (tags.installed, "MusiCNN's weights (pip install --no-deps musicnn)"),
    }
    return [text for name, (installed, text) in extras.items() if name in needed and not installed()]


def density_signal(metadata):
    """The model's own NoteDensity; UserError where its metadata lacks the full scale."""
    row = next(row for row in metadata["conditioning"] if row["name"] == "note_density")
    signal = SIGNALS["note_density"].restored(row)
    if signal.full_scale is None:
        raise UserError("--bundle: its metadata lacks the full scale of note_density; export it again")
    return signal


def measure_tempo(waveform, bpm, estimator="tempocnn"):
    """A piece, 12 s or more, that was to have `bpm`, heard by one of `tempo.ESTIMATORS`: `requested`, `measured` (BPM;
    0 where none is to be heard), its `confidence`, the `error` and `octave` of `figures.tempo_row`, and `pulse`:
    `structure.pulse_strength` at the requested tempo."""
    from musika_tf.evaluation import structure

    try:
        measured, confidence = tempo.estimate(waveform, estimator)
    except UserError:
        measured, confidence = 0.0, 0.0
    return {
        "requested": bpm,
        "measured": float(measured),
        "confidence": float(confidence),
        **figures.tempo_row(float(measured), bpm),
        "pulse": structure.pulse_strength(waveform, bpm),
    }


def measure_beats(waveform, bpm, clock):
    """A piece whose bar 1 was to begin at time 0 at `bpm`; without a `clock` the grid's best phase counts.
    `figures.grid_row` with `requested`, and `best_phase_precision` of the grid's best phase."""
    try:
        beats, places = beat.track(waveform)
    except UserError:  # it hears none
        beats, places = np.zeros([0]), np.zeros([0], np.int64)
    seconds = len(waveform) / SAMPLE_RATE
    best = figures.grid_row(beats, places, bpm, seconds, phase=None)
    row = figures.grid_row(beats, places, bpm, seconds) if clock else best
    return {"requested": bpm, **row, "best_phase": best["phase"], "best_phase_precision": best["precision"]}


def measure_density(waveform, requested, signal, detector, latents_per_second):
    """A piece of one density, float32 `[samples, 2]`: `requested`, `measured` (mean over the piece, same scale) and
    `onsets_per_second`.

    Args:
      requested: density in the model's scale, 0..1.
      signal: the model's NoteDensity.
      detector: a name of `note_density.DETECTORS`.
      latents_per_second: where the density is sampled.
    """
    found, seconds = note_density.onsets(waveform, detector), len(waveform) / SAMPLE_RATE
    times = centres(int(seconds * latents_per_second), latents_per_second)
    density = signal.to_units(note_density.density(found, times, seconds))
    return {"requested": requested, "measured": float(density.mean()), "onsets_per_second": len(found) / seconds}


def measure_tags(waveform, requested, network):
    """A piece that was to have the word of `requested`, such as "techno=0.9", heard by `network`, a MusiCNN:
    `requested`, the `rank` of the word (or of its KIN) among the fifty (1: the most heard), `activations` of all
    fifty (means over the piece), and the two words that are `heard` most."""
    heard = network(waveform).tags.mean(axis=0)
    order = [tags.TAGS[i] for i in np.argsort(-heard, kind="stable")]
    word = figures.word_of(requested)
    rank = 1 + min(order.index(name) for name in (word, *KIN.get(word, ())))
    activations = {name: float(value) for name, value in zip(tags.TAGS, heard, strict=True)}
    return {"requested": requested, "rank": rank, "heard": order[:2], "activations": activations}
