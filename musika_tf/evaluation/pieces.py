"""Pieces of a bundle as files: those that `generate.py --seed=N --length=2m` makes, steered or not."""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf.config import AutoencoderConfig, from_dict
from musika_tf.errors import UserError
from musika_tf.evaluation import windows
from musika_tf.evaluation.embeddings import checksum
from musika_tf.evaluation.file_sets import FileSet, Job
from musika_tf.generate import rendering
from musika_tf.generate.request import plain_piece
from musika_tf.model import bundle
from musika_tf.model.codec import Codec
from musika_tf.model.line import Line, steady
from musika_tf.model.metadata import METADATA, check_generates

STEERED = ("note_density", "tempo", "position")  # by one number that holds for a whole piece; position by plan, too
NO_WINDOWS = {"position_share": None, "position_share_per_piece": None, "neighbour_distance": None}
DRAWN = "random"  # the value that its style draws for each piece: that of the set that nobody steers


@dataclasses.dataclass(frozen=True)
class Condition:
    """A value of a signal that a set of pieces is to have; `text` as the user wrote it."""

    signal: str
    text: str

    @property
    def name(self):
        return f"{self.signal}={self.text}"


def conditions(texts):
    """`["note_density=0.15,0.3", "position=plan", ...]` -> list of Condition, without what the style draws.

    Raises:
      UserError: another signal, or no values.
    """
    found = []
    for text in texts or ():
        signal, equals, values = text.partition("=")
        values = [value.strip() for value in values.split(",") if value.strip()]
        if signal not in STEERED or not equals or not values:
            names = f"{', '.join(STEERED[:-1])} or {STEERED[-1]}"
            raise UserError(f"--condition={text}: give {names} with values, such as note_density=0.15,0.45,{DRAWN}")
        found += [Condition(signal, value) for value in values if value != DRAWN]
    return list(dict.fromkeys(found))


@dataclasses.dataclass(frozen=True)
class Source:
    """A bundle that pieces are made of: its folder, the loaded SavedModel, its metadata, and the SHA-256 by file."""

    folder: Path
    loaded: object
    metadata: dict
    checksums: dict

    @classmethod
    def load(cls, folder):
        """UserError where there is no bundle, it is damaged, or only encodes and decodes."""
        loaded, metadata = bundle.load(folder)
        check_generates(folder, metadata)
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        paths = [path for path in paths if path.suffix == ".pb" or path.name == METADATA or path.parent != Path(folder)]
        return cls(Path(folder), loaded, metadata, {str(p.relative_to(folder)): checksum(p) for p in paths})

    @property
    def decoder(self):
        """The AutoencoderConfig, which says where the decoder's seams are."""
        return from_dict(AutoencoderConfig, self.metadata["autoencoder_config"])

    @functools.cached_property
    def identity(self):
        """`bundle.identity` of it."""
        return bundle.identity(self.folder)

    def pieces(self, seeds, seconds, condition=None):
        """List of Piece, one per seed, of whole seconds; UserError where the model can't follow the condition."""
        settings = {condition.signal: condition.text} if condition else {}
        try:
            return [plain_piece(seed, seconds, settings, self.metadata) for seed in seeds]
        except UserError as error:
            if not condition:
                raise
            raise UserError(f"--condition={condition.name}: {str(error).partition(': ')[2]}") from error

    def jobs(self, folder, pieces):
        """A Job for each piece, `FOLDER/seed-N.flac`."""
        return [self._job(Path(folder) / f"seed-{piece.seed}.flac", piece) for piece in pieces]

    def _job(self, path, piece):
        comment = f"{piece.comment(self.metadata)} bundle={self.identity}"
        rate = self.metadata["sample_rate"]
        return Job(path, comment, rate, piece.n_samples, lambda: rendering.waveforms(self.loaded, self.metadata, piece))

    def file_set(self, name, jobs, pieces):
        """The FileSet of these jobs, with the tempo that the pieces have."""
        return FileSet.of_jobs(name, jobs, [piece.bpm(self.metadata) for piece in pieces])

    def window_figures(self, pieces):
        """Whether windows repeat one another, from the latents of pieces: dict of `position_share`, with one template
        for all pieces, `position_share_per_piece`, with one for each, and `neighbour_distance`, as `windows` has them;
        None below two windows."""
        autoencoder, gan, conditioner, metadata = bundle.load_networks(self.folder)
        line, window = Line(Codec(autoencoder), gan, conditioner), gan.config.window
        latents = [_latents(line, piece, metadata, window) for piece in pieces]
        try:
            shares = [windows.position_share(latents, window, per_piece) for per_piece in (False, True)]
            return dict(zip(NO_WINDOWS, [*shares, windows.neighbour_distance(latents, window)], strict=True))
        except ValueError:
            return NO_WINDOWS


def _latents(line, piece, metadata, window):
    """Latents `[n, latent_size]` of the whole windows of a piece, from its beginning."""
    n_latents = piece.n_samples // metadata["samples_per_latent"] // window * window
    steered = piece.steering(metadata)
    rows = steered(np.arange(n_latents)) if steered else np.zeros([0, 0], np.float32)
    zero, end = tf.constant(0, tf.int64), tf.constant(n_latents, tf.int64)
    course = steady(piece.seed, piece.style.seeds[0], piece.truncation, tf.constant(rows), zero)
    return line.latents_between(course, zero, end).numpy()
