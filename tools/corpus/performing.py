"""What players do with notes: onsets and ends in seconds, keys let go in time, MIDI files."""

import dataclasses

import numpy as np

from corpus import needs

TICKS_PER_SECOND = 10_000


@dataclasses.dataclass(frozen=True)
class Notes:
    """What a player does: onsets and ends in seconds, MIDI pitches and velocities, [notes] each."""

    onsets: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray
    velocities: np.ndarray


def separate_strokes(notes):
    """Lets a key go before it is struck again: a late note-off would silence the new stroke."""
    ends = notes.ends.copy()
    for pitch in np.unique(notes.pitches):
        strokes = np.flatnonzero(notes.pitches == pitch)
        strokes = strokes[np.argsort(notes.onsets[strokes], kind="stable")]
        ends[strokes[:-1]] = np.minimum(ends[strokes[:-1]], notes.onsets[strokes[1:]] - 0.005)
    kept = ends > notes.onsets + 0.02
    return Notes(notes.onsets[kept], ends[kept], notes.pitches[kept], notes.velocities[kept])


def note_events(notes, channel):
    """Strokes for write_midi: offs come before ons at the same moment."""
    for onset, end, pitch, velocity in zip(notes.onsets, notes.ends, notes.pitches, notes.velocities, strict=True):
        yield onset, 3, "note_on", dict(channel=channel, note=int(pitch), velocity=int(velocity))
        yield end, 1, "note_off", dict(channel=channel, note=int(pitch), velocity=0)


def control_event(seconds, channel, control, value):
    """A controller's change for write_midi."""
    return seconds, 2, "control_change", dict(channel=channel, control=control, value=int(value))


def program_event(channel, program):
    """The choice of an instrument at the start, for write_midi."""
    return 0.0, 0, "program_change", dict(channel=channel, program=program)


def write_midi(events, path):
    """Writes a MIDI file of one track, one tick per tenth of a millisecond.

    Args:
        events: (seconds, order among what falls on one tick, kind of message, its fields) in any order.
        path: the file to write.
    """
    mido = needs.module("mido")
    track, last_tick = mido.MidiTrack(), 0
    ticked = [(round(seconds * TICKS_PER_SECOND), order, kind, fields) for seconds, order, kind, fields in events]
    for tick, _, kind, fields in sorted(ticked, key=lambda event: event[:2]):
        track.append(mido.Message(kind, time=tick - last_tick, **fields))
        last_tick = tick
    # Without a tempo event a quarter lasts half a second.
    mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_SECOND // 2, tracks=[track]).save(path)
