"""Scores in parts, played by choirs, quartets, bands and keyboards of the soundfont.

parts of a score -> one tempo for all, a hand of its own for each -> MIDI, panned -> fluidsynth -> room
"""

import dataclasses
import functools

import numpy as np

from corpus import mixing, rooms, scores, soundfont
from corpus.performing import Notes, control_event, note_events, program_event, separate_strokes, write_midi

# General MIDI programs (0-based) from the highest part to the lowest.
ENSEMBLES = {
    "choir": (52, 52, 52, 52),
    "voices": (53, 53, 52, 52),
    "string quartet": (40, 40, 41, 42),
    "string orchestra": (48, 48, 49, 49),
    "synth strings": (50, 50, 51, 51),
    "woodwind": (73, 68, 71, 70),
    "brass": (56, 56, 60, 57),
    "saxophones": (64, 65, 66, 67),
    "broken consort": (73, 40, 60, 42),
    "oboe and strings": (68, 40, 41, 42),
    "church organ": (19, 19, 19, 19),
    "drawbar organ": (16, 16, 17, 17),
    "reed organ": (20, 20, 20, 20),
    "accordions": (21, 21, 21, 21),
    "harpsichord": (6, 6, 6, 6),
    "harp": (46, 46, 46, 46),
    "guitars": (24, 24, 25, 32),
    "electric guitars": (27, 26, 27, 33),
    "distorted guitars": (30, 29, 29, 34),
    "jazz": (66, 26, 4, 32),
    "electric piano": (4, 4, 5, 33),
    "vibraphone": (11, 11, 12, 32),
    "music box": (10, 9, 8, 11),
    "pizzicato": (45, 45, 45, 43),
    "synth leads": (80, 81, 87, 38),
    "synth pads": (88, 89, 91, 95),
    "synth brass": (62, 63, 62, 39),
    "pianos": (0, 0, 1, 0),
    "horns and choir": (60, 52, 60, 58),
    "muted brass": (59, 59, 57, 58),
}
SUSTAINED = {*range(16, 24), *range(40, 44), *range(48, 54), *range(56, 64), *range(64, 76), *range(80, 96)}
SOUNDS_AN_OCTAVE_LOWER = (32, 33, 34, 38, 39, 43)
PAN, EXPRESSION = 10, 11  # numbers of MIDI controllers
LEAD_IN_SECONDS, RELEASE_SECONDS, PAUSE_SECONDS = 0.05, 1.5, 0.4
LONGEST_SECONDS = 200.0
LOWEST, HIGHEST = 12, 115
QUARTERS_PER_SWELL = 16


class Ensembles:
    """Pieces of music21 for more than one hand.

    Args:
        names_of: function (held_out) -> names of the pieces in one split.
        soundfont_path: path of a General MIDI soundfont.
    """

    def __init__(self, names_of, soundfont_path):
        self.pieces = names_of
        self._soundfont = soundfont_path

    def render(self, rng, names, take):
        """A few pieces after one another; float32 [samples, 2] and what was drawn."""
        del take
        ensemble = sorted(ENSEMBLES)[int(rng.integers(len(ENSEMBLES)))]
        transposition, loudness = int(rng.integers(-3, 4)), rng.uniform(-12, 10)
        played, now = [], LEAD_IN_SECONDS
        for name in names:
            for height, part in perform(rng, scores.load_parts(name), LONGEST_SECONDS / len(names), loudness):
                moved = Notes(part.onsets + now, part.ends + now, part.pitches + transposition, part.velocities)
                played.append((height, moved))
            now = max(float(part.ends.max()) for _, part in played) + PAUSE_SECONDS
        midi = list(events(rng, played, ENSEMBLES[ensemble]))
        mix = soundfont.play(functools.partial(write_midi, midi), self._soundfont)
        mix = mix[: round((now - PAUSE_SECONDS + RELEASE_SECONDS) * mixing.SAMPLE_RATE)]
        return _mix(rng, mix), {"ensemble": ensemble, "transposition": transposition}


def perform(rng, parts, longest_seconds, loudness):
    """A stretch of whole bars, at a tempo that follows from its density.

    Args:
        rng: numpy.random.Generator.
        parts: sequence of Score, from the highest to the lowest.
        longest_seconds: about how long it may last.
        loudness: added to MIDI velocities.

    Returns:
        [(height, Notes)] of the parts that sound in it; height is 0 for the highest part, 1 for the lowest.
    """
    quarters = max(float(part.ends.max()) for part in parts)
    onsets = np.unique(np.concatenate([part.onsets for part in parts]))
    bpm = float(np.clip(60 * rng.uniform(1.6, 5.0) * quarters / len(onsets), 50, 150))
    length = longest_seconds * bpm / 60
    starts = parts[0].bar_onsets[parts[0].bar_onsets <= max(quarters - length, 0.0)]
    start = float(rng.choice(starts)) if len(starts) else 0.0
    heights = np.linspace(0, 1, len(parts))
    stretch = [(height, part.between(start, start + length)) for height, part in zip(heights, parts, strict=True)]
    stretch = [(height, part) for height, part in stretch if len(part.onsets)]
    first = min(float(part.onsets.min()) for _, part in stretch)
    places, times = _tempo(rng, [part for _, part in stretch], first, bpm)
    return [(height, _play_part(rng, part, places, times, loudness)) for height, part in stretch]


def _tempo(rng, parts, first, bpm):
    """Quarters and their seconds, float64 [places] each: the tempo swings by a few per cent, the end slows."""
    last = max(float(part.ends.max()) for part in parts)
    places = np.linspace(first, last, max(round((last - first) * 4), 2))
    swing = rng.uniform(0, 0.05) * np.sin(2 * np.pi * places / QUARTERS_PER_SWELL + rng.uniform(0, 2 * np.pi))
    slowing = rng.uniform(0, 0.4) * np.clip(1 - (last - places) / 3, 0, 1)
    steps = np.diff(places) * 60 / bpm * (1 + swing + slowing)[1:]
    return places, np.concatenate([[0.0], np.cumsum(steps)])


def _play_part(rng, part, places, times, loudness):
    """One part: slightly late or early strokes, swelling phrases."""
    n_notes = len(part.onsets)
    onsets = np.maximum(np.interp(part.onsets, places, times) + rng.normal(0, 0.008, n_notes), 0.0)
    ends = np.interp(part.ends, places, times)
    ends = onsets + np.maximum((ends - onsets) * rng.uniform(0.85, 1.0), 0.06)
    velocities = 76 + loudness + rng.normal(0, 5, n_notes) + 5 * (np.abs(part.onsets % 1) < 1e-3)
    velocities += 10 * np.sin(2 * np.pi * part.onsets / QUARTERS_PER_SWELL + rng.uniform(0, 2 * np.pi))
    notes = Notes(onsets, ends, part.pitches, velocities.clip(25, 118).astype(int))
    return separate_strokes(notes)


def events(rng, played, programs):
    """Events of all parts for write_midi: one channel per program, each at its place from left to right."""
    places = rng.permutation(np.linspace(-1, 1, len(programs))) * rng.uniform(0.5, 0.95)
    seconds = max(float(part.ends.max()) for _, part in played)
    for channel, (program, place) in enumerate(zip(programs, places, strict=True)):
        yield program_event(channel, program)
        yield control_event(0.0, channel, PAN, round(64 + 63 * place))
        if program in SUSTAINED:
            yield from _swells(rng, channel, seconds)
    for height, part in played:
        channel = round(height * (len(programs) - 1))
        lower = 12 if programs[channel] in SOUNDS_AN_OCTAVE_LOWER else 0
        pitches = np.clip(part.pitches - lower, LOWEST, HIGHEST)
        yield from note_events(dataclasses.replace(part, pitches=pitches), channel)


def _swells(rng, channel, seconds):
    """Expression that rises and falls with breath and bow, five times a second."""
    times = np.arange(0, seconds, 0.2)
    values = 98 + 24 * np.sin(2 * np.pi * times / rng.uniform(4, 12) + rng.uniform(0, 2 * np.pi))
    for time, value in zip(times, values.clip(0, 127), strict=True):
        yield control_event(time, channel, EXPRESSION, value)


def _mix(rng, mix):
    """Sometimes a chorus, always a room."""
    if rng.random() < 0.3:
        mix = rooms.chorus(mix, rng, rng.uniform(0.001, 0.003), rng.uniform(0.3, 0.7))
    response = rooms.room_response(rng, rng.uniform(0.4, 3.0), rng.uniform())
    return mixing.filtered(rooms.reverberate(mix, response, rng.uniform(-14, -2)), "highpass", 24)
