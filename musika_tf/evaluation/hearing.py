"""Sets of files -> all that is measured of each file: every network hears a file once, embeddings are kept on disk."""

import dataclasses
from collections.abc import Callable

import numpy as np

from musika_tf import progress
from musika_tf.audio import files
from musika_tf.conditioning.musicnn import Embedding
from musika_tf.errors import UserError
from musika_tf.evaluation import embeddings, long_range, report
from musika_tf.native import silent_stderr


@dataclasses.dataclass(frozen=True)
class Ears:
    """The networks that hear.

    Attributes:
      network: `embeddings.Network` of the features that tags and figures over time depend on.
      tags_of: function from features `[n, d]` to activations `[n, tags]`.
      tags: names of the tags.
      others: further networks, of which distances are measured alone.
      notes: `notes.BasicPitch`, or another callable waveform -> `notes.Heard`, or None.
    """

    network: embeddings.Network
    tags_of: Callable
    tags: tuple
    others: tuple = ()
    notes: Callable | None = None


def installed_ears(vggish_path=None):
    """MusiCNN, Basic Pitch where it is installed, and VGGish where its weights are given; UserError where MusiCNN's are
    missing, or those of VGGish are none."""
    from musika_tf.conditioning import musicnn
    from musika_tf.evaluation import notes, vggish

    network = musicnn.MusiCNN.load()
    others = (vggish.VGGish.load(vggish_path),) if vggish_path else ()
    try:
        ear = notes.BasicPitch.load()
    except UserError:  # it is not installed
        ear = None
    return Ears(embeddings.musicnn_network(network), network.tags_of, network.tags, others, ear)


@dataclasses.dataclass(frozen=True)
class Heard:
    """A FileSet as measured; the lists have an entry for each file that could be.

    Attributes:
      name: of the set.
      labels, paths: of its files.
      songs: dict of network's name -> list of features, float32 `[patches, d]`.
      tracks: list of `report.TrackFigures`; empty of a set of which only the distances are asked for.
      pieces: list of `long_range.Piece`; likewise.
      left_out: list of (label, reason) of the other files.
    """

    name: str
    labels: list
    paths: list
    songs: dict
    tracks: list
    pieces: list
    left_out: list


def hear(file_set, ears, cache_dir, decoder=None, show_progress=False):
    """Measures a FileSet: `Heard`. A file that is too short, or can't be read, is left out, and the rest goes on.

    Args:
      ears: Ears.
      cache_dir: folder of embeddings.
      decoder: AutoencoderConfig of the seams; None: only embeddings are measured.
      show_progress: whether to draw lines on standard error.

    Raises:
      UserError: not one file can be measured, or the cache can't be written.
    """
    with silent_stderr():
        troubles = {path: reason for path in file_set.paths if (reason := _unfit(path))}
    songs = {}
    for network in (ears.network, *ears.others):
        paths = [path for path in file_set.paths if path not in troubles]
        found = embeddings.embed(paths, network, cache_dir, show_progress=show_progress)
        songs[network.name] = dict(zip(found.paths, found.songs, strict=True))
        gone = [path for path in paths if path not in songs[network.name]]
        troubles |= {path: _without(path, line) for path, line in zip(gone, found.troubles, strict=True)}
    features = songs[ears.network.name]
    tracks, pieces = _figures(file_set, ears, features, troubles, decoder, show_progress) if decoder else ({}, {})
    fit = [(path, label) for path, label in zip(file_set.paths, file_set.labels, strict=True) if path not in troubles]
    left_out = [(label, troubles[p]) for p, label in zip(file_set.paths, file_set.labels, strict=True) if p in troubles]
    if not fit:
        what = f"{left_out[0][0]}: {left_out[0][1]}" if left_out else "it is empty"
        raise UserError(f"{file_set.folder}: not one file can be measured ({what}); give others")
    return Heard(
        name=file_set.name,
        labels=[label for _, label in fit],
        paths=[path for path, _ in fit],
        songs={name: [by_path[path] for path, _ in fit] for name, by_path in songs.items()},
        tracks=[tracks[path] for path, _ in fit if path in tracks],
        pieces=[pieces[path] for path, _ in fit if path in pieces],
        left_out=left_out,
    )


def _unfit(path):
    """Why a file can't be measured, by its header; "" if it can."""
    try:
        return report.too_short(files.probe(path).seconds)
    except (OSError, ValueError) as error:
        return _without(path, str(error))


def _without(path, text):
    """What is wrong with a file, without the folder that it lies in."""
    return text.removeprefix(f"{path}: ").replace(str(path), path.name)


def _figures(file_set, ears, features, troubles, decoder, show_progress):
    """`TrackFigures` and `Piece` by path; what goes wrong is added to `troubles`."""
    rows = list(zip(file_set.paths, file_set.labels, file_set.bpm, strict=True))
    rows, tracks, pieces = [row for row in rows if row[0] not in troubles], {}, {}
    seconds = [files.probe(path).seconds for path, _, _ in rows]
    with silent_stderr() as terminal, progress.of_seconds(sum(seconds), terminal, show_progress) as tell:
        for (path, label, bpm), done in zip(rows, np.cumsum(seconds), strict=True):
            known = _Known(features[path], ears)
            try:
                waveform = files.read(path)
                tracks[path], _ = report.measure(label, waveform, known, bpm, decoder)
                pieces[path] = long_range.hear(label, waveform, known, ears.notes)
            except (OSError, ValueError) as error:
                troubles[path] = _without(path, str(error))
            tell(done)
    return tracks, pieces


class _Known:
    """Stands in for a network whose features of a waveform are there already."""

    def __init__(self, features, ears):
        self._embedding, self.tags = Embedding(features, ears.tags_of(features)), ears.tags

    def __call__(self, waveform):
        return self._embedding
