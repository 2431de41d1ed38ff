"""What benchmarks make of their numbers. Without TensorFlow, whose import some of them measure."""

import json
import statistics
from pathlib import Path


def spread(values):
    """[median, lowest, highest] of some numbers."""
    values = list(values)
    return [statistics.median(values), min(values), max(values)]


def spread_text(values):
    """A `spread` as a table shows it."""
    return "{:.2f} ({:.2f} to {:.2f})".format(*values)


def write(path, content):
    """Writes what a benchmark found to a JSON file."""
    Path(path).write_text(json.dumps(content, indent=1) + "\n")
