"""Sets of audio files that are measured together, and files that are made to be measured, each made once."""

import contextlib
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from musika_tf import json_file, progress
from musika_tf.audio.writer import AudioWriter
from musika_tf.collection import scan
from musika_tf.conditioning.signal import is_positive
from musika_tf.errors import UserError, writing
from musika_tf.native import silent_stderr


@dataclasses.dataclass(frozen=True)
class FileSet:
    """Audio files that count as one set of songs.

    Attributes:
      name: as the report shows it.
      paths: of the files.
      labels: a name for each, the same wherever the folder lies.
      bpm: tempo of each, None where it is not known.
    """

    name: str
    paths: tuple
    labels: tuple
    bpm: tuple

    @classmethod
    def of_folder(cls, name, folder):
        """The audio below a folder, or one file; AudioFileError where there is none."""
        paths, folder = tuple(scan.find_audio(folder)), Path(folder)
        labels = tuple(str(path.relative_to(folder)) if folder.is_dir() else path.name for path in paths)
        return cls(name, paths, labels, tuple(map(true_bpm, paths)))

    @property
    def folder(self):
        """That holds all of the files."""
        return os.path.commonpath([path.parent for path in self.paths])

    @classmethod
    def of_jobs(cls, name, jobs, bpm):
        """The files that `jobs` make."""
        paths = tuple(job.path for job in jobs)
        return cls(name, paths, tuple(path.name for path in paths), tuple(bpm))


def true_bpm(path):
    """The tempo that `tools/render_corpus.py` stored beside a track, or None."""
    sidecar = Path(path).with_suffix(".json")
    if not sidecar.is_file():
        return None
    try:
        facts = json_file.read(sidecar)
    except (OSError, ValueError) as error:
        raise UserError(f"{sidecar}: not JSON ({error}); correct it or take it away") from None
    bpm = facts.get("bpm") if isinstance(facts, dict) else None
    return bpm if is_positive(bpm) else None


@dataclasses.dataclass(frozen=True)
class Job:
    """A FLAC file to make.

    Attributes:
      path: of the file.
      comment: its comment tag, which says all that its samples depend on.
      sample_rate: Hz.
      n_samples: how many there will be.
      blocks: function to consecutive float32 `[samples, 2]`.
    """

    path: Path
    comment: str
    sample_rate: int
    n_samples: int
    blocks: Callable

    @property
    def seconds(self):
        return self.n_samples / self.sample_rate

    def is_done(self):
        """Whether the file is there, and made of the same."""
        with contextlib.suppress(soundfile.LibsndfileError), soundfile.SoundFile(os.fsencode(self.path)) as file:
            return (file.comment, file.frames) == (self.comment, self.n_samples)
        return False


def make(jobs, show_progress=False):
    """Makes the files that are missing; each takes its name when it is complete, so that a later call goes on.

    Raises:
      UserError: the disk is full, or a folder can't be made.
    """
    jobs = [job for job in jobs if not job.is_done()]
    total, done = sum(job.seconds for job in jobs), 0.0
    shown = show_progress and bool(jobs)
    with silent_stderr() as terminal, progress.of_seconds(total, terminal, shown) as tell:
        for job in jobs:
            with writing(job.path.parent, "name another folder"):
                job.path.parent.mkdir(parents=True, exist_ok=True)
            with AudioWriter(job.path, job.sample_rate, job.comment, job.n_samples) as writer:
                for block in job.blocks():
                    writer.write(np.ascontiguousarray(block))
                    tell(done + writer.n_samples / job.sample_rate)
            done += job.seconds
