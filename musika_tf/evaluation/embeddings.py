"""Embeddings of audio files, each computed once: kept on disk under the checksum of what they are made from.

    CACHE_DIR/NAME-hop1/SHA256.npz     NAME: the network with its version or the checksum of its weights
                                       SHA256: of the audio file's bytes, so that a file may move or change its name

A run that was interrupted goes on where it was. An entry that can't be read, or holds something else, is made again.
"""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from musika_tf import atomic, digests, npz, progress
from musika_tf.audio import blocks, files
from musika_tf.audio.source import remembered
from musika_tf.conditioning.recording import Recording
from musika_tf.errors import writing
from musika_tf.native import silent_stderr

HOP_SECONDS = 1.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclasses.dataclass(frozen=True)
class Network:
    """What turns audio into embeddings; `vggish.VGGish` has the same attributes and can stand in its place.

    Attributes:
      name: letters, digits and `._-`; another name where the same audio would get other embeddings.
      listen: function (consecutive float32 `[samples]`, mono at `sample_rate`; hop in seconds) -> float32
        `[patches, d]`. ValueError where the audio is too short or not finite.
      sample_rate: Hz.
    """

    name: str
    listen: Callable
    sample_rate: int = 16_000


def musicnn_network(network=None):
    """The Network of MusiCNN's 200 features, of a loaded one or the installed one; UserError where its weights are not
    installed."""
    from musika_tf.conditioning import musicnn

    network = network or musicnn.MusiCNN.load()
    return Network("musicnn-1", lambda chunks, hop: network.listen(chunks, hop).features, musicnn.SAMPLE_RATE)


@dataclasses.dataclass(frozen=True)
class Embedded:
    """Embeddings of files.

    Attributes:
      paths: of the files that have some, in the order given.
      songs: float32 `[patches, d]` of each.
      troubles: a line for each of the others: its path and what is wrong.
    """

    paths: list
    songs: list
    troubles: list


def embed(paths, network, cache_dir, hop_seconds=HOP_SECONDS, show_progress=False):
    """Embeds audio files: `Embedded`. What is in the cache is not computed again.

    A file that is missing, corrupt or too short becomes a line of `troubles`; the rest goes on.

    Args:
      paths: audio files.
      network: Network, or what has its attributes.
      cache_dir: folder, made where missing; several processes may use it at once.
      hop_seconds: from one patch to the next.
      show_progress: whether to draw a line on standard error, of the audio that is still to be heard.

    Raises:
      UserError: the cache can't be written.
    """
    if not _NAME.fullmatch(network.name):
        raise ValueError(f"network {network.name!r}: letters, digits and ._- make a name")
    folder = Path(cache_dir) / f"{network.name}-hop{hop_seconds:g}"
    with writing(cache_dir, "give another folder for embeddings"):
        folder.mkdir(parents=True, exist_ok=True)
    with silent_stderr() as terminal:
        songs = [_Song.of(path, folder) for path in paths]
        missing = [song for song in songs if song.embedding is None and not song.trouble]
        done, total = 0.0, sum(song.seconds for song in missing)
        with progress.of_seconds(total, terminal, show_progress) as tell:
            for song in missing:
                song.compute(network, hop_seconds, tell, done)
                done += song.seconds
    known = [song for song in songs if not song.trouble]
    troubles = [song.trouble for song in songs if song.trouble]
    return Embedded([song.path for song in known], [song.embedding for song in known], troubles)


@dataclasses.dataclass
class _Song:
    """An audio file: its `target` in the cache, how long it is, and its embedding or what is wrong."""

    path: Path
    target: Path | None = None
    seconds: float = 0.0
    embedding: np.ndarray | None = None
    trouble: str = ""

    @classmethod
    def of(cls, path, folder):
        """With the embedding where the cache has it."""
        song = cls(Path(path))
        try:
            song.seconds = files.probe(song.path).seconds
            song.target = folder / f"{checksum(song.path)}.npz"
            song.embedding = _cached(song.target)
        except (OSError, ValueError) as error:
            song.fail(error)
        return song

    def fail(self, error):
        """Remembers an error as a line that begins with the path."""
        self.trouble = f"{self.path}: {str(error).removeprefix(f'{self.path}: ')}"

    def compute(self, network, hop_seconds, tell, before):
        """Listens and saves; `tell`: called with the seconds of audio done, `before` of which are other audio."""
        self.embedding = _cached(self.target)  # of a copy that was heard meanwhile
        if self.embedding is not None:
            return
        recording = Recording(0, lambda: _told(blocks.read(self.path), tell, before))
        try:
            embedding = np.asarray(network.listen(recording.mono_at(network.sample_rate), hop_seconds), np.float32)
            if not _is_embedding(embedding):
                raise ValueError(f"{network.name} gives {_described(embedding)}; take the file out")
        except (OSError, ValueError) as error:
            self.fail(error)
            return
        self.embedding = embedding
        with (
            writing(self.target, "free space or give another folder for embeddings"),
            atomic.replacing(self.target) as hidden_path,
            open(hidden_path, "wb") as file,
        ):
            np.savez(file, embedding=embedding)


def _told(waveforms, tell, before):
    """The blocks of a file, and how far it is."""
    n_samples = 0
    for waveform in waveforms:
        yield waveform
        n_samples += len(waveform)
        tell(before + n_samples / files.SAMPLE_RATE)


def _cached(target):
    """The embedding in an entry of the cache, None where there is none, or none that is whole."""
    try:
        embedding = npz.read(target, ["embedding"])["embedding"]
    except (OSError, ValueError):
        return None
    return embedding if embedding.dtype == np.float32 and _is_embedding(embedding) else None


def _is_embedding(array):
    return array.ndim == 2 and array.size > 0 and bool(np.isfinite(array).all())


def _described(array):
    """What is wrong with what should have been an embedding."""
    has_patches = array.ndim == 2 and array.size
    return "values that are not finite" if has_patches else f"shape {array.shape}, not [patches, d]"


@remembered
def checksum(path):
    """SHA-256 of a file's bytes, as hex digits; read once until the file changes. OSError where it can't be read."""
    return digests.of_file(path)
