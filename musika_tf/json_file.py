"""JSON as others may have written it."""

import json
from pathlib import Path


def read(path):
    """The value in a JSON file; OSError of the disk, or ValueError that says what is wrong with it."""
    text = Path(path).read_text(encoding="utf-8")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("too many brackets within brackets") from error
