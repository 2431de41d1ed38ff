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
import hashlib
import itertools
import json
import logging
import os
import shutil
from pathlib import Path

import numpy as np

from musika_tf import atomic, lock
from musika_tf.audio.writer import AudioWriter, to_int16
from musika_tf.errors import UserError
from musika_tf.generate import rendering
from musika_tf.generate.piece import read_comment
from musika_tf.workers import Died

logger = logging.getLogger(__name__)

_PART_WINDOWS = 2 * rendering.PART_WINDOWS  # 3 minutes
_JOIN_SAMPLES = 2**20
MANIFEST = "manifest.json"


@dataclasses.dataclass(frozen=True)
class PartFolder:
    """The parts of one file.

    Attributes:
      path: the hidden folder.
      metadata: the bundle's.
      piece: Piece with an end.
      dtype: "int16" or "float32".
    """

    path: Path
    metadata: dict
    piece: object
    dtype: str

    @classmethod
    def beside(cls, out, bundle_dir, metadata, piece):
        """The folder for the file `out`, without parts of anything else; UserError where it can't be made."""
        out = Path(out)
        dtype = "float32" if out.suffix.lower() == ".ogg" else "int16"  # Vorbis is fed more than 16 bits
        folder = cls(out.with_name(f".{out.name}.parts"), metadata, piece, dtype)
        manifest = {"piece": piece.comment(metadata), "bundle": _identity(bundle_dir), "dtype": dtype}
        text = json.dumps(manifest | {"part_windows": _PART_WINDOWS}, indent=1) + "\n"
        with folder.failures_named():
            if not (folder.path / MANIFEST).is_file() or (folder.path / MANIFEST).read_text() != text:
                if folder.path.exists():
                    logger.info("%s: parts of another piece or model, removed", folder.path)
                    shutil.rmtree(folder.path)
                folder.path.mkdir()
                atomic.write_text(folder.path / MANIFEST, text)
        return folder

    def ranges(self):
        """(first sample, one beyond the last) of each part."""
        size = _PART_WINDOWS * self.metadata["window"] * self.metadata["samples_per_latent"]
        piece = self.piece
        # The first part is longer than the others: it holds all of the short cuts that a piece begins with.
        inner = itertools.count((piece.start_sample // size + 2) * size, size)
        ends = [*itertools.takewhile(lambda cut: cut < piece.end_sample, inner), piece.end_sample]
        return list(itertools.pairwise([piece.start_sample, *ends]))

    def file(self, index):
        """Path of a part."""
        return self.path / f"{index:05d}.{self.dtype}"

    def missing(self):
        """Numbers of the parts that are still to be made."""
        sizes = ((end - start) * 2 * np.dtype(self.dtype).itemsize for start, end in self.ranges())
        return [i for i, size in enumerate(sizes) if not _has_size(self.file(i), size)]

    def render(self, loaded, index, progress=lambda n: None):
        """Renders part number `index`; its file appears when it is complete.

        Args:
          loaded: a loaded bundle.
          index: of the part.
          progress: called with the number of samples that were added.

        Raises:
          UserError: the disk is full.
        """
        with (
            self.failures_named(),
            atomic.replacing(self.file(index)) as hidden_path,
            open(hidden_path, "wb") as file,
        ):
            for waveform in rendering.waveforms(loaded, self.metadata, self.piece, *self.ranges()[index]):
                file.write((to_int16(waveform) if self.dtype == "int16" else waveform).tobytes())
                progress(len(waveform))

    def join(self, out):
        """Writes the file from its parts, and removes them."""
        comment = self.piece.comment(self.metadata)
        with AudioWriter(out, self.metadata["sample_rate"], comment, self.piece.n_samples) as writer:
            for index in range(len(self.ranges())):
                with open(self.file(index), "rb") as file:
                    while data := file.read(_JOIN_SAMPLES * 2 * np.dtype(self.dtype).itemsize):
                        samples = np.frombuffer(data, self.dtype).reshape(-1, 2)
                        writer.write(samples / np.float32(32768) if self.dtype == "int16" else samples)
        shutil.rmtree(self.path, ignore_errors=True)

    def kept(self):
        """How much is done and kept, for the end of an error's line."""
        n_parts = len(self.ranges())
        done = n_parts - len(self.missing())
        return f"{done} of {n_parts} parts are done and kept in {self.path}, where the same command continues"

    @contextlib.contextmanager
    def failures_named(self):
        """Turns what the disk refuses into a UserError."""
        try:
            yield
        except OSError as error:
            reason = f"{self.path}: can't be written ({error.strerror})"
            raise UserError(f"{reason}; make room or write elsewhere: {self.kept()}") from error


def _has_size(path, n_bytes):
    return os.path.isfile(path) and os.path.getsize(path) == n_bytes


def _identity(bundle_dir):
    """Twelve hex digits of a bundle's weights and functions."""
    digest = hashlib.sha256()
    for name in ("variables/variables.index", "saved_model.pb"):
        digest.update((Path(bundle_dir) / name).read_bytes())
    return digest.hexdigest()[:12]


def write(out, bundle_dir, metadata, piece, loaded=None, pool=None, progress=None):
    """Renders a piece into an audio file by parts, and keeps those that an earlier run left.

    Args:
      out: .wav, .flac or .ogg.
      bundle_dir: the bundle.
      metadata: its metadata.
      piece: Piece with an end.
      loaded: the loaded bundle, for rendering in this process.
      pool: workers.Pool that renders instead.
      progress: function (samples there before) -> function (samples done so far), which is called as they are.

    Raises:
      UserError: another program renders the file, the disk is full, or a worker died; parts that are done are kept.
    """
    with lock.held(Path(out).with_name(f".{Path(out).name}.lock"), f"--out={out}"):
        folder = PartFolder.beside(out, bundle_dir, metadata, piece)
        try:
            _render_missing(folder, bundle_dir, loaded, pool, progress)
        except (KeyboardInterrupt, SystemExit):
            logger.warning("%s", folder.kept())
            raise
        try:
            folder.join(out)
        except UserError as error:
            raise UserError(f"{error}: {folder.kept()}") from error


def _render_missing(folder, bundle_dir, loaded, pool, progress):
    """Renders the parts that are not there yet; arguments as `write`."""
    missing, ranges = folder.missing(), folder.ranges()
    done = folder.piece.n_samples - sum(ranges[i][1] - ranges[i][0] for i in missing)
    report = progress(done) if progress else lambda total: None

    def add(n_samples):
        nonlocal done
        done += n_samples
        report(done)

    if pool and missing:
        _render_by(pool, bundle_dir, folder, missing, add)
    else:
        for index in missing:
            folder.render(loaded, index, add)


def _render_by(pool, bundle_dir, folder, missing, add):
    """Has parts rendered by workers; `add` is called with the number of samples that were added."""
    comment = folder.piece.comment(folder.metadata)
    start = functools.partial(_renderer, str(bundle_dir), str(folder.path), folder.dtype, comment)
    for _, n_samples in pool.run(start, missing):
        if isinstance(n_samples, Died):
            raise UserError(f"a worker {n_samples.cause}; {folder.kept()}")
        add(n_samples)


def _renderer(bundle_dir, path, dtype, comment):
    """The function by which a worker renders parts of the piece with this comment tag."""
    from musika_tf.model import bundle

    loaded, metadata = bundle.load(bundle_dir)
    folder = PartFolder(Path(path), metadata, read_comment(comment), dtype)

    def render(index):
        folder.render(loaded, index)
        start, end = folder.ranges()[index]
        return end - start

    return render
