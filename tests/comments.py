"""Comment tags of audio files, read back; those of generated files say all that a piece is."""

import json
import os
import re
import struct
import urllib.parse

import soundfile

from musika_tf.conditioning.steering import SETTINGS
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan


def read_comment(path):
    """The comment tag of an audio file, "" where it has none."""
    with soundfile.SoundFile(os.fsencode(path)) as file:
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


def read_style(text):
    """The StylePlan of its `text()`."""
    value = json.loads(text)
    if isinstance(value, int):
        return StylePlan.constant(value)
    blends = (tuple((int(seed), weight) for seed, weight in blend.items()) for _, blend in value)
    return StylePlan(tuple(zip((seconds for seconds, _ in value), blends, strict=True)))


def read_piece(comment):
    """The Piece of its `comment()`."""
    values = dict(re.findall(r"\b(\w+)=(\S+)", comment))
    settings = {setting: values[flag] for setting, flag in SETTINGS.items() if flag in values}
    return Piece(
        seed=int(values["seed"]),
        style=read_style(values["style"]),
        start_sample=int(values["start_sample"]),
        n_samples=None if values["n_samples"] == "inf" else int(values["n_samples"]),
        truncation=float(values["truncation"]),
        loop_samples=int(values.get("loop_samples", 0)),
        settings={name: urllib.parse.unquote(text, errors="surrogateescape") for name, text in settings.items()},
        click=values.get("click") == "1",
        precision=values.get("precision", "float32"),
    )
