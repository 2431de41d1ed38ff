"""What is to be done for one file of a collection, and what became of it."""

import dataclasses
from pathlib import Path

from musika_tf.collection.table import LEFT_OUT, Row
from musika_tf.conditioning import extraction
from musika_tf.encode import latents_file
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

    @property
    def source(self):
        """Its name below the collection's folder."""
        return self.row.file


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a file needs.

    Attributes:
      job: the Job.
      stored: arrays of its `.npz`, empty where there is none or where it is of other audio.
      missing: extraction.Choice of each signal that has to be read off the audio.
      has_changed: whether there is an `.npz` of other audio under this name.
    """

    job: Job
    stored: dict
    missing: tuple
    has_changed: bool = False

    @property
    def is_done(self):
        return bool(self.stored) and not self.missing

    @property
    def row(self):
        """The file, with what an earlier run heard in it."""
        return self.job.row.remembered(self.stored["flags"]) if self.stored else self.job.row


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
      row: the file, with what its samples said, or why it is left out.
      encoded_seconds: of audio that was encoded now, and not before.
      notes: what was done, and what to know about it.
    """

    row: Row
    encoded_seconds: float = 0.0
    notes: tuple = ()

    @property
    def source(self):
        """As in its Job."""
        return self.row.file

    @property
    def lines(self):
        """What is reported of it."""
        if self.row.status == LEFT_OUT:
            return [self.row.line()]
        return [printable(f"{self.source}: {note}") for note in self.notes]


def plan(job, model_id, signals, signal_source):
    """The Plan of a Job.

    Args:
      job: Job.
      model_id: identity of the autoencoder.
      signals: conditioning signals that the file shall have.
      signal_source: one of extraction.SOURCES.

    Raises:
      UserError: the `.npz` can't have this name, or is damaged or another model's; or a signal can't be had.
    """
    latents_file.check_name(job.target)
    choices = extraction.choose(signals, job.row.path, signal_source)
    stored = latents_file.read(job.target, model_id) if Path(job.target).exists() else {}
    has_changed = bool(stored) and not latents_file.is_of(stored, job.row)
    if has_changed:
        stored = {}
    return Plan(job, stored, tuple(choice for choice in choices if not choice.is_in(stored)), has_changed)
