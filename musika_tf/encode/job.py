"""One file of a collection to encode, and what became of it."""

import dataclasses

from musika_tf.collection.table import LEFT_OUT, Row
from musika_tf.errors import printable


@dataclasses.dataclass(frozen=True)
class Job:
    """One file, as its header tells, to encode to the `.npz` at `target`; small, so that it can travel to other
    processes and machines."""

    row: Row
    target: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a file: its row, with what its samples said, or why it is left out; the seconds of audio that were
    encoded now; and notes on what was done, and what to know about it."""

    row: Row
    encoded_seconds: float = 0.0
    notes: tuple = ()

    @property
    def lines(self):
        """What is reported of it."""
        if self.row.status == LEFT_OUT:
            return [self.row.line()]
        return [printable(f"{self.row.file}: {note}") for note in self.notes]
