"""Curves over time as users write them.

| text | curve |
|---|---|
| `0.45` | constant |
| `0:0.1,30s:0.8,1m:0.2` | linear between the points, held before the first and after the last |
| `density.csv` | the same points as rows `time,value`; a first row that holds no numbers is a heading |

Times are durations (`90`, `30s`, `1m30s`, `1h`) from the beginning of the piece.
"""

import contextlib
import csv
import dataclasses
import math
import os
import re
from pathlib import Path

import numpy as np

from musika_tf import durations
from musika_tf.conditioning.signal import check_range, column
from musika_tf.errors import UserError

GRAMMAR = "a number, points such as 0:0.1,30s:0.8,1m:0.2, or a CSV file of time,value rows"
_ZERO = re.compile(r"0+(\.0*)?[hms]?")


@dataclasses.dataclass(frozen=True)
class Curve:
    """Points: ascending `times` in seconds and `values`, float64 `[points]` each."""

    times: np.ndarray
    values: np.ndarray

    def __call__(self, times):
        """float64 `[n]` at `times` `[n]`: linear between points, constant beyond them."""
        return np.interp(np.asarray(times, np.float64), self.times, self.values)

    @property
    def text(self):
        """Text from which `parse` makes the same curve."""
        if len(self.times) == 1:
            return repr(float(self.values[0]))
        points = zip(self.times, self.values, strict=True)
        return ",".join(f"{plain(time)}:{float(value)!r}" for time, value in points)


def plain(seconds):
    """Seconds as text without an exponent, from which `durations.parse` makes the same number."""
    return np.format_float_positional(seconds, trim="-")


class OneChannel(Curve):
    """A curve as the signal of one channel: times `[n]` -> float32 `[n, 1]`."""

    def __call__(self, times):
        return column(super().__call__(times))


def one_channel(text, signal, span, shown=None):
    """`Signal.parse_user` of a signal of one channel: a OneChannel. Errors about the range quote `shown`, if given."""
    curve = parse(text, signal.flag)
    check_range(curve.values, span, signal.legal, signal.flag, shown or text, "")
    return OneChannel(curve.times, curve.values)


def parse(text, flag):
    """The Curve of what a user wrote; UserError where times don't ascend, values aren't finite, or it is malformed."""
    where = f"--{flag}={text}"
    stripped = text.strip()
    if _is_number(stripped):
        return _curve([("0", stripped)], where)
    if names_file(stripped):
        return _curve(_rows(stripped, where), where)
    points = [part.rpartition(":")[::2] for part in stripped.split(",")]
    if not all(time for time, _ in points):
        raise UserError(f"{where}: give {GRAMMAR}")
    return _curve(points, where)


@contextlib.contextmanager
def taking(grammar):
    """While entered, errors of `parse` say this in place of GRAMMAR: for signals that take more or less."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(GRAMMAR, grammar)) from None


def names_file(text):
    """Whether `parse` takes a text for the name of a file to read."""
    return Path(text.strip()).suffix.lower() == ".csv"


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rows(path, where):
    """(time, value) texts of a CSV file."""
    try:
        with open(os.path.expanduser(path), newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, ValueError, csv.Error) as error:  # ValueError: not UTF-8, or no name that a file can have
        raise UserError(f"{where}: can't be read ({error}); give {GRAMMAR}") from error
    if rows and not any(_is_number(cell.strip()) for cell in rows[0]):
        rows = rows[1:]
    if not rows:
        raise UserError(f"{where}: no rows; give a CSV file of time,value rows")
    for number, row in enumerate(rows, 1):
        if len(row) != 2:
            raise UserError(f"{where}: row {number} has {len(row)} cells; give time,value")
    return [tuple(row) for row in rows]


def _curve(points, where):
    times = np.array([_seconds(time.strip(), where) for time, _ in points])
    values = np.array([_value(value.strip(), where) for _, value in points])
    for i in np.flatnonzero(np.diff(times) <= 0)[:1]:
        raise UserError(f"{where}: times must ascend, but {points[i + 1][0].strip()} follows {points[i][0].strip()}")
    return Curve(times, values)


def _seconds(text, where):
    if _ZERO.fullmatch(text.lower()):
        return 0.0
    try:
        return float(durations.parse(text))
    except UserError:
        raise UserError(f"{where}: {text!r} is no time; write 90, 30s, 1m30s or 1h") from None


def _value(text, where):
    value = float(text) if _is_number(text) else math.nan
    if not math.isfinite(value):
        raise UserError(f"{where}: {text!r} is no number; give {GRAMMAR}")
    return value
