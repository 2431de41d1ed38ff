"""What a folder of audio holds, file by file: found by content and not by name, judged by header, then by sample.

    walk       every file below the folder that isn't hidden, sorted by name
    header     is it audio, how long, and what will be done to it          a fraction of a millisecond a file
    samples    does all of it decode; is it silent, clipped, no number     some hundred times real time a thread

What never claimed to be audio (a cover, a score, the .json beside a track) is counted and does no harm. What is named
like audio and isn't, what can't be read, and what ends before its header says, is left out with the reason.
"""

import contextlib
import dataclasses
import functools
import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from musika_tf import progress
from musika_tf.audio import blocks, files
from musika_tf.collection import completeness
from musika_tf.collection.levels import Levels
from musika_tf.collection.table import IGNORED, LEFT_OUT, USED, Row, Table, known_levels
from musika_tf.native import silent_stderr

# A file with such a name claims to be audio. What is read, content alone decides.
EXTENSIONS = (
    ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".ape", ".au", ".caf", ".flac", ".m4a", ".m4b", ".mka", ".mp2", ".mp3",
    ".mpc", ".oga", ".ogg", ".opus", ".snd", ".tta", ".w64", ".wav", ".wave", ".wma", ".wv",
)  # fmt: skip
FORMATS = "WAV, AIFF, FLAC, MP3, OGG, Opus and, where ffmpeg is installed, M4A, AAC, WMA, AC-3, under any name"

_HEADER_THREADS = 8  # they wait for the disk
_SLACK_BYTES = 1024  # sloppy writers count headers in
_PAGES = (b"<!doctype", b"<html", b"<?xml")  # often found under the name of audio


def scan(path, sample_rate=files.SAMPLE_RATE, window_samples=0, for_training=False, known=None, show_progress=False):
    """The Table of a folder, every file read to its end, in bounded memory and in as many threads as there are cores.

    Args:
      path, sample_rate, window_samples: as of `headers`, as are errors.
      for_training: whether digital silence is left out.
      known: CSV file of an earlier table, whose unchanged files aren't read again; or None.
      show_progress: whether to draw a line on standard error.
    """
    known = known_levels(known) if known else {}
    judge = functools.partial(_judged, known=known, for_training=for_training)
    rows = headers(path, sample_rate, window_samples)
    table, seconds = Table(), np.cumsum([row.seconds or 0.0 for row in rows])
    with (
        silent_stderr() as terminal,
        ThreadPoolExecutor(os.cpu_count()) as pool,
        progress.of_seconds(seconds[-1], terminal, show_progress) as tell,
    ):
        for row, done in zip(pool.map(judge, rows), seconds, strict=True):
            table.rows.append(row)
            tell(done)
    return table


def headers(path, sample_rate=files.SAMPLE_RATE, window_samples=0):
    """A Row for each file below a folder, judged by its header, or for a file of any name; sorted by name.

    Hidden files and folders are skipped, links to folders not followed (but named).

    Args:
      sample_rate: to which the audio will be resampled, Hz.
      window_samples: a file of fewer samples at this rate will be padded.

    Raises:
      AudioFileError: the path does not exist, or in the folder nothing is audio or named like it.
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        if not os.path.lexists(path):
            raise files.AudioFileError(f"{path}: no such file or folder; give an audio file or a folder of them")
        return [_header(path, path.name, sample_rate, window_samples, named=True)]
    with silent_stderr(), ThreadPoolExecutor(_HEADER_THREADS) as pool:
        entries = sorted(_walk(path), key=lambda entry: entry[1])
        rows = list(pool.map(lambda entry: _row(*entry, sample_rate, window_samples), entries))
    if all(row.status == IGNORED for row in rows):
        raise files.AudioFileError(f"{path}: no audio in this folder; what is read: {FORMATS}")
    return rows


def find_audio(path):
    """The pathlib.Path of each audio file that `headers` finds, sorted by the path relative to the folder.

    What is named like audio and can't be read is listed too, so that reading it says what is wrong.

    Raises:
      AudioFileError: the path does not exist, or the folder holds no audio file.
    """
    return [row.path for row in headers(path) if row.status != IGNORED and not row.path.is_dir()]


def refused(row, error):
    """The row of a file that could not be used because of a UserError."""
    problem, reason = getattr(error, "problem", "failed"), getattr(error, "reason", "")
    if problem == "failed":  # no fault of the audio: the error says it all
        return row.left_out(problem, str(error).removeprefix(f"{row.path}: "))
    if row.seconds is not None and problem in ("truncated", "corrupt"):
        found = "corrupt" if _has_end(row) else "truncated"
        if found != problem:
            reason = "its end can't be decoded" if found == "truncated" else "it can't be decoded throughout"
        problem = found
    return row.left_out(problem.replace(" ", "-"), f"{problem} ({reason})")


def _has_end(row):
    """Whether the last sample that the header promises can be decoded."""
    with silent_stderr(), contextlib.suppress(files.AudioFileError):
        return len(files.read(row.path, files.probe(row.path).n_samples - 1, 1, row.rate)) == 1
    return False


def _judged(row, known, for_training):
    """A row of `headers` after all samples were read."""
    if row.status != USED:
        return row
    heard = known.get((row.file, row.n_bytes, row.modified, f"{row.seconds:.3f}"))
    if heard is None:
        levels = Levels()
        try:
            for _ in blocks.read(row.path, sample_rate=None, watch=levels.add):
                pass
        except files.AudioFileError as error:
            return refused(row, error)
        heard = levels.peak, levels.clipped
    return row.heard(*heard, leave_out_silence=for_training)


def _walk(root):
    """(path, name below root, what is wrong with it or None) of all that isn't hidden below a folder, in any order."""
    failed = []
    for folder, subfolders, names in os.walk(root, onerror=failed.append):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for name in subfolders:
            path = pathlib.Path(folder, name)
            if path.is_symlink():
                yield *_named(path, root), "a link to a folder, which isn't followed"
            elif _claims_audio(path):
                yield *_named(path, root), "a folder"
        for name in names:
            if not name.startswith("."):
                yield *_named(pathlib.Path(folder, name), root), None
    for error in failed:
        yield *_named(pathlib.Path(error.filename), root), f"folder: {error.strerror}"


def _named(path, root):
    return path, path.relative_to(root).as_posix()


def _claims_audio(path):
    return path.name.lower().endswith(EXTENSIONS)


def _row(path, file, trouble, sample_rate, window_samples):
    """The row of something that `_walk` found."""
    if trouble is None:
        return _header(path, file, sample_rate, window_samples)
    row = Row(path, file)
    if trouble == "a folder":
        holds_files = any(path.iterdir())  # which have rows of their own
        return row.left_out("not-audio", "not audio (a folder)", IGNORED if holds_files else LEFT_OUT)
    return row.left_out("unreadable", f"unreadable ({trouble})")


def _header(path, file, sample_rate, window_samples, named=False):
    """The row of a file by its header; one that was `named` on purpose claims to be audio."""
    row = Row(path, file)
    failed = LEFT_OUT if named or _claims_audio(path) else IGNORED
    try:
        stat = path.stat()
        row = Row(path, file, n_bytes=stat.st_size, modified=stat.st_mtime_ns)
        if path.is_file() and not row.n_bytes:
            return row.left_out("empty", "empty (no bytes)", failed)
        info = files.probe(path)
        return _prepared(_whole(row, info), info, sample_rate, window_samples)
    except files.AudioFileError as error:
        is_page = error.problem == "not audio" and _is_page(path)
        reason = f"{error.problem} ({'HTML or XML' if is_page else error.reason})"
        return row.left_out(error.problem.replace(" ", "-"), reason, failed)
    except OSError as error:
        reason = "a broken link" if path.is_symlink() else error.strerror
        return row.left_out("unreadable", f"unreadable ({reason})", failed)


def _is_page(path):
    """Whether what isn't read as audio is a web page."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES)


def _whole(row, info):
    """The row with what the header says; left out where there is less than that."""
    row = dataclasses.replace(
        row, seconds=info.seconds, rate=info.sample_rate, channels=info.n_channels, encoding=info.encoding
    )
    for flag, note in info.notes:
        row = row.noted(flag, note)
    stated, there = completeness.stated_and_there(row.path)
    if stated - there > _SLACK_BYTES:
        stated_seconds = info.seconds * stated / there if there else None
        of = f" of {stated_seconds:.1f}" if there else ""
        return row.left_out("truncated", f"truncated ({info.seconds:.1f}{of} s are there)")
    cut = completeness.lacks_ogg_end(row.path)
    if not info.n_samples:
        problem, reason = ("truncated", "no samples are left") if cut else ("empty", "no samples")
        return row.left_out(problem, f"{problem} ({reason})")
    return row.noted("cut", "its end may be missing") if cut else row


def _prepared(row, info, sample_rate, window_samples):
    """The row with what will be done to the file before it is used."""
    if row.status != USED:
        return row
    if row.channels == 1:
        row = row.noted("mono", "mono upmixed")
    elif row.channels > 2:
        row = row.noted("mixed-down", f"{row.channels} channels mixed down")
    if row.rate != sample_rate:
        row = row.noted("resampled", f"resampled {row.rate} -> {sample_rate}")
    if files.n_samples_at(info, sample_rate) < window_samples:
        row = row.noted("short", "shorter than a window: padded")
    return row
