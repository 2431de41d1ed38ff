"""One file of a collection to encode, and what became of it."""

import dataclasses

from musika_tf.collection.table import LEFT_OUT, Row
from musika_tf.errors import printable


@dataclasses.dataclass(frozen=True)
class Job:
    """One file to encode; small, so that it can travel to other processes and machines.

    Attributes:
      row: the file as its header tells.
      target: the `.npz` to write, text.
    """

    row: Row
    target: str


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
      row: the file, with what its samples said, or why it is left out.
      encoded_seconds: of audio that was encoded now.
      notes: what was done, and what to know about it.
    """

    row: Row
    encoded_seconds: float = 0.0
    notes: tuple = ()

    @property
    def lines(self):
        """What is reported of it."""
        if self.row.status == LEFT_OUT:
            return [self.row.line()]
        return [printable(f"{self.row.file}: {note}") for note in self.notes]
