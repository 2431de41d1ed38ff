"""One audio file -> one file of latents: what the loop, the workers and Beam all do for each file.

A `Job` says which file, a `Recipe` how; both are small and travel to other processes and machines. What became of a
file is its `Outcome`.
"""

import dataclasses
import errno
import functools
import os
from pathlib import Path

import numpy as np

from musika_tf import atomic
from musika_tf.audio import blocks, files
from musika_tf.collection import scan
from musika_tf.collection.levels import Levels
from musika_tf.collection.table import LEFT_OUT, Row
from musika_tf.errors import UserError, printable
from musika_tf.native import silent_stderr


@dataclasses.dataclass(frozen=True)
class Job:
    """row: the file as its header tells; target: the `.npz` to write, text."""

    row: Row
    target: str

    @property
    def source(self):
        """Its name below the collection's folder."""
        return self.row.file


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Attributes:
      row: the file, with what its samples said, or why it is left out.
      encoded_seconds: of audio that was encoded now, and not before.
      notes: what was done, and what is to be said of it.
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


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How files are encoded.

    Attributes:
      model: bundle, or folder of checkpoints.
      conditioning: signals between commas, "" for none.
      signal_source: where these come from, one of extraction.SOURCES.
    """

    model: str
    conditioning: str = ""
    signal_source: str = "auto"

    def encoder(self):
        """The FileEncoder, which loads the model; UserError where there is none, or no such signal."""
        from musika_tf.conditioning import signals
        from musika_tf.model.codec import StreamEncoder
        from musika_tf.model.loading import load_autoencoder

        wanted = signals.parse(self.conditioning)
        autoencoder = load_autoencoder(self.model)
        return FileEncoder(StreamEncoder(autoencoder), autoencoder.identity(), wanted, self.signal_source)


@dataclasses.dataclass(frozen=True)
class FileEncoder:
    """Encodes files: call it with a Job.

    Attributes:
      encode: codec.StreamEncoder.
      model_id: identity of its autoencoder.
      signals: conditioning signals.
      signal_source: one of extraction.SOURCES.
    """

    encode: object
    model_id: str
    signals: tuple = ()
    signal_source: str = "auto"

    def __call__(self, job):
        """Writes the `.npz` of a file, or adds the signals that it lacks; returns the Outcome, an error for bad input.

        Raises:
          UserError: what concerns not this file alone: the disk is full, or can't be written.
        """
        from musika_tf.conditioning import extraction

        row = job.row
        try:
            check_name(job.target)
            choices = extraction.choose(self.signals, row.path, self.signal_source)
            done = stored(job.target, self.model_id)
            missing = [choice for choice in choices if not choice.is_in(done)]
            if done and not missing:
                return Outcome(row.remembered(done.get("flags", ())), notes=("done before",))
            arrays, row = (done, row.remembered(done.get("flags", ()))) if done else self._encoded(row)
            added = self._signals(row.path, arrays, missing)
        except UserError as error:
            return Outcome(scan.refused(job.row, error))
        arrays = {**arrays, **added, "source": row.file, "model_id": self.model_id}
        save(Path(job.target), arrays)
        names = ", ".join(choice.name for choice in missing)
        notes = [f"added {names}" if done else f"{len(arrays['latents'])} latents"]
        notes += [doubt for choice in missing if (doubt := extraction.doubt(choice, arrays))]
        return Outcome(row, 0.0 if done else row.seconds, tuple(notes))

    def _encoded(self, row):
        """The latents of a file, its length and its flags; and its row with what its samples said."""
        rate, levels = self.encode.config.sample_rate, Levels()
        with silent_stderr():  # decoders report on damaged files
            latents, n_samples = self.encode(blocks.read(row.path, rate, levels.add))
        if not n_samples:
            raise UserError(f"{row.path}: no samples; give audio that is not empty")
        row = row.heard(levels)
        sizes = {"n_samples": np.int64(n_samples), "sample_rate": np.int64(rate)}
        return {"latents": latents, **sizes, "flags": np.array(row.flags, np.str_)}, row

    def _signals(self, path, arrays, missing):
        """The arrays of the signals that an `.npz` lacks."""
        from musika_tf.conditioning.recording import Recording
        from musika_tf.conditioning.signal import SAMPLE_RATE, centres

        if not missing:
            return {}
        info, config = files.probe(path), self.encode.config
        if files.n_samples_at(info, config.sample_rate) != int(arrays["n_samples"]):
            raise UserError(f"{path}: has changed since it was encoded; remove its .npz")
        audio = Recording(files.n_samples_at(info, SAMPLE_RATE), functools.partial(blocks.read, path, SAMPLE_RATE))
        times = centres(len(arrays["latents"]), config.latents_per_second)
        try:
            return {name: array for choice in missing for name, array in choice.arrays(audio, times).items()}
        except files.AudioFileError:
            raise
        except UserError as error:
            raise UserError(f"{path}: {error}") from error


def teller(recipe):
    """What a worker of `workers.Crew` does: encodes a Job and tells its Outcome."""
    encode = recipe.encoder()
    return lambda job, tell: tell(encode(job))


def stored(target, model_id):
    """The arrays of an `.npz` that is there already, or none; UserError where they are another model's, or damaged."""
    from musika_tf.gan.latents import read_latents

    if not Path(target).exists():
        return {}
    arrays = read_latents(target)
    check_model(target, arrays["model_id"], model_id)
    if not {"n_samples", "sample_rate"} <= set(arrays):
        raise UserError(f"{target}: does not say how long its audio is; remove it, and its audio is encoded again")
    return arrays


def check_name(target):
    """Refuses a file whose name is so long that its latents can have none."""
    try:
        os.lstat(target)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(f"{target}: a name that is too long; shorten that of the audio") from error


def check_model(path, found, wanted):
    """Refuses latents of another model."""
    if found != wanted:
        raise UserError(f"{path}: latents of model {found}, this is {wanted}; give another --out_dir or remove them")


def save(target, arrays):
    """Writes an `.npz` under its name only when it is whole, and on the disk."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(target, to_disk=True) as hidden_path, open(hidden_path, "wb") as file:
            np.savez(file, **arrays)
    except OSError as error:
        raise UserError(
            f"{target}: can't be written ({error.strerror}); free space or give another --out_dir"
        ) from error
