"""The report: sets of pieces, and what says what their figures mean, against a reference -> report.json, report.html.

    REPORT_DIR/report.json, report.html     the same inputs make the same bytes
               pieces/                      what the bundle makes; a set for each condition
               yardsticks/                  what is made of the reference
               embeddings/                  what the networks heard, see `embeddings`

Each file is made once, and its embeddings are: a run that was interrupted goes on where it was.
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import tensorflow as tf

import musika_tf
from musika_tf import atomic
from musika_tf.errors import writing
from musika_tf.evaluation import (
    embeddings,
    file_sets,
    hearing,
    long_range,
    page,
    pieces,
    report,
    set_distances,
    set_rows,
    tables,
    yardsticks,
)
from musika_tf.evaluation.file_sets import FileSet
from musika_tf.evaluation.set_rows import CONDITION, GENERATED, JSON_FILE, REFERENCE, TRAINING, YARDSTICK
from musika_tf.model.loading import autoencoder_config, load_autoencoder

PAGE_FILE = "report.html"
_DIGITS = 6  # significant ones: what is beyond differs from machine to machine


@dataclasses.dataclass(frozen=True)
class Order:
    """What the report is to be of.

    Attributes:
      report_dir: folder to write to, made where missing.
      reference_dir: folder of real audio, or one file.
      generated_dir: folder of generated audio, or None where `bundle` makes it.
      bundle: folder of a bundle, or None.
      training_dir: folder of training audio, or None.
      cache_dir: folder of embeddings; None: in `report_dir`.
      n_pieces, seconds: how many pieces of the bundle, seeds 1, 2, ..., and how long each is.
      conditions: list of `pieces.Condition`; a set of pieces for each.
      yardsticks: whether to measure what is made of the reference.
      autoencoder: whose reconstruction is a yardstick; None: the bundle's.
      command: that asked for it, as text.
      show_progress: whether to draw lines on standard error.
    """

    report_dir: Path
    reference_dir: str
    generated_dir: str | None = None
    bundle: str | None = None
    training_dir: str | None = None
    cache_dir: str | None = None
    n_pieces: int = 20
    seconds: int = 120
    conditions: tuple = ()
    yardsticks: bool = False
    autoencoder: str | None = None
    command: str = ""
    show_progress: bool = False


def write(order, ears):
    """Makes what is missing, measures, and writes both files.

    Args:
      order: Order.
      ears: `hearing.Ears`.

    Returns:
      What report.json holds, see docs/evaluation.md.

    Raises:
      UserError: a set of which not one file can be measured, a condition that the model can't follow, a folder that
        can't be written.
    """
    with writing(order.report_dir, "name another folder for the report"):
        Path(order.report_dir).mkdir(parents=True, exist_ok=True)
    work = _Work(order, ears)
    work.measure()
    result = rounded(work.result())
    with writing(order.report_dir, "free space or name another folder for the report"):
        atomic.write_text(Path(order.report_dir) / JSON_FILE, as_json(result))
        atomic.write_text(Path(order.report_dir) / PAGE_FILE, page.document(result, _heard_files(work.heard)))
    return result


def as_json(result):
    """`rounded` figures as text."""
    return json.dumps(result, indent=1, sort_keys=True, allow_nan=False) + "\n"


def rounded(value):
    """Plain values with six significant digits, and None for what is not finite."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(entry) for entry in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value


def _heard_files(heard):
    """(label, path) of each file that can be played: of the generated set, and of the reference."""
    return {
        kind: list(zip(found.labels, found.paths, strict=True))
        for kind, found in heard
        if kind in (GENERATED, REFERENCE)
    }


class _Work:
    """What is made and heard so far: `heard`, a list of (kind, `hearing.Heard`), in the order of the report."""

    def __init__(self, order, ears):
        self._order, self._ears = order, ears
        self._folder = Path(order.report_dir)
        self._source = pieces.Source.load(order.bundle) if order.bundle else None
        made_by = order.bundle or order.autoencoder
        self._decoder = autoencoder_config(made_by) if made_by else None
        self._inputs = []
        self._plans = self._planned()  # before anything slow, in case the model can't follow
        self.heard = []

    def _planned(self):
        """(kind, name, folder, list of Piece) of each set that the bundle makes."""
        if not self._source:
            return []
        seeds, seconds = range(1, self._order.n_pieces + 1), self._order.seconds
        folder = self._folder / "pieces"
        sets = [(GENERATED, GENERATED, folder, self._source.pieces(seeds, seconds))]
        for condition in self._order.conditions:
            planned = self._source.pieces(seeds, seconds, condition)
            sets.append((CONDITION, condition.name, folder / f"{condition.signal}-{condition.text}", planned))
        return sets

    def measure(self):
        """Makes and hears everything."""
        reference = FileSet.of_folder(REFERENCE, self._order.reference_dir)
        sets = self._made() if self._source else [(GENERATED, self._found(GENERATED, self._order.generated_dir))]
        for kind, file_set in sets:
            self._hear(kind, file_set)
        self._input(REFERENCE, reference)
        fit = self._hear(REFERENCE, reference)
        if self._order.training_dir:
            self._hear(TRAINING, self._found(TRAINING, self._order.training_dir))
        if self._order.yardsticks:
            self._hear_yardsticks(_those(reference, fit.paths))

    def _found(self, kind, folder):
        """The FileSet of a folder that the user gave."""
        file_set = FileSet.of_folder(kind, folder)
        self._input(kind, file_set)
        return file_set

    def _input(self, kind, file_set):
        rows = zip(file_set.labels, file_set.paths, strict=True)
        self._inputs += [{"set": kind, "name": label, "sha256": _checksum(path)} for label, path in rows]

    def _made(self):
        """Makes the pieces of all sets: list of (kind, FileSet)."""
        jobs = [self._source.jobs(folder, planned) for _, _, folder, planned in self._plans]
        file_sets.make([job for some in jobs for job in some], self._order.show_progress)
        return [
            (kind, self._source.file_set(name, some, planned))
            for (kind, name, _, planned), some in zip(self._plans, jobs, strict=True)
        ]

    def _hear(self, kind, file_set):
        cache = self._order.cache_dir or self._folder / "embeddings"
        decoder = None if kind == TRAINING else self._decoder or report.PUBLISHED
        found = hearing.hear(file_set, self._ears, cache, decoder, self._order.show_progress)
        self.heard.append((kind, found))
        return found

    def _hear_yardsticks(self, reference):
        folder = self._folder / "yardsticks"
        made = [
            yardsticks.shuffled_set(folder / "shuffled", reference),
            yardsticks.noise_set(folder / "noise", reference),
        ]
        path = self._order.autoencoder or self._order.bundle
        if path:
            autoencoder = load_autoencoder(path)
            reconstruct = report.autoencoder_systems(autoencoder)["whole autoencoder"]
            target = folder / "reconstruction"
            made.append(yardsticks.reconstruction_set(target, reference, reconstruct, autoencoder.identity()))
        file_sets.make([job for _, jobs in made for job in jobs], self._order.show_progress)
        for file_set, _ in made:
            self._hear(YARDSTICK, file_set)

    def result(self):
        """All figures, as plain values."""
        by_kind = {kind: found for kind, found in self.heard if kind != YARDSTICK and kind != CONDITION}
        training = by_kind.get(TRAINING)
        features = np.concatenate(training.songs[self._ears.network.name]) if training else None
        beside, rows, left_out = long_range.Beside.of(by_kind[REFERENCE].pieces, features), [], []
        for number, (kind, found) in enumerate(self.heard, start=1):
            against = self._distances(kind, found.songs, by_kind[REFERENCE].songs, number)
            rows.append(set_rows.row(kind, found, beside.figures(found.pieces), against))
            left_out += [{"set": found.name, "name": label, "reason": reason} for label, reason in found.left_out]
        return {
            "about": self._about(training),
            "sets": rows,
            "inputs": self._inputs,
            "left_out": left_out,
            **(self._source.window_figures(self._plans[0][-1]) if self._source else pieces.NO_WINDOWS),
        }

    @staticmethod
    def _distances(kind, songs, reference, number):
        """By network; of the reference itself those of one half of its songs, every other one, to the other half."""
        if kind == REFERENCE:
            songs, reference = ({name: rows[i::2] for name, rows in reference.items()} for i in range(2))
        return {name: set_distances.measure(songs[name], reference[name], number) for name in songs if reference[name]}

    def _about(self, training):
        source, name = self._source, self._source and self._source.metadata["name"]
        return {
            "command": self._order.command,
            "versions": {
                "musika_tf": musika_tf.__version__, "tensorflow": tf.__version__, "numpy": np.__version__
            },
            "networks": [network.name for network in (self._ears.network, *self._ears.others)],
            "has_notes": self._ears.notes is not None,
            "scale": TRAINING if training else REFERENCE,
            "seams": report.seams_of(self._decoder),
            "reconstruction_by": Path(self._order.autoencoder).name if self._order.autoencoder else name,
            "bundle": source and {
                "name": name,
                "follows": [row["name"] for row in source.metadata["conditioning"]],
                "sample_rate": source.metadata["sample_rate"],
                "steps": source.metadata.get("steps"),
                "autoencoder_id": source.metadata["autoencoder_id"],
                "sha256": source.checksums,
            },
        }  # fmt: skip


def _those(file_set, paths):
    """The files of a set that are in `paths`."""
    rows = zip(file_set.paths, file_set.labels, file_set.bpm, strict=True)
    return FileSet(file_set.name, *zip(*[row for row in rows if row[0] in paths], strict=True))


def _checksum(path):
    try:
        return embeddings.checksum(path)
    except OSError:  # which is said where it is heard
        return None


def text(result):
    """A line per set with its distances by the first network, as a table, and what is assumed of seams."""
    lines = report.table([_line(row, result["about"]["networks"][0]) for row in result["sets"]])
    return f"{lines}\n\n{report.seams_text(result['about']['seams'])}"


def _line(row, network):
    found = row["distances"].get(network)
    frechet = found["frechet"] if found else dict.fromkeys(("estimate", "corrected", "low", "high"))
    kad = found["kad_between_songs"] if found else None
    return {
        "set": set_rows.measured(row),
        "songs": row["songs"],
        "Frechet": tables.number(frechet["estimate"]),
        "less its bias": tables.number(frechet["corrected"]),
        "95 % interval": tables.bounds(frechet),
        "KAD between songs": tables.interval(kad, "estimate"),
    }
