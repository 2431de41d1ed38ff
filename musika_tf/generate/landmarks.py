"""What is known of a piece before it is rendered, as a WAV file's markers: bars, parts of the song, loop and tempo."""

import math
from fractions import Fraction

from musika_tf.audio.markers import Markers, Tempo
from musika_tf.conditioning.signals import SIGNALS
from musika_tf.generate import bars, click

# Beyond, every second bar is marked, every fourth, and so on: libsndfile reads no file's places from 2,500 on.
_MOST_BARS = 1000
_BEATS_PER_BAR = SIGNALS["beat"].beats_per_bar


def of(piece, metadata):
    """The Markers of a piece with an end, as its file holds it; of one without, nothing.

    Bars and parts stand where the model was told that they are. A loop's file may begin anywhere in it.
    """
    if piece.n_samples is None:
        return Markers()
    bpm = piece.bpm(metadata)
    places = list(_parts(piece, metadata["sample_rate"]))
    if bars.has_clock(metadata):
        places += _bars(piece, bpm, metadata["sample_rate"])
    return Markers(
        cues=tuple(sorted(_in_file(piece, places), key=lambda cue: cue[0])),
        loop_samples=piece.n_samples if piece.loop_samples == piece.n_samples else 0,
        tempo=_tempo(piece, bpm, metadata["sample_rate"]) if bpm else None,
    )


def _span(piece):
    """(first, one beyond the last) sample of the line of which the file has some."""
    return (0, piece.loop_samples) if piece.loop_samples else (piece.start_sample, piece.end_sample)


def _bars(piece, bpm, rate):
    """(sample of the line, name) of the bars that begin in its span; bar 1 begins at sample 0."""
    start, end = _span(piece)
    first = math.floor(start * Fraction(bpm) / (60 * rate * _BEATS_PER_BAR))
    n_bars = math.ceil((end - start) * Fraction(bpm) / (60 * rate * _BEATS_PER_BAR))
    step = 1 << max(math.ceil(math.log2(n_bars / _MOST_BARS)), 0)
    for bar in range(first // step * step, first + n_bars + 2, step):
        place = click.onset(bar * _BEATS_PER_BAR, bpm, rate)
        # Whole bars may be a fraction of a sample longer than the file: the one behind is none of its own.
        if start <= place < end - 1:
            yield place, f"bar {bar + 1}"


def _parts(piece, rate):
    """(sample of the line, name) of the parts of a planned song."""
    text = piece.settings.get("position") or ""
    if not text.startswith("plan:"):
        return
    plan = SIGNALS["position"].parse_user(text)
    start, end = _span(piece)
    seconds = {"beginning": 0.0, "body": plan.intro_seconds}
    if plan.total_seconds is not None:
        seconds["ending"] = plan.total_seconds - plan.ending_seconds
    for name, second in seconds.items():
        if start <= (place := round(second * rate)) < end:
            yield place, name


def _in_file(piece, places):
    """The same, by sample of the file."""
    for place, name in places:
        place -= piece.start_sample
        if piece.loop_samples:
            place %= piece.loop_samples
        if place < piece.n_samples:
            yield place, name


def _tempo(piece, bpm, rate):
    beats = piece.n_samples * Fraction(bpm) / (60 * rate)
    is_whole = abs(round(beats) * 60 * rate / Fraction(bpm) - piece.n_samples) <= 1
    loops = is_whole and piece.loop_samples == piece.n_samples
    return Tempo(bpm, round(beats) if is_whole else math.floor(beats), loops, _BEATS_PER_BAR)
