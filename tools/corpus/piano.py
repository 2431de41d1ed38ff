"""Piano from a seed: excerpts of public-domain scores, humanised, played by fluidsynth.

score -> tempo, rubato -> onsets in seconds -> velocities, pedal -> MIDI -> fluidsynth -> audio
"""

import dataclasses
import functools
import zlib

import numpy as np

from corpus import mixing, scores, soundfont
from corpus.performing import Notes, control_event, note_events, separate_strokes, write_midi
from musika_tf.errors import UserError

RMS_DBFS = -20.0
SUSTAIN = 64  # number of the MIDI controller
LEAD_IN_SECONDS = 0.05
RELEASE_SECONDS = 1.0
LONGEST_GAP_SECONDS = 0.35
SHORTEST_EXCERPT_SECONDS = 12.0
CHORD_SECONDS = 0.012
QUARTERS_PER_SWELL = 16
PIANO_LOWEST, PIANO_HIGHEST = 24, 103


class Piano:
    """Renders piano tracks with the fluidsynth program.

    Args:
        soundfont_path: path of a General MIDI soundfont (.sf2).
        seed: seed of the corpus.
        works: function (held_out) -> names of the pieces beside the chorales.
        left_out: names of pieces that are not played.

    Raises:
        UserError: the program, the soundfont or music21 is not there.
    """

    def __init__(self, soundfont_path, seed, works=scores.works, left_out=()):
        soundfont.check(soundfont_path, "piano")
        if not scores.chorales(held_out=False):
            raise UserError("--kind=piano: this music21 comes without its corpus of scores")
        self._soundfont = soundfont_path
        self._seed = seed
        self._works = works
        self._left_out = frozenset(left_out)

    def render(self, index, held_out):
        """Track number index; the same bytes every time.

        Args:
            index: number of the track.
            held_out: draws from the works reserved for the held-out split.

        Returns:
            float32 [samples, 2] at 44.1 kHz, and a dict for the file beside the audio.
        """
        rng = np.random.default_rng([self._seed, index, zlib.crc32(b"piano")])
        notes, sections, facts = perform(rng, held_out, self._works, self._left_out)
        waveform = play(notes, self._soundfont, facts["reverb"], facts["pedal_seconds"], facts["stereo_correlation"])
        return waveform, {
            "source": " + ".join(section["source"] for section in sections),
            "bpm": sections[0]["bpm"],
            "sections": sections,
            "onsets_seconds": onset_times(notes),
            **facts,
            "licence": scores.LICENCE,
        }


def perform(rng, held_out, works=scores.works, left_out=frozenset()):
    """Draws excerpts until they last one to three minutes, and how they are played.

    Returns:
        Notes, a dict per section (source, seconds, bpm), and a dict of what holds for the track.
    """
    wanted_seconds = rng.uniform(75, 165)
    names = scores.chorales(held_out) if rng.random() < 0.35 else works(held_out)
    transposition, loudness = int(rng.integers(-5, 7)), rng.uniform(-10, 10)
    parts, sections, now = [], [], LEAD_IN_SECONDS
    while wanted_seconds - now > SHORTEST_EXCERPT_SECONDS:
        name = names[int(rng.integers(len(names)))]
        if name in left_out:
            continue
        score = scores.load(name)
        excerpt, bpm = _excerpt(rng, score, wanted_seconds - now)
        part = _humanise(rng, excerpt, bpm, loudness)
        sections.append({"source": score.name, "seconds": round(now, 2), "bpm": round(bpm, 1)})
        parts.append(dataclasses.replace(part, onsets=part.onsets + now, ends=part.ends + now))
        now = float(parts[-1].ends.max()) + 0.3
    notes = Notes(*(np.concatenate([getattr(part, field.name) for part in parts])
                    for field in dataclasses.fields(Notes)))  # fmt: skip
    facts = {
        "transposition": transposition,
        "reverb": round(float(rng.uniform(0.1, 0.4)), 2),
        "stereo_correlation": round(float(rng.uniform(0.55, 0.85)), 2),
        "pedal_seconds": round(float(rng.choice([0, 60 / sections[0]["bpm"]])), 3),
    }
    return (
        separate_strokes(dataclasses.replace(notes, pitches=_fold(notes.pitches + transposition))),
        sections,
        facts,
    )


def onset_times(notes):
    """Onsets in seconds, ascending; the strokes of a spread chord count once, at the first."""
    times = []
    for onset in np.sort(notes.onsets):
        if not times or onset - times[-1] > CHORD_SECONDS:
            times.append(float(onset))
    return [round(onset, 3) for onset in times]


def _excerpt(rng, score, seconds):
    """A stretch of whole bars of at most the given length, and a tempo in quarters per minute.

    The tempo follows from a drawn density of onsets, because few of the scores name one.
    """
    quarters = score.ends.max()
    onsets_per_quarter = len(np.unique(score.onsets)) / quarters
    bpm = float(np.clip(60 * rng.uniform(2.5, 7.0) / onsets_per_quarter, 48, 160))
    wanted_quarters = seconds * bpm / 60
    starts = score.bar_onsets[score.bar_onsets <= max(quarters - wanted_quarters, 0.0)]
    start = float(starts[int(rng.integers(len(starts)))]) if len(starts) else 0.0
    excerpt = score.between(start, start + wanted_quarters)
    first = excerpt.onsets.min()
    return dataclasses.replace(excerpt, onsets=excerpt.onsets - first, ends=excerpt.ends - first), bpm


def _humanise(rng, score, bpm, loudness):
    """Rubato, a slower end, spread chords, and velocities that bring out melody and metre."""
    places, group = np.unique(score.onsets, return_inverse=True)
    times = _rubato(rng, places, bpm)
    quarter_seconds = 60 / bpm
    last = max(float(score.ends.max()), places[-1] + 0.25)
    ends = np.interp(
        score.ends, np.append(places, last), np.append(times, times[-1] + (last - places[-1]) * quarter_seconds)
    )
    spread = np.abs(rng.normal(0, 0.004, len(group))).clip(max=0.01)
    onsets = times[group] + spread
    held = (ends - onsets) * rng.uniform(0.82, 1.0)
    notes = Notes(onsets, onsets + np.maximum(held, 0.09), score.pitches, _velocities(rng, score, group, loudness))
    return _close_gaps(notes, group)


def _rubato(rng, places, bpm):
    """Seconds of ascending places in quarters: tempo swings by a few per cent, the end slows."""
    swing = rng.uniform(0.01, 0.06) * np.sin(2 * np.pi * places / QUARTERS_PER_SWELL + rng.uniform(0, 2 * np.pi))
    slowing = 0.35 * np.clip(1 - (places[-1] - places) / 3, 0, 1)
    steps = np.diff(places) * 60 / bpm * (1 + swing + slowing)[1:]
    times = np.concatenate([[0.0], np.cumsum(steps)]) + np.abs(rng.normal(0, 0.006, len(places)))
    return np.maximum.accumulate(times)


def _velocities(rng, score, group, loudness):
    """MIDI velocities: melody and beats stand out, phrases swell, no two strokes are equal."""
    highest = np.full(group.max() + 1, -1)
    np.maximum.at(highest, group, score.pitches)
    velocity = 62 + loudness + rng.normal(0, 4, len(group))
    velocity += 12 * (score.pitches == highest[group]) + 5 * (np.abs(score.onsets % 1) < 1e-3)
    velocity += 9 * np.sin(2 * np.pi * score.onsets / QUARTERS_PER_SWELL + rng.uniform(0, 2 * np.pi))
    return velocity.clip(25, 118).astype(int)


def _close_gaps(notes, group):
    """Shortens rests of all hands, so that no track falls silent for long."""
    onsets, ends = notes.onsets.copy(), notes.ends.copy()
    sounding_until, saved = 0.0, 0.0
    for number in range(group.max() + 1):
        strokes = group == number
        gap = onsets[strokes].min() - saved - sounding_until
        saved += max(gap - LONGEST_GAP_SECONDS, 0.0)
        onsets[strokes] -= saved
        ends[strokes] -= saved
        sounding_until = max(sounding_until, float(ends[strokes].max()))
    return dataclasses.replace(notes, onsets=onsets, ends=ends)


def _fold(pitches):
    """Brings pitches beyond the soundfont's good range back by octaves."""
    pitches = np.where(pitches > PIANO_HIGHEST, pitches - 12, pitches)
    return np.where(pitches < PIANO_LOWEST, pitches + 12, pitches)


def play(notes, soundfont_path, reverb, pedal_seconds, correlation):
    """Plays notes with fluidsynth.

    Args:
        notes: Notes.
        soundfont_path: path of the soundfont.
        reverb: level of its reverb, 0 to 1.
        pedal_seconds: time between two changes of the sustain pedal; 0 leaves it up.
        correlation: of left and right. The soundfont's own is near 0, that of recordings is not.

    Returns:
        float32 [samples, 2] at 44.1 kHz, at the loudness of the corpus.

    Raises:
        RuntimeError: fluidsynth failed; the message is its own.
    """
    events = [*note_events(notes, 0), *_pedal(notes, pedal_seconds)]
    waveform = soundfont.play(functools.partial(write_midi, events), soundfont_path, reverb)
    waveform = waveform[: round((notes.ends.max() + RELEASE_SECONDS) * mixing.SAMPLE_RATE)]
    waveform = mixing.set_width(mixing.filtered(waveform, "highpass", 24), correlation, bass_hertz=50)
    waveform = mixing.set_loudness(waveform, RMS_DBFS)
    mixing.fade_out(waveform, RELEASE_SECONDS / 2)
    return waveform


def _pedal(notes, seconds):
    """The sustain pedal, let up for a moment every so often; up for good where seconds is 0."""
    if not seconds:
        return
    last = float(notes.ends.max())
    for up in np.arange(LEAD_IN_SECONDS, last, seconds):
        yield control_event(up, 0, SUSTAIN, 0)
        yield control_event(up + 0.06, 0, SUSTAIN, 127)
    yield control_event(last + 1e-4, 0, SUSTAIN, 0)
