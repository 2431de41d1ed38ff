"""What WAV files say besides their samples, read by libsndfile; and their chunks by name, read by hand."""

import ctypes
import os
import struct

import soundfile

# sndfile.h: commands, and the structures that they fill in.
_GET_CUE_COUNT, _GET_CUE, _GET_INSTRUMENT, _GET_LOOP_INFO = 0x10CD, 0x10CE, 0x10D0, 0x10E0


class CuePoint(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("indx", "position", "fcc_chunk", "chunk_start", "block_start")),
        ("sample_offset", ctypes.c_uint32),
        ("name", ctypes.c_char * 256),
    ]


class InstrumentLoop(ctypes.Structure):
    _fields_ = [("mode", ctypes.c_int), *((name, ctypes.c_uint32) for name in ("start", "end", "count"))]


class Instrument(ctypes.Structure):
    _fields_ = [
        ("gain", ctypes.c_int),
        *((name, ctypes.c_char) for name in ("basenote", "detune", "velocity_lo", "velocity_hi", "key_lo", "key_hi")),
        ("loop_count", ctypes.c_int),
        ("loops", InstrumentLoop * 16),
    ]


class LoopInfo(ctypes.Structure):
    _fields_ = [
        ("time_sig_num", ctypes.c_short),
        ("time_sig_den", ctypes.c_short),
        ("loop_mode", ctypes.c_int),
        ("num_beats", ctypes.c_int),
        ("bpm", ctypes.c_float),
        ("root_key", ctypes.c_int),
        ("future", ctypes.c_int * 6),
    ]


def _ask(path, command, result):
    """Whether libsndfile has an answer, which it writes into `result`."""
    with soundfile.SoundFile(os.fsencode(path)) as file:
        pointer = soundfile._ffi.cast("void *", ctypes.addressof(result))
        return bool(soundfile._snd.sf_command(file._file, command, pointer, ctypes.sizeof(result)))


def cues(path):
    """[(sample, name), ...] of a file."""
    count = ctypes.c_uint32()
    if not _ask(path, _GET_CUE_COUNT, count):
        return []

    class Cues(ctypes.Structure):
        _fields_ = [("count", ctypes.c_uint32), ("points", CuePoint * count.value)]

    found = Cues()
    assert _ask(path, _GET_CUE, found)
    assert all(point.position == point.sample_offset for point in found.points)
    return [(point.sample_offset, point.name.decode()) for point in found.points]


def loop(path):
    """(first sample, one beyond the last, rounds; 0: for ever) of a file's one loop, or None."""
    found = Instrument()
    if not _ask(path, _GET_INSTRUMENT, found):
        return None
    assert found.loop_count == 1 and found.loops[0].mode == 801  # SF_LOOP_FORWARD
    return found.loops[0].start, found.loops[0].end, found.loops[0].count


def tempo(path):
    """(BPM, beats, beats per bar, note of a beat, whether it loops) of a file, or None."""
    found = LoopInfo()
    if not _ask(path, _GET_LOOP_INFO, found):
        return None
    # SF_LOOP_NONE, SF_LOOP_FORWARD
    loops = {800: False, 801: True}[found.loop_mode]
    return found.bpm, found.num_beats, found.time_sig_num, found.time_sig_den, loops


def chunks(path):
    """[(name, content), ...] in a file's order, that of `data` left out; AssertionError where sizes do not add up."""
    data = path.read_bytes()
    magic, size = struct.unpack_from("<4sI", data)
    found, place = [], 12
    while place < len(data):
        name, n_bytes = struct.unpack_from("<4sI", data, place)
        if magic == b"RF64" and name == b"ds64":
            size, wide = struct.unpack_from("<QQ", data, place + 8)
        if name == b"data" and n_bytes == 2**32 - 1:
            n_bytes = wide
        found.append((name, b"" if name == b"data" else data[place + 8 : place + 8 + n_bytes]))
        place += 8 + n_bytes + n_bytes % 2
    assert place == len(data) == size + 8 and magic in (b"RIFF", b"RF64")
    return found
