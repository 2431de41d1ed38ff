"""One audio file -> one file of latents: what the loop, the workers and Beam all do for each file."""

import dataclasses
import functools
from pathlib import Path

import numpy as np

from musika_tf.audio import blocks, files
from musika_tf.collection import scan
from musika_tf.collection.levels import Levels
from musika_tf.conditioning import extraction, signals
from musika_tf.conditioning.recording import Recording
from musika_tf.conditioning.signal import SAMPLE_RATE, centres
from musika_tf.encode import latents_file
from musika_tf.encode.job import Outcome
from musika_tf.errors import UserError
from musika_tf.model.codec import StreamEncoder
from musika_tf.model.loading import load_autoencoder
from musika_tf.native import silent_stderr


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How files are encoded; small, so that it can travel to other processes and machines.

    Attributes:
      model: bundle, or folder of checkpoints.
      conditioning: signals between commas.
      signal_source: where these come from, one of extraction.SOURCES.
    """

    model: str
    conditioning: str = ""
    signal_source: str = "auto"

    def encoder(self):
        """The FileEncoder, which loads the model; UserError where there is none, or no such signal."""
        wanted = signals.parse(self.conditioning)
        autoencoder = load_autoencoder(self.model)
        return FileEncoder(StreamEncoder(autoencoder), autoencoder.identity(), wanted, self.signal_source)


@dataclasses.dataclass(frozen=True)
class FileEncoder:
    """Encodes files: call it with a Job. Made by a Recipe."""

    encode: object
    model_id: str
    signals: tuple = ()
    signal_source: str = "auto"

    def __call__(self, job):
        """Writes the `.npz` of a file, or adds the signals that it lacks; returns the Outcome, also for bad input.
        UserError: what concerns not this file alone, such as a full disk."""
        try:
            latents_file.check_name(job.target)
            choices = extraction.choose(self.signals, job.row.path, self.signal_source)
            found = latents_file.read(job.target, self.model_id) if Path(job.target).exists() else {}
            stored = found if found and latents_file.is_of(found, job.row) else {}
            missing = [choice for choice in choices if not choice.is_in(stored)]
            row, arrays = (job.row.remembered(stored["flags"]), stored) if stored else self._encoded(job.row)
            if stored and not missing:
                return Outcome(row, notes=("done before",))
            arrays = arrays | _read_signals(row.path, arrays, missing, self.encode.config)
        except UserError as error:
            return Outcome(scan.refused(job.row, error))
        latents_file.save(job.target, {**arrays, **latents_file.audio_of(row), "model_id": self.model_id})
        doubts = [doubt for choice in missing if (doubt := extraction.doubt(choice, arrays))]
        if stored:
            return Outcome(row, 0.0, (f"added {', '.join(choice.name for choice in missing)}", *doubts))
        changed = "its audio has changed: encoded again, " if found else ""
        return Outcome(row, row.seconds, (f"{changed}{len(arrays['latents'])} latents", *doubts))

    def _encoded(self, row):
        """The row with what its samples said; and the file's latents, its length and its flags."""
        rate, levels = self.encode.config.sample_rate, Levels()
        with silent_stderr():  # decoders report on damaged files
            latents, n_samples = self.encode(blocks.read(row.path, rate, levels.add))
        if not n_samples:
            raise UserError(f"{row.path}: no samples; give audio that is not empty")
        row = row.heard(levels.peak, levels.clipped)
        sizes = {"n_samples": np.int64(n_samples), "sample_rate": np.int64(rate)}
        return row, {"latents": latents, **sizes, "flags": np.array(row.flags, np.str_)}


def _read_signals(path, arrays, choices, config):
    """The arrays of signals (extraction.Choice), read off the audio at `path` for the latents in `arrays`."""
    if not choices:
        return {}
    n_samples = files.n_samples_at(files.probe(path), SAMPLE_RATE)
    audio = Recording(n_samples, functools.partial(blocks.read, path, SAMPLE_RATE))
    times = centres(len(arrays["latents"]), config.latents_per_second)
    try:
        return {name: array for choice in choices for name, array in choice.arrays(audio, times).items()}
    except files.AudioFileError:
        raise
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
