"""Long pieces as parts on disk: several processes render them, and an interrupted rendering continues after the last.

Beside `song.wav` lie, until it is complete, a lock and a hidden folder::

    .song.wav.lock                    which program is rendering it
    .song.wav.parts/manifest.json     which piece of which model this is
                    00000.int16       raw samples of part 0, in the file's precision; there when it is complete
                    00001.int16       ...

Parts are cut where `rendering.waveforms` cuts anyway: the file has the bytes of one rendered in one go.
"""

import contextlib
import dataclasses
import functools
import itertools
import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np

from musika_tf import atomic, lock
from musika_tf.audio.writer import from_int16, to_int16
from musika_tf.errors import UserError
from musika_tf.generate import rendering
from musika_tf.generate.piece import Piece
from musika_tf.model import bundle

logger = logging.getLogger(__name__)

_PART_WINDOWS = 2 * rendering.PART_WINDOWS  # 3 minutes
_JOIN_SAMPLES = 2**20
MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class PartedFile:
    """An audio file that is made by parts.

    Attributes:
      out: .wav, .flac or .ogg.
      bundle_dir, metadata: the bundle.
      piece: one with an end.
    """

    out: Path
    bundle_dir: Path
    metadata: dict
    piece: Piece

    @property
    def folder(self):
        return self.out.with_name(f".{self.out.name}.parts")

    @property
    def dtype(self):
        return "float32" if self.out.suffix.lower() == ".ogg" else "int16"  # Vorbis is fed more than 16 bits

    def write(self, loaded, pool=None, progress=lambda before: lambda done: None):
        """Writes the file, and keeps the parts that an earlier run left.

        Args:
          loaded: the loaded bundle, for rendering in this process.
          pool: workers.Pool that renders instead.
          progress: function (samples there before) -> function (samples done so far), called as they are.

        Raises:
          UserError: another program renders the file, the disk is full, or a worker died; parts that are done are kept.
        """
        with lock.held(self.out.with_name(f".{self.out.name}.lock"), f"--out={self.out}"):
            self.make_folder()
            try:
                self._render_missing(loaded, pool, progress)
            except (KeyboardInterrupt, SystemExit):
                logger.warning("%s", self._kept())
                raise
            try:
                self._join()
            except UserError as error:
                raise UserError(f"{error}: {self._kept()}") from error

    def make_folder(self):
        """Makes the hidden folder, without parts of anything else; UserError where it can't be made."""
        folder, manifest = self.folder, self.folder / MANIFEST
        facts = {"piece": self.piece.comment(self.metadata), "bundle": bundle.identity(self.bundle_dir)}
        text = json.dumps(facts | {"dtype": self.dtype, "part_windows": _PART_WINDOWS}, indent=1) + "\n"
        with self._failures_named():
            if manifest.is_file() and manifest.read_text() == text:
                return
            if folder.exists():
                logger.info("%s: parts of another piece or model, removed", folder)
                shutil.rmtree(folder)
            folder.mkdir()
            atomic.write_text(manifest, text)

    def ranges(self):
        """(first sample, one beyond the last) of each part."""
        size = _PART_WINDOWS * self.metadata["window"] * self.metadata["samples_per_latent"]
        piece = self.piece
        # The first part is longer than the others: it holds all of the short cuts that a piece begins with.
        inner = itertools.count((piece.start_sample // size + 2) * size, size)
        ends = [*itertools.takewhile(lambda cut: cut < piece.end_sample, inner), piece.end_sample]
        return list(itertools.pairwise([piece.start_sample, *ends]))

    def part(self, index):
        """Path of a part."""
        return self.folder / f"{index:05d}.{self.dtype}"

    def render(self, loaded, index, add=lambda n_samples: None):
        """Renders part number `index`, which appears when it is complete; `add` is told of each block's samples.
        UserError where the disk is full."""
        with (
            self._failures_named(),
            atomic.replacing(self.part(index)) as hidden_path,
            open(hidden_path, "wb") as file,
        ):
            for waveform in rendering.waveforms(loaded, self.metadata, self.piece, *self.ranges()[index]):
                file.write((to_int16(waveform) if self.dtype == "int16" else waveform).tobytes())
                add(len(waveform))

    def _missing(self):
        """Numbers of the parts that are still to be made."""
        sizes = ((end - start) * 2 * np.dtype(self.dtype).itemsize for start, end in self.ranges())
        return [i for i, size in enumerate(sizes) if not _has_size(self.part(i), size)]

    def _render_missing(self, loaded, pool, progress):
        missing, ranges = self._missing(), self.ranges()
        done = self.piece.n_samples - sum(ranges[i][1] - ranges[i][0] for i in missing)
        report = progress(done)

        def add(n_samples):
            nonlocal done
            done += n_samples
            report(done)

        if not pool:
            for index in missing:
                self.render(loaded, index, add)
            return
        for index, died in pool.run(functools.partial(_renderer, self), missing):
            if died:
                raise UserError(f"a worker {died.cause}; {self._kept()}")
            add(ranges[index][1] - ranges[index][0])

    def _join(self):
        """Writes the file from its parts, and removes them."""
        with rendering.writer(self.out, self.metadata, self.piece) as writer:
            for index in range(len(self.ranges())):
                with open(self.part(index), "rb") as file:
                    while data := file.read(_JOIN_SAMPLES * 2 * np.dtype(self.dtype).itemsize):
                        is_pcm = self.dtype == "int16"
                        writer.write(from_int16(data) if is_pcm else np.frombuffer(data, self.dtype).reshape(-1, 2))
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kept(self):
        """How much is done and kept, for the end of an error's line."""
        n_parts = len(self.ranges())
        done = n_parts - len(self._missing())
        return f"{done} of {n_parts} parts are done and kept in {self.folder}, where the same command continues"

    @contextlib.contextmanager
    def _failures_named(self):
        """Turns what the disk refuses into a UserError."""
        try:
            yield
        except OSError as error:
            reason = f"{self.folder}: can't be written ({error.strerror})"
            raise UserError(f"{reason}; make room or write elsewhere: {self._kept()}") from error


def _has_size(path, n_bytes):
    return os.path.isfile(path) and os.path.getsize(path) == n_bytes


def _renderer(file):
    """The function by which a worker renders the parts of a PartedFile."""
    return functools.partial(file.render, bundle.load(file.bundle_dir, file.piece.precision)[0])
