"""Ambient: Bach's chorales at a third of their pace, on the soundfont's pads, in a large room.

parts of a chorale -> slower, bound -> pads, panned -> fluidsynth -> dark, chorus, room of many seconds, air

As dark as this because MusiCNN still hears ambient after an autoencoder then; of brighter pads it makes slow piano.
"""

import functools

import numpy as np

from corpus import ensembles, mixing, rooms, scores, soundfont
from corpus.performing import Notes, separate_strokes, write_midi

# General MIDI programs (0-based) from the highest part to the lowest.
PADS = (
    (88, 89, 91, 95),
    (89, 89, 94, 95),
    (50, 51, 49, 49),
    (94, 91, 89, 95),
    (54, 52, 91, 53),
    (92, 88, 89, 93),
    (11, 88, 94, 89),
    (48, 52, 89, 39),
)
LONGEST_SECONDS = 240.0
OVERLAP_SECONDS = 0.6  # notes ring into the next ones
RELEASE_SECONDS = 6.0
SOFTER = -10  # MIDI velocity
DARK_HERTZ = 250.0, 500.0
AIR_DECIBELS = -30.0, -22.0  # of the music's level


class Ambient:
    """Chorales of music21 as slow chords.

    Args:
        soundfont_path: path of a General MIDI soundfont.
    """

    pieces = staticmethod(scores.chorales)

    def __init__(self, soundfont_path):
        self._soundfont = soundfont_path

    def render(self, rng, names, take):
        """A few chorales that run into one another; float32 [samples, 2] and what was drawn."""
        del take
        pads = PADS[int(rng.integers(len(PADS)))]
        pace, transposition = rng.uniform(0.25, 0.55), int(rng.integers(-9, 3))
        played, now = [], ensembles.LEAD_IN_SECONDS
        for name in names:
            longest = pace * LONGEST_SECONDS / len(names)
            for height, part in ensembles.perform(rng, scores.load_parts(name), longest, SOFTER):
                played.append((height, _slowly(part, now, pace, transposition)))
            now = max(float(part.ends.max()) for _, part in played)
        midi = list(ensembles.events(rng, played, pads))
        mix = soundfont.play(functools.partial(write_midi, midi), self._soundfont)
        mix = mix[: round((now + RELEASE_SECONDS) * mixing.SAMPLE_RATE)]
        return _mix(rng, mix), {"pads": list(pads), "pace": round(pace, 3), "transposition": transposition}


def _slowly(part, start, pace, transposition):
    """Notes of a part from `start` seconds on, each bound to the next."""
    onsets, ends = part.onsets / pace + start, part.ends / pace + start + OVERLAP_SECONDS
    return separate_strokes(Notes(onsets, ends, part.pitches + transposition, part.velocities))


def _mix(rng, mix):
    """Dark and wide, more room than sound, with the hiss of a tape; the end fades."""
    mix = mixing.filtered(mix, "lowpass", rng.uniform(*DARK_HERTZ))
    mix = rooms.chorus(mix, rng, rng.uniform(0.001, 0.004), rng.uniform(0.4, 0.7))
    response = rooms.room_response(rng, rng.uniform(4.0, 8.0), rng.uniform(0.5, 1.0))
    mix = mixing.filtered(rooms.reverberate(mix, response, rng.uniform(-1, 5)), "highpass", 24)
    mix += _air(rng, len(mix)) * np.float32(mixing.rms(mix) * 10 ** (rng.uniform(*AIR_DECIBELS) / 20))
    mixing.fade_out(mix, RELEASE_SECONDS / 2)
    return mix


def _air(rng, n_samples):
    """Pink noise of level 1, float32 [n_samples, 2], left and right of their own."""
    spectrum = np.fft.rfft(rng.standard_normal((n_samples, 2)), axis=0)
    spectrum /= np.sqrt(np.arange(1, len(spectrum) + 1))[:, None]
    noise = np.fft.irfft(spectrum, n_samples, axis=0)
    return (noise / mixing.rms(noise)).astype(np.float32)
