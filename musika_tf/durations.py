"""Durations and times as people write them."""

import re
from fractions import Fraction

from musika_tf.errors import UserError

_UNITS = {"h": 3600, "m": 60, "s": 1}
_PATTERN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_MOST_SECONDS = 10**15  # some 30 million years
_MOST_LETTERS = 1000  # a float written without exponent has fewer; Python reads no numbers of over 4,300 digits
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")


def parse(text, flag="length"):
    """Seconds of a duration such as "3m57s", "1h2m3.5s" or "90": an exact Fraction above 0; UserError, which names
    `flag`, where it is none, 0, or beyond 10^15 seconds."""
    seconds = _seconds(text, _PATTERN)
    if not seconds:
        raise UserError(f"--{flag}={text}: give a duration above 0, such as 3m57s, 23s, 1h or 90 (seconds)")
    return _bounded(seconds, f"--{flag}")


def parse_time(text, where):
    """Seconds of a time, as `parse` or by the clock such as "1:02:03.5": an exact Fraction from 0 on; UserError, which
    names `where`, a flag or file, where it is none, or beyond 10^15 seconds."""
    seconds = _seconds(text, _CLOCK, _PATTERN)
    if seconds is None:
        raise UserError(f"{where}: {text!r} is no time; write 1h2m3s, 1:02:03 or 90 (seconds)")
    return _bounded(seconds, where)


def _bounded(seconds, where):
    if seconds > _MOST_SECONDS:
        raise UserError(f"{where}: longer than 10^15 seconds; write less")
    return seconds


def _seconds(text, *patterns):
    """The Fraction of seconds that `text` says by one of these patterns, or None."""
    text = text.strip().lower()
    match = next(filter(None, (pattern.fullmatch(text) for pattern in patterns)), None)
    if not match or not 0 < len(text) <= _MOST_LETTERS:
        return None
    return sum(Fraction(part) * scale for part, scale in zip(match.groups(), _UNITS.values(), strict=True) if part)


def spoken(seconds):
    """Seconds as a short text: 237 -> "3m57s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest}s" if rest else ""]
    return "".join(parts) or "0s"
