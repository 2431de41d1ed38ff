"""Slow music: Bach's chorales at a third of their pace, on the soundfont's pads or strings, in a room.

parts of a chorale -> slower, bound -> instruments, panned -> fluidsynth -> dark, chorus, room, air
"""

import functools
from typing import NamedTuple

import numpy as np

from corpus import ensembles, mixing, rooms, scores, soundfont
from corpus.performing import Notes, separate_strokes, write_midi


class Manner(NamedTuple):
    """What slow music sounds like.

    Attributes:
        programs: of General MIDI (0-based), each from the highest part to the lowest; a track plays one of these.
        semitones: lowest transposition, and one above the highest.
        hertz: lowest and highest frequency above which a track is dark.
        room_seconds: shortest and longest reverberation.
        room_decibels: least and most of it, of the direct sound's level.
        air_decibels: least and most pink noise, of the music's level; None for none.
    """

    programs: tuple
    semitones: tuple
    hertz: tuple
    room_seconds: tuple
    room_decibels: tuple
    air_decibels: tuple | None


# As dark as this because MusiCNN still hears ambient after an autoencoder then; of brighter pads it makes slow piano.
AMBIENT = Manner(
    (
        (88, 89, 91, 95),
        (89, 89, 94, 95),
        (50, 51, 49, 49),
        (94, 91, 89, 95),
        (54, 52, 91, 53),
        (92, 88, 89, 93),
        (11, 88, 94, 89),
        (48, 52, 89, 39),
    ),
    semitones=(-9, 3),
    hertz=(250.0, 500.0),
    room_seconds=(4.0, 8.0),
    room_decibels=(-1.0, 5.0),
    air_decibels=(-30.0, -22.0),
)
# As slow as this because MusiCNN hears classical and violin in strings that move; in a larger room, or lower, ambient.
STRINGS = Manner(
    ((48, 49, 40, 40), (49, 49, 49, 49), (48, 48, 48, 48), (49, 48, 40, 49)),
    semitones=(0, 8),
    hertz=(4000.0, 10_000.0),
    room_seconds=(1.0, 2.5),
    room_decibels=(-14.0, -7.0),
    air_decibels=None,
)
LONGEST_SECONDS = 240.0
OVERLAP_SECONDS = 0.6  # notes ring into the next ones
RELEASE_SECONDS = 6.0
SOFTER = -10  # MIDI velocity


class SlowChorales:
    """Chorales of music21 as slow chords.

    Args:
        soundfont_path: path of a General MIDI soundfont.
        manner: Manner.
    """

    pieces = staticmethod(scores.chorales)

    def __init__(self, soundfont_path, manner):
        self._soundfont, self._manner = soundfont_path, manner

    def render(self, rng, names, take):
        """A few chorales that run into one another; float32 [samples, 2] and what was drawn."""
        del take
        choice = self._manner.programs
        programs = choice[int(rng.integers(len(choice)))]
        pace, transposition = rng.uniform(0.25, 0.55), int(rng.integers(*self._manner.semitones))
        played, now = [], ensembles.LEAD_IN_SECONDS
        for name in names:
            longest = pace * LONGEST_SECONDS / len(names)
            for height, part in ensembles.perform(rng, scores.load_parts(name), longest, SOFTER):
                played.append((height, _slowly(part, now, pace, transposition)))
            now = max(float(part.ends.max()) for _, part in played)
        midi = list(ensembles.events(rng, played, programs))
        mix = soundfont.play(functools.partial(write_midi, midi), self._soundfont)
        mix = mix[: round((now + RELEASE_SECONDS) * mixing.SAMPLE_RATE)]
        mix = _mix(rng, mix, self._manner)
        return mix, {"programs": list(programs), "pace": round(pace, 3), "transposition": transposition}


def _slowly(part, start, pace, transposition):
    """Notes of a part from `start` seconds on, each bound to the next."""
    onsets, ends = part.onsets / pace + start, part.ends / pace + start + OVERLAP_SECONDS
    return separate_strokes(Notes(onsets, ends, part.pitches + transposition, part.velocities))


def _mix(rng, mix, manner):
    """Dark and wide, in a room, with the hiss of a tape where it is wanted; the end fades."""
    mix = mixing.filtered(mix, "lowpass", rng.uniform(*manner.hertz))
    mix = rooms.chorus(mix, rng, rng.uniform(0.001, 0.004), rng.uniform(0.4, 0.7))
    response = rooms.room_response(rng, rng.uniform(*manner.room_seconds), rng.uniform(0.5, 1.0))
    mix = mixing.filtered(rooms.reverberate(mix, response, rng.uniform(*manner.room_decibels)), "highpass", 24)
    if manner.air_decibels:
        mix += _air(rng, len(mix)) * np.float32(mixing.rms(mix) * 10 ** (rng.uniform(*manner.air_decibels) / 20))
    mixing.fade_out(mix, RELEASE_SECONDS / 2)
    return mix


def _air(rng, n_samples):
    """Pink noise of level 1, float32 [n_samples, 2], left and right of their own."""
    spectrum = np.fft.rfft(rng.standard_normal((n_samples, 2)), axis=0)
    spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))[:, None]
    noise = np.fft.irfft(spectrum, n_samples, axis=0)
    return (noise / mixing.rms(noise)).astype(np.float32)
