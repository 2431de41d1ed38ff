"""The table of a collection: one row a file, with what was done to it, or why it isn't used."""

import csv
import dataclasses
import pathlib
import unicodedata
from collections import Counter

from musika_tf import atomic, durations
from musika_tf.collection.levels import CLIPPED_SHARE, SILENCE
from musika_tf.errors import UserError, printable

USED, LEFT_OUT, IGNORED = "used", "left out", "ignored"
_HEARD = {"silent": "digital silence, to be left out of training", "clipped": "clipped"}  # by samples, not by header
_MOST_NAMED = 3  # files in an error of one line


@dataclasses.dataclass(frozen=True)
class Row:
    """One file of a collection.

    Attributes:
      file: its name below the collection's folder.
      status: USED; LEFT_OUT: it is audio, or named like it, and isn't used; IGNORED: never claimed to be audio.
      seconds, rate, channels: as stored, rate in Hz; None where it isn't audio.
      encoding: container and sample format, "" where it isn't audio.
      flags: what is to be said of it in words that programs can look for, such as mono, silent, truncated.
      notes: the same for people, one for each flag.
      peak, clipped: see levels.Levels; None until all samples were read.
      n_bytes, modified: size, and time of the last change in ns: whether `peak` still holds.
    """

    path: pathlib.Path
    file: str
    status: str = USED
    seconds: float | None = None
    rate: int | None = None
    channels: int | None = None
    encoding: str = ""
    flags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    peak: float | None = None
    clipped: float | None = None
    n_bytes: int = 0
    modified: int = 0

    @property
    def what(self):
        """What was done, or why not, in a few words."""
        return ", ".join(self.notes)

    def line(self):
        """The row as a sentence."""
        return printable(f"{self.file}: {self.status}{': ' * bool(self.notes)}{self.what}")

    def noted(self, flag, note):
        """The row with one thing more to say of it."""
        return dataclasses.replace(self, flags=(*self.flags, flag), notes=(*self.notes, note))

    def left_out(self, flag, note, status=LEFT_OUT):
        """The row of a file that isn't used for this reason; what would have been done to it is forgotten."""
        return dataclasses.replace(self, status=status, flags=(flag,), notes=(note,))

    def heard(self, peak, clipped, leave_out_silence=False):
        """The row once all samples were read; for training digital silence is left out."""
        row = dataclasses.replace(self, peak=peak, clipped=clipped)
        if peak < SILENCE:
            if leave_out_silence:
                return row.left_out("silent", "digital silence")
            return row.noted("silent", _HEARD["silent"])
        if clipped >= CLIPPED_SHARE:
            return row.noted("clipped", f"clipped ({_percent(clipped)} of its samples)")
        return row

    def remembered(self, flags):
        """The row with what the flags of an earlier run say of the samples."""
        row = self
        for flag in flags:
            if flag in _HEARD and flag not in row.flags:
                row = row.noted(str(flag), _HEARD[flag])
        return row


class Table:
    """The rows of a collection, in the order in which they were added."""

    def __init__(self, rows=()):
        self.rows = list(rows)

    def of(self, status):
        """The rows of this status."""
        return [row for row in self.rows if row.status == status]

    @property
    def paths(self):
        """The files that are used."""
        return [row.path for row in self.of(USED)]

    @property
    def seconds(self):
        """Seconds of audio in the files that are used."""
        return sum(row.seconds for row in self.of(USED))

    def text(self, all_rows=True):
        """The table, aligned, and a sentence that sums it up.

        Without `all_rows` files that are used as they are stay out. Those that never claimed to be audio are counted.
        """
        rows = [row for row in self.rows if row.status != IGNORED and (all_rows or row.flags)]
        cells = [("file", "seconds", "Hz", "channels", "encoding", "what was done, or why not"), *map(_cells, rows)]
        widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(_aligned, row, widths, range(6))).rstrip() for row in cells] if rows else []
        return "\n".join([*lines, self.summary()])

    def summary(self):
        """One line: how many files and hours, and what the others are."""
        used, left_out, ignored = (self.of(status) for status in (USED, LEFT_OUT, IGNORED))
        text = f"{_files(len(used))} used, {durations.spoken(self.seconds)}; {len(left_out)} left out"
        if ignored:
            kinds = Counter(pathlib.PurePath(row.file).suffix.lower() or "no extension" for row in ignored)
            kinds = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(5))
            text += printable(f"; {len(ignored)} that are no audio and not named like it ({kinds})")
        return text

    def check(self, where, strict=False):
        """UserError that names the flag `where` if nothing, or with `strict` not all, of a collection can be used."""
        left_out = self.of(LEFT_OUT)
        if self.of(USED) and not (strict and left_out):
            return
        named = "; ".join(f"{row.file}: {row.what}" for row in left_out[:_MOST_NAMED])
        more = len(left_out) - _MOST_NAMED
        named += f"; and {more} more" * (more > 0)
        if self.of(USED):
            raise UserError(f"--strict: {_files(len(left_out))} of {where} left out ({named})")
        raise UserError(f"{where}: nothing in it can be used ({named or 'no audio'})")

    def write(self, path):
        """Writes all rows as CSV, complete or not at all; UserError where that can't be."""
        path = pathlib.Path(path)
        try:
            with (
                atomic.replacing(path) as hidden_path,
                # Names may hold bytes that are no UTF-8.
                open(hidden_path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file,
            ):
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(_COLUMNS)
                writer.writerows([_COLUMNS[name](row) for name in _COLUMNS] for row in self.rows)
        except OSError as error:
            raise UserError(f"{path}: can't be written ({error.strerror}); free space or name another file") from error


_COLUMNS = {
    "file": lambda row: printable(row.file),
    "seconds": lambda row: "" if row.seconds is None else f"{row.seconds:.3f}",
    "rate": lambda row: row.rate,
    "channels": lambda row: row.channels,
    "encoding": lambda row: row.encoding,
    "status": lambda row: row.status,
    "flags": lambda row: " ".join(row.flags),
    "what": lambda row: printable(row.what),
    "peak": lambda row: row.peak,
    "clipped": lambda row: row.clipped,
    "bytes": lambda row: row.n_bytes,
    "modified": lambda row: row.modified,
}


def known_levels(path):
    """What a CSV file of `Table.write` knows of the samples of files; nothing if it is missing or damaged.

    Returns:
      dict of (file, n_bytes, modified, seconds as text) -> (peak, clipped). The seconds: what is read of an unchanged
      file is another, for instance, when ffmpeg has been installed.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        heard = [row for row in rows if row["peak"]]
        files = [(row["file"], int(row["bytes"]), int(row["modified"]), row["seconds"]) for row in heard]
        return dict(zip(files, [(float(row["peak"]), float(row["clipped"])) for row in heard], strict=True))
    except (OSError, ValueError, KeyError, TypeError, csv.Error):
        return {}


def _percent(share):
    return f"{100 * share:.{0 if share >= 0.1 else 1 if share >= 0.01 else 2}f} %"


def _files(n):
    return f"{n} file{'s' * (n != 1)}"


def _cells(row):
    numbers = ["-" if value is None else str(value) for value in (row.rate, row.channels)]
    seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
    what = f"{row.status}: {row.what}" if row.status != USED else row.what or USED
    return tuple(map(printable, (row.file, seconds, *numbers, row.encoding or "-", what)))


def _width(text):
    """Columns that a terminal gives to `text`."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _aligned(text, width, column):
    """`text` filled up with spaces: numbers, columns 1 to 3, to the left of them."""
    spaces = " " * (width - _width(text))
    return spaces + text if column in (1, 2, 3) else text + spaces
