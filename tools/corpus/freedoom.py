"""Songs of the game Freedoom: MIDI files in its data, played by a soundfont.

Take 0 of a song is as it was written; later takes change key, tempo and instruments.
"""

import io
import pathlib
import struct

import numpy as np

from corpus import mixing, needs, rooms, soundfont
from musika_tf.errors import UserError

FILES = ("freedoom1.wad", "freedoom2.wad")
PACKAGE = "`apt-get install freedoom`"
HELD_OUT = ("D_E1M8", "D_E2M3", "D_VICTOR", "D_STALKS", "D_DDTBL2", "D_TENSE")
DRUM_CHANNEL = 9
SHORTEST_BYTES = 2000  # leaves out a jingle of ten seconds
BASSES = range(32, 40)
LICENCE = "BSD-3-Clause, music by the Freedoom project; soundfont FluidR3_GM, MIT"
# Programs that may stand in for one another.
FAMILIES = ((24, 25, 26, 27, 28), (29, 30), (32, 33, 34, 35), (38, 39), (40, 41, 42), (48, 49, 50, 51), (52, 53, 54),
            (56, 57, 59, 60, 61), (62, 63), (64, 65, 66, 67), (68, 70, 71), (72, 73, 74, 75), (80, 81, 82, 84, 87),
            (88, 89, 90, 91, 92, 93, 94, 95), (0, 1, 2, 4, 5), (16, 17, 18, 19), (8, 9, 10, 11, 12))  # fmt: skip
PAN, VOLUME = 10, 7  # numbers of MIDI controllers


class Freedoom:
    """The songs of Freedoom.

    Args:
        folder: where freedoom1.wad and freedoom2.wad are.
        soundfont_path: path of a General MIDI soundfont.

    Raises:
        UserError: a file is missing.
    """

    def __init__(self, folder, soundfont_path):
        self._songs = _songs(pathlib.Path(folder))
        self._soundfont = soundfont_path

    def pieces(self, held_out):
        """Names of the songs in one split."""
        return tuple(name for name in sorted(self._songs) if (name in HELD_OUT) == held_out)

    def render(self, rng, names, take):
        """One song; float32 [samples, 2] and what was drawn."""
        (name,) = names
        song = _read(self._songs[name])
        facts = {"transposition": 0, "tempo": 1.0}
        programs = {}
        if take:
            facts = {"transposition": int(rng.integers(-4, 5)), "tempo": round(float(rng.uniform(0.9, 1.12)), 3)}
            programs = _other_instruments(rng, song)
        desk = _desk(rng)
        rhythm, melody = (
            soundfont.play(_edited(song, part, desk, programs, **facts).save, self._soundfont)
            for part in (_is_rhythm(song), ~_is_rhythm(song))
        )
        return _mix(rng, rhythm, melody), facts


def _songs(folder):
    """Name -> bytes of a MIDI file, each song once."""
    songs = {}
    for file in FILES:
        try:
            lumps = dict(_lumps((folder / file).read_bytes()))
        except (OSError, struct.error) as error:
            raise UserError(f"--freedoom_dir: {folder / file} can't be read ({error}); {PACKAGE} brings it") from error
        for name, lump in lumps.items():
            if lump[:4] == b"MThd" and len(lump) > SHORTEST_BYTES and lump not in songs.values():
                songs[name] = lump
    return songs


def _lumps(data):
    """(name, bytes) of everything in a WAD file: a header, the contents, then a directory of 16 bytes a lump."""
    n_lumps, directory = struct.unpack_from("<4xii", data)
    for number in range(n_lumps):
        start, size, name = struct.unpack_from("<ii8s", data, directory + 16 * number)
        yield name.rstrip(b"\0").decode("ascii", "replace"), data[start : start + size]


def _read(data):
    return needs.module("mido").MidiFile(file=io.BytesIO(data), clip=True)


def _programs(song):
    """[(channel, program)] in the order of the file, drums left out."""
    return [
        (message.channel, message.program)
        for track in song.tracks
        for message in track
        if message.type == "program_change" and message.channel != DRUM_CHANNEL
    ]


def _is_rhythm(song):
    """bool [16]: channels that stay in the middle and dry: drums, and basses from first to last."""
    rhythm = np.zeros(16, bool)
    for channel, program in _programs(song):
        rhythm[channel] = program in BASSES
    rhythm[DRUM_CHANNEL] = True
    return rhythm


def _other_instruments(rng, song):
    """{program: program}: about half of the instruments change within their family."""
    changes = {}
    for program in sorted({program for _, program in _programs(song)}):
        family = next((family for family in FAMILIES if program in family), (program,))
        if rng.random() < 0.5:
            changes[program] = int(rng.choice(family))
    return changes


def _desk(rng):
    """(pan int [16], change of volume float [16]): where each channel stands, 0 to 127, and how much louder it is."""
    places = rng.permutation(np.linspace(-1, 1, 16)) * rng.uniform(0.5, 0.95)
    return np.round(64 + 63 * places).astype(int), rng.uniform(0.8, 1.15, 16)


def _edited(song, channels, desk, programs, transposition, tempo):
    """A copy of a song.

    Args:
        song: mido.MidiFile.
        channels: bool [16], which of them the copy has.
        desk: as _desk gives it.
        programs: {program: the one that plays in its place}.
        transposition: in semitones.
        tempo: factor.
    """
    mido = needs.module("mido")
    edited = mido.MidiFile(type=1, ticks_per_beat=song.ticks_per_beat)
    edited.tracks.append(mido.MidiTrack(_placing(desk, channels, _is_rhythm(song))))
    for track in song.tracks:
        copy, waiting = mido.MidiTrack(), 0
        for message in track:
            changed = _changed(message, channels, desk[1], programs, transposition, tempo)
            waiting += message.time
            if changed is not None:
                copy.append(changed.copy(time=waiting))
                waiting = 0
        edited.tracks.append(copy)
    return edited


def _placing(desk, channels, rhythm):
    """Messages that set pan and volume of the channels; the rhythm stands near the middle."""
    mido = needs.module("mido")
    for channel in np.flatnonzero(channels).tolist():
        pan, volume = int(desk[0][channel]), min(int(100 * desk[1][channel]), 127)
        pan = 64 + (pan - 64) // 6 if rhythm[channel] else pan
        yield mido.Message("control_change", channel=channel, control=PAN, value=pan)
        yield mido.Message("control_change", channel=channel, control=VOLUME, value=volume)


def _changed(message, channels, volume, programs, transposition, tempo):
    """The message as it is to be played; None where it is left out."""
    if message.is_meta:
        return message.copy(tempo=round(message.tempo / tempo)) if message.type == "set_tempo" else message
    if not hasattr(message, "channel"):
        return None  # system messages
    if not channels[message.channel]:
        return None
    if message.type in ("note_on", "note_off", "polytouch") and message.channel != DRUM_CHANNEL:
        return message.copy(note=min(max(message.note + transposition, 0), 127))
    if message.type == "program_change" and message.channel != DRUM_CHANNEL:
        return message.copy(program=programs.get(message.program, message.program))
    if message.type == "control_change" and message.control == PAN:
        return None
    if message.type == "control_change" and message.control == VOLUME:
        return message.copy(value=int(min(message.value * volume[message.channel], 127)))
    return message


def _mix(rng, rhythm, melody):
    """Melody with a chorus, perhaps, in a room; rhythm, drier, in a smaller one."""
    total = np.zeros((max(len(rhythm), len(melody)), 2), np.float32)
    if rng.random() < 0.5:
        melody = rooms.chorus(melody, rng, rng.uniform(0.001, 0.003), rng.uniform(0.3, 0.7))
    large = rooms.room_response(rng, rng.uniform(0.3, 2.2), rng.uniform())
    total[: len(melody)] += rooms.reverberate(melody, large, rng.uniform(-14, -3))
    small = rooms.room_response(rng, rng.uniform(0.25, 0.7), 0.2)
    total[: len(rhythm)] += rooms.reverberate(rhythm, small, rng.uniform(-20, -9))
    return mixing.filtered(total, "highpass", 24)
