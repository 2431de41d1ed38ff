"""Comment tags of audio files."""

import os
import struct

import soundfile


def read_comment(path):
    """The comment tag of an audio file, "" where it has none."""
    with soundfile.SoundFile(path) as file:
        return file.comment if file.format not in ("WAV", "WAVEX", "RF64") else _wav_comment(path)


def _wav_comment(path):
    """The same of a WAV or RF64 file, of which libsndfile reads no more than 2 kB: the chunk ICMT of its list INFO."""
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":  # ours lies before it, and it may say that it never ends
                return ""
            if name != b"LIST":
                file.seek(size + size % 2, os.SEEK_CUR)
            elif file.read(4) == b"INFO":
                return _info(file.read(size - 4)).get(b"ICMT", "")
    return ""


def _info(data):
    """Texts by name of the chunks in a list."""
    texts, start = {}, 0
    while start + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, start)
        texts[name] = data[start + 8 : start + 8 + size].partition(b"\0")[0].decode(errors="replace")
        start += 8 + size + size % 2
    return texts
