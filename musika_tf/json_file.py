"""JSON as others may have written it: whatever is wrong with it is a ValueError, or an OSError of the disk."""

import json
from pathlib import Path


def read(path):
    """The value in a JSON file; OSError, or ValueError as `parse`."""
    return parse(Path(path).read_text(encoding="utf-8"))


def parse(text):
    """The value of a JSON text; ValueError says what is wrong with it."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("too many brackets within brackets") from error
