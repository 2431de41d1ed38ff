"""Durations as people write them."""

import re
from fractions import Fraction

from musika_tf.errors import UserError

_UNITS = {"h": 3600, "m": 60, "s": 1}
_PATTERN = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def parse(text, flag="length"):
    """Seconds of a duration: "3m57s", "1h", "1h2m3.5s", or plain seconds: "90".

    Args:
      text: the duration.
      flag: the flag that the text came from, for the error.

    Returns:
      An exact Fraction above 0.

    Raises:
      UserError: it is no duration, or 0.
    """
    match = _PATTERN.fullmatch(text.strip().lower())
    parts = match.groups() if match else ()
    seconds = sum(Fraction(part) * scale for part, scale in zip(parts, _UNITS.values(), strict=False) if part)
    if not seconds:
        raise UserError(f"--{flag}={text}: a duration above 0, such as 3m57s, 23s, 1h or 90 (seconds), please")
    return seconds


def spoken(seconds):
    """Seconds as a short text: 237 -> "3m57s"."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", f"{rest}s" if rest else ""]
    return "".join(parts) or "0s"
