"""Rhythm and harmony shared by the layers: steps, keys, Euclidean rhythms."""

from corpus import mixing
from corpus.grid import STEPS_PER_BAR

MINOR_SCALE = (0, 2, 3, 5, 7, 8, 10)


def pick(rng, options):
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def degree_pitch(track, degree, base):
    """MIDI pitch of a scale degree (7 is the octave) above the first key note from base up."""
    octave, step = divmod(degree, len(MINOR_SCALE))
    return base + (track.root - base) % 12 + 12 * octave + MINOR_SCALE[step]


def steps(bars, pattern):
    """Steps of the track for a pattern of steps within a bar."""
    return [bar * STEPS_PER_BAR + step for bar in bars for step in pattern]


def play(track, bus, sound, steps, gains):
    """Places one sound on many sixteenth steps."""
    for step, gain in zip(steps, gains, strict=True):
        mixing.add_at(bus, sound, track.grid.sample_at(step), gain)


def euclid(n_hits, n_steps, turn):
    """Steps of n_hits spread as evenly as they go over n_steps, rotated."""
    return sorted({(hit * n_steps // n_hits + turn) % n_steps for hit in range(n_hits)})
