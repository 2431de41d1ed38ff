"""Tracks as files: OUT_DIR/train/NAME.flac or OUT_DIR/held_out/NAME.flac, with NAME.json beside it.

A track whose two files are there is finished, and is not rendered again.
"""

import io
import json
import math
import time
import typing

import soundfile

from corpus import mixing
from musika_tf import atomic, json_file
from musika_tf.errors import UserError

SPLITS = ("train", "held_out")


class Place(typing.NamedTuple):
    """Where a track belongs.

    Attributes:
        split: "train" or "held_out".
        number: of the track among those of its split, from 0.
    """

    split: str
    number: int


def place(index, held_out):
    """The place of track number index, where a share of the tracks is held out, spread evenly over the numbers."""
    before, after = (math.floor(n_tracks * held_out + 0.5) for n_tracks in (index, index + 1))
    return Place("held_out", before) if after > before else Place("train", index - before)


def path_of(out_dir, name, split):
    """Where a track's audio goes.

    Raises:
        UserError: it is already there in the other split or in another format.
    """
    path = out_dir / split / name
    for folder in SPLITS:
        for other in (out_dir / folder).glob(f"{path.stem}.*"):
            if other.suffix != ".json" and other != path:
                raise UserError(
                    f"--out_dir: {other} was rendered with another --held_out or --format; "
                    "use the same ones or an empty folder"
                )
    return path


def finish(path, head, render, needed=("seconds",)):
    """Renders and writes a track, where it isn't finished already.

    Args:
        path: where the audio goes, .flac or .wav.
        head: {"kind": .., "seed": .., "index": ..}, which the .json begins with.
        render: function () -> float32 [samples, 2] at 44.1 kHz, facts.
        needed: what the .json of a finished track has.

    Returns:
        What the .json says, and a sentence on what was done.

    Raises:
        UserError: the disk is full, or can't be written.
    """
    facts = _finished(path, needed)
    if facts is not None:
        return facts, "already there"
    started = time.monotonic()
    verb = "its .json is missing or damaged, rendered again" if path.exists() else "rendered"
    waveform, facts = render()
    facts = {**head, "seconds": len(waveform) / mixing.SAMPLE_RATE, **facts}
    write(path, waveform, facts)
    return facts, f"{verb} in {time.monotonic() - started:.1f} s"


def _finished(path, needed):
    """What the .json of a finished track says; None where the track is to be rendered."""
    try:
        facts = json_file.read(path.with_suffix(".json"))
        seconds = [facts[name] for name in needed] and facts["seconds"]
    except (OSError, ValueError, LookupError, TypeError):  # none there, no JSON, or no facts
        return None
    is_length = isinstance(seconds, int | float) and 0 < seconds < math.inf
    return facts if is_length and path.exists() else None


def write(path, waveform, facts):
    """Writes an audio file and the facts beside it, each complete or not at all.

    The audio takes its name last: where it exists, the track is finished.

    Args:
        path: where the audio goes, .flac or .wav.
        waveform: float32 [samples, 2] at 44.1 kHz.
        facts: what the .json beside it says.

    Raises:
        UserError: the disk is full, or can't be written.
    """
    audio = io.BytesIO()  # libsndfile would not say why it can't write to a disk
    soundfile.write(audio, waveform, mixing.SAMPLE_RATE, "PCM_16", format=path.suffix[1:].upper())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as hidden_audio, atomic.replacing(path.with_suffix(".json")) as hidden_facts:
            hidden_audio.write_bytes(audio.getvalue())
            hidden_facts.write_text(json.dumps(facts) + "\n")
    except OSError as error:
        raise UserError(
            f"{path}: can't be written with its .json ({error.strerror}); free space or give another --out_dir"
        ) from error


def write_text(path, text):
    """Writes a file of text, whole or not at all.

    Raises:
        UserError: it can't be written.
    """
    try:
        with atomic.replacing(path) as hidden:
            hidden.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: can't be written ({error.strerror}); free space or give another --out_dir") from error
