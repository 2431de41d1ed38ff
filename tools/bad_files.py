"""A folder of all that goes wrong in collections: python tools/bad_files.py --out_dir=/tmp/bad [--encode] [--hours=3]

Makes one file of each kind and prints what is to be expected of it. With --encode it runs encode.py over them with the
model that ships here, in --out_dir.latents, compares its table with what was expected, and tells the peak memory.
"""

import csv
import dataclasses
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from absl import flags

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from musika_tf.audio import ffmpeg
from musika_tf.collection.table import IGNORED, LEFT_OUT, USED
from musika_tf.errors import UserError
from musika_tf.programs import cli

ROOT = Path(__file__).resolve().parents[1]
FLAGS = flags.FLAGS

RATE = 44_100
RATES = (8000, 22_050, 48_000, 96_000, 192_000)
SECONDS = 1
_BLOCK = 60  # seconds


def music(seconds=SECONDS, rate=RATE, channels=2, gain=0.25):
    """A chord with a beat, float32 `[samples, channels]`; never silent, never clipped at the usual gain."""
    time = np.arange(round(seconds * rate)) / rate
    beat = 0.5 + 0.5 * np.exp(-8 * (time % 0.5))
    tones = [np.sin(2 * np.pi * (220 + 110 * c) * time) + np.sin(2 * np.pi * (277 + c) * time) for c in range(channels)]
    return (gain * beat[:, None] * np.stack(tones, axis=1)).astype(np.float32)


def audio(container="WAV", encoding=None, waveform=None, rate=RATE, **kwargs):
    """A function (path) that writes audio."""

    def write(path):
        samples = music(rate=rate, **kwargs) if waveform is None else waveform
        with soundfile.SoundFile(path, "w", rate, samples.shape[1], encoding, format=container) as file:
            for start in range(0, len(samples), 4096):
                file.write(samples[start : start + 4096])

    return write


def cut(write, share=0.5):
    """A function (path) that writes a file and cuts it off."""

    def write_and_cut(path):
        write(path)
        os.truncate(path, int(path.stat().st_size * share))

    return write_and_cut


def damaged(write):
    """A function (path) that writes a file and overwrites its middle."""

    def write_and_damage(path):
        write(path)
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
        path.write_bytes(data)

    return write_and_damage


def content(data):
    return lambda path: path.write_bytes(data)


def not_finite():
    waveform = music()
    waveform[RATE // 2 : RATE // 2 + 5, 1] = np.nan
    return waveform


def link(target):
    return lambda path: path.symlink_to(target)


@dataclasses.dataclass(frozen=True)
class Case:
    """A file, how it is made, and its row in the table of encode.py; no status: no row."""

    file: str
    make: Callable
    status: str | None = USED
    flags: tuple[str, ...] = ()
    seconds: float | None = SECONDS
    rate: int | None = RATE
    channels: int | None = 2


def _no_audio(file, make, *names, status=LEFT_OUT):
    return Case(file, make, status, names, None, None, None)


_BY_FFMPEG = "corrupt" if ffmpeg.is_installed() else "needs-ffmpeg"
_PAGE = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
CASES = [
    Case("plain.wav", audio()),
    Case("mono.wav", audio(channels=1), flags=("mono",), channels=1),
    Case("six channels.wav", audio("WAVEX", channels=6), flags=("mixed-down",), channels=6),
    Case("six channels.ogg", audio("OGG", channels=6), flags=("mixed-down",), channels=6),
    Case("extensible.wav", audio("WAVEX", "PCM_16")),
    *(Case(f"{rate} Hz.wav", audio(rate=rate), flags=("resampled",), rate=rate) for rate in RATES),
    Case("24 bits.wav", audio("WAV", "PCM_24")),
    Case("float.wav", audio("WAV", "FLOAT")),
    Case("8 bits mono 8000 Hz.wav", audio("WAV", "PCM_U8", rate=8000, channels=1), flags=("mono", "resampled"),
         rate=8000, channels=1),
    Case("song.mp3", audio("MP3")),
    Case("song.ogg", audio("OGG")),
    Case("song.opus", audio("OGG", "OPUS", rate=48_000), flags=("resampled",), rate=48_000),
    Case("song.flac", audio("FLAC")),
    Case("song.aiff", audio("AIFF")),
    Case("wav in disguise.dat", audio()),
    Case("flac named.mp3", audio("FLAC")),
    Case("Grüße aus Köln – 東京 ♫.wav", audio()),
    Case("  spaces  and 'quotes' $HOME.wav", audio()),
    Case("UPPER.WAV", audio()),
    Case("one/same name.wav", audio()),
    Case("two/same name.wav", audio(channels=1), flags=("mono",), channels=1),
    Case("deep/er/and/deeper/x.flac", audio("FLAC")),
    Case("link.wav", link("plain.wav")),
    Case("silence.wav", audio(waveform=np.zeros([SECONDS * RATE, 2])), flags=("silent",)),
    Case("clipped.wav", audio(gain=2.0), flags=("clipped",)),
    Case("clipped.flac", audio("FLAC", gain=2.0, rate=48_000), flags=("resampled", "clipped"), rate=48_000),
    Case("short.wav", audio(seconds=0.03), flags=("short",), seconds=0.03),
    Case("one sample.wav", audio(waveform=music()[100:101]), flags=("short",), seconds=0),
    Case("ogg cut off.ogg", cut(audio("OGG", seconds=8), 0.8), flags=("cut",), seconds=None),
    Case("nan.wav", audio("WAV", "FLOAT", not_finite()), LEFT_OUT, ("not-finite",)),
    Case("wav cut off.wav", cut(audio()), LEFT_OUT, ("truncated",), SECONDS / 2),
    Case("flac cut off.flac", cut(audio("FLAC")), LEFT_OUT, ("truncated",)),
    Case("mp3 cut off.mp3", cut(audio("MP3")), LEFT_OUT, ("truncated",)),
    Case("aiff cut off.aiff", cut(audio("AIFF")), LEFT_OUT, ("truncated",), SECONDS / 2),
    Case("damaged.flac", damaged(audio("FLAC")), LEFT_OUT, ("corrupt",)),
    Case("no samples.wav", audio(waveform=np.zeros([0, 2])), LEFT_OUT, ("empty",), 0),
    _no_audio("header only.wav", content(b"RIFF and nothing else"), "not-audio"),
    _no_audio("page.mp3", content(_PAGE), "not-audio"),
    _no_audio("page.au", content(_PAGE * 100), "not-audio"),
    _no_audio("no bytes.wav", content(b""), "empty"),
    _no_audio("folder.wav", Path.mkdir, "not-audio"),
    _no_audio("broken link.wav", link("gone.wav"), "unreadable"),
    _no_audio("link to itself.wav", link("link to itself.wav"), "unreadable"),
    _no_audio("link to a folder", link("one"), "unreadable"),
    _no_audio("pipe.wav", os.mkfifo, "not-audio"),
    _no_audio("movie.m4a", content(b"\0\0\0\x20ftypM4A " + bytes(100)), _BY_FFMPEG),
    _no_audio("cover.jpg", content(b"\xff\xd8\xff\xe0" + bytes(1000)), "not-audio", status=IGNORED),
    _no_audio("notes.txt", content(b"nothing to hear"), "not-audio", status=IGNORED),
    _no_audio("facts.json", content(b"{}"), "not-audio", status=IGNORED),
    Case(".hidden.wav", audio(), None),
    Case(".ipynb_checkpoints/plain-checkpoint.wav", audio(), None),
]  # fmt: skip


def long_case(hours):
    """The Case of a FLAC file of so many hours."""

    def write(path):
        block = music(_BLOCK, gain=0.1)
        with soundfile.SoundFile(path, "w", RATE, 2, "PCM_16", format="FLAC") as file:
            for _ in range(round(hours * 3600 / _BLOCK)):
                file.write(block)

    return Case(f"{hours:g} hours.flac", write, seconds=round(hours * 3600 / _BLOCK) * _BLOCK)


def build(folder, cases):
    """Makes the files in `folder`, which must not be there."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"--out_dir={folder}: {error.strerror}; name a folder that can be made") from error
    for case in cases:
        path = folder / case.file
        path.parent.mkdir(parents=True, exist_ok=True)
        case.make(path)


def differences(cases, rows):
    """What is other than expected in the rows of a CSV table, as lines."""
    expected = {case.file: case for case in cases if case.status is not None}
    found = {row["file"]: row for row in rows}
    lines = [f"{file}: no row" for file in expected.keys() - found.keys()]
    lines += [f"{file}: a row that nobody expected" for file in found.keys() - expected.keys()]
    for file in expected.keys() & found.keys():
        case, row = expected[file], found[file]
        wanted = (case.status, " ".join(case.flags), _text(case.rate), _text(case.channels))
        got = (row["status"], row["flags"], row["rate"], row["channels"])
        seconds = case.seconds is None or row["seconds"] and abs(float(row["seconds"]) - case.seconds) < 0.1
        if got != wanted or not seconds:
            lines.append(f"{file}: expected {wanted}, {case.seconds} s; found {got}, {row['seconds']} s")
    return sorted(lines)


def _text(number):
    return "" if number is None else str(number)


def encode(folder, cases):
    """Runs encode.py over `folder`; what differs from the expectation, as lines."""
    latents, table = Path(f"{folder}.latents"), Path(f"{folder}.csv")
    model = FLAGS.bundle_dir or ROOT / "models" / "techno"
    command = [sys.executable, ROOT / "encode.py", f"--audio_dir={folder}", f"--out_dir={latents}"]
    done = subprocess.run([*map(str, command), f"--bundle_dir={model}", f"--table={table}"])
    if done.returncode:
        raise UserError(f"encode.py ended with status {done.returncode}")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"peak memory {peak / 1e9:.2f} GB")
    lines = differences(cases, csv.DictReader(table.read_text().splitlines()))
    wanted = {f"{case.file}.npz" for case in cases if case.status == USED}
    made = {path.relative_to(latents).as_posix() for path in latents.rglob("*.npz")}
    return lines + [f"{file}: missing or too much" for file in sorted(wanted ^ made)]


def main(_):
    folder = Path(cli.require("out_dir"))
    cases = CASES + [long_case(FLAGS.hours)] * (FLAGS.hours > 0)
    build(folder, cases)
    width = max(len(case.file) for case in cases)
    for case in cases:
        print(
            f"{case.file:<{width}}  {case.status or 'hidden: no row'}{': ' * bool(case.flags)}{', '.join(case.flags)}"
        )
    if FLAGS.encode:
        lines = encode(folder, cases)
        if lines:
            raise UserError("not as expected: " + "; ".join(lines))
        print("all as expected")
        shutil.rmtree(f"{folder}.latents")


if __name__ == "__main__":
    flags.DEFINE_string("out_dir", None, "folder to make; must not be there")
    flags.DEFINE_float("hours", 0, "length of a long file beside the others", lower_bound=0)
    flags.DEFINE_bool("encode", False, "encode them, too, and compare")
    cli.run(sys.modules[__name__])
