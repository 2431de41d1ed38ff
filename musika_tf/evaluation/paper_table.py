"""Reports of several models side by side, as the table of quality in the paper has its rows: Markdown.

The rows go from real music to what is none. What the paper measured stands in a column of its own: by VGGish, of other
data, so that only the order and the ratios of its figures compare with those of ours.
"""

from pathlib import Path

from musika_tf import json_file
from musika_tf.errors import UserError
from musika_tf.evaluation import tables, yardsticks
from musika_tf.evaluation.set_rows import CONDITION, GENERATED, JSON_FILE, REFERENCE, TRAINING, YARDSTICK

LAG = "20"  # seconds; of those that `coherence` has
UNCONDITIONAL, RANDOM = "unconditional", "random condition"
# Frechet distances of piano, Musika and UNAGAN (Liu et al. 2020), from the slides of Pasini & Schlüter 2022.
PUBLISHED = {
    UNCONDITIONAL: 1.641, RANDOM: 2.150, "note_density=0.15": 2.584, "note_density=0.3": 3.400,
    "note_density=0.45": 4.389, "note_density=0.6": 4.839, "note_density=0.75": 5.434,
}  # fmt: skip
PUBLISHED_BASELINE = "UNAGAN, as published", 11.183
_ORDER = (REFERENCE, TRAINING, yardsticks.RECONSTRUCTION, GENERATED, yardsticks.NOISE, yardsticks.SHUFFLED)


def read(folders):
    """What the report.json of each folder holds, as (name of the folder, dict).

    Raises:
      UserError: a folder without a report of this version, or reports against different references.
    """
    reports = [(Path(folder).resolve().name, _read(folder)) for folder in folders]
    first, *others = ((name, _inputs(result, REFERENCE)) for name, result in reports)
    for name, reference in others:
        if reference != first[1]:
            raise UserError(
                f"--tables: {first[0]} and {name} are against different references, which do not compare; "
                "give reports against one"
            )
    return reports


def _read(folder):
    path = Path(folder) / JSON_FILE
    try:
        result = json_file.read(path)
        _table([("", result)], result["about"]["networks"][0])
        _inputs(result, REFERENCE)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError(
            f"--tables={folder}: no report.json of this version ({error!r}); write the report again with --report_dir"
        ) from error
    return result


def _inputs(result, kind):
    """The checksums of a set's files."""
    return sorted(str(row["sha256"]) for row in result["inputs"] if row["set"] == kind)


def text(reports):
    """A table for each network that all of the reports have; `reports` as `read` returns them."""
    names = [set(result["about"]["networks"]) for _, result in reports]
    shared = [name for name in reports[0][1]["about"]["networks"] if all(name in some for some in names)]
    parts = [f"Distances by {name}:\n\n{_table(reports, name)}" for name in shared]
    if not _share_training(reports):
        parts.append("Coherence: its scale is the training audio, which differs between these reports.")
    return "\n\n".join(parts)


def _share_training(reports):
    return all(_inputs(result, TRAINING) == _inputs(reports[0][1], TRAINING) for _, result in reports)


def _table(reports, network):
    rows, share = {}, _share_training(reports)
    for name, result in reports:
        for place, label, key, row in _rows(name, result):
            if row["kind"] == TRAINING and share:
                label = "real, training tracks"  # one row for all
            found = row["distances"].get(network) or {}
            # Reports of one reference share its yardsticks.
            rows.setdefault((label, (found.get("frechet") or {}).get("estimate")), (place, key, row, found))
    ordered = sorted(((label, *entry) for (label, _), entry in rows.items()), key=lambda entry: entry[1])
    head = ["music", "songs", "Frechet", "less its bias (95 %)", "endless sets", "KAD between songs (95 %)"]
    head += [f"coherence at {LAG} s (95 %)", "first tag"]
    cells = [[label, *_cells(row, found)] for label, _, _, row, found in ordered]
    if any(key.startswith("note_density=") for _, _, key, _, _ in ordered):
        head.append("paper: Frechet, VGGish, its own piano")
        for line, (_, _, key, _, _) in zip(cells, ordered, strict=True):
            line.append(f"{PUBLISHED[key]:.3f}" if key in PUBLISHED else tables.MISSING)
        label, distance = PUBLISHED_BASELINE
        cells.append([label, *[tables.MISSING] * (len(head) - 2), f"{distance:.3f}"])
    return tables.markdown(head, cells)


def _rows(name, result):
    """Yields (place, label, key of `PUBLISHED` or "", row) of each set of a report."""
    about = result["about"]
    model = about["bundle"] and about["bundle"]["name"]
    for row in result["sets"]:
        kind = row["name"] if row["kind"] == YARDSTICK else GENERATED if row["kind"] == CONDITION else row["kind"]
        label, key = row["name"], ""
        if kind == REFERENCE:
            label = "real, held out, half against half"
        elif kind == TRAINING:
            label = f"real, training tracks of {model or name}"
        elif kind == yardsticks.RECONSTRUCTION:
            label = f"reconstruction by {about['reconstruction_by']}"
        elif row["kind"] == CONDITION:
            label = f"{model}, {row['name']}"
            key = row["name"].rstrip("0") if "." in row["name"] else row["name"]
        elif kind == GENERATED and model:
            key = RANDOM if about["bundle"]["follows"] else UNCONDITIONAL
            label = f"{model}, {key}"
        elif kind == GENERATED:
            label = name
        yield _ORDER.index(kind), label, key, row


def _cells(row, found):
    frechet = found.get("frechet") or dict.fromkeys(("corrected", "low", "high"))
    coherence = row["over_time"].get("coherence", {}).get(LAG)
    return [
        str(row["songs"]),
        tables.number(frechet.get("estimate")),
        tables.interval(frechet, "corrected"),
        tables.number((found.get("frechet_infinity") or {}).get("distance")),
        tables.interval(found.get("kad_between_songs"), "estimate"),
        tables.interval(coherence),
        tables.tags(row["first_tags"], row["songs"]),
    ]
