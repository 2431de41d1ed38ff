"""What was heard of a set -> its row in the report: plain values."""

import collections
import dataclasses

from musika_tf.evaluation import intervals
from musika_tf.evaluation.bootstrap import FEWEST_SONGS

JSON_FILE = "report.json"  # in the folder of a report
# Kinds of sets: what nobody steers, what is steered, real music, and what is made of the reference.
GENERATED, CONDITION, REFERENCE, TRAINING, YARDSTICK = "generated", "condition", "reference", "training", "yardstick"
TRACK_FIGURES = ("pulse", "stereo", "loudness", "silence", "peak", "seams")


def row(kind, heard, over_time, distances):
    """A set's figures.

    Args:
      kind: what the set is for.
      heard: `hearing.Heard`.
      over_time: `long_range.Beside.figures`.
      distances: dict of network's name -> `set_distances.measure`.

    Returns:
      Dict of kind, name, songs (how many), minutes, first_tags (dict of tag -> how many tracks), figures and over_time
      (dicts of `intervals.interval`, without bounds below ten songs), distances, and tracks, a dict for each file.
    """
    tracks = [dataclasses.asdict(track) for track in heard.tracks]
    figures = {name: intervals.interval([track[name] for track in tracks]) for name in TRACK_FIGURES} if tracks else {}
    return {
        "kind": kind,
        "name": heard.name,
        "songs": len(heard.labels),
        "minutes": sum(track["seconds"] for track in tracks) / 60 if tracks else None,
        "first_tags": dict(collections.Counter(track["first_tag"] for track in tracks).most_common()),
        "figures": bounded(figures),
        "over_time": bounded(over_time["summary"]),
        "distances": distances,
        "tracks": [track | piece for track, piece in zip(tracks, over_time["pieces"], strict=True)],
    }


def measured(row):
    """The name of a set where its distances stand: those of the reference are its own halves'."""
    return f"{row['name']}, half against half" if row["kind"] == REFERENCE else row["name"]


def bounded(figures):
    """Intervals, in dicts of dicts, without those of fewer than ten songs: so few promise too narrow a one."""
    if "pieces" in figures and "mean" in figures:
        is_enough = figures["pieces"] >= FEWEST_SONGS
        return figures if is_enough else figures | {"low": None, "high": None}
    return {name: bounded(entry) for name, entry in figures.items()}
