"""Reports side by side: which rows there are, in which order, with which figures."""

import copy
import json

import pytest
import warm

from musika_tf.errors import UserError
from musika_tf.evaluation import paper_table, yardsticks


def distances(estimate, low=None, high=None):
    return {
        "frechet": {"estimate": estimate, "corrected": estimate - 1, "low": low, "high": high},
        "frechet_infinity": {"distance": estimate - 2},
        "kad_between_songs": {"estimate": estimate / 100, "low": None, "high": None},
    }


def row(kind, name, estimate, coherence=0.5):
    """A set of the report; without a coherence one of which the distances alone are measured."""
    bounds = {"mean": coherence, "low": 0.25, "high": 0.75}
    over_time = {} if coherence is None else {"coherence": {"10": {}, "20": bounds}}
    return {
        "kind": kind, "name": name, "songs": 10, "first_tags": {"piano": 9, "guitar": 1}, "over_time": over_time,
        "distances": {"musicnn-1": distances(estimate, estimate - 1.5, estimate - 0.5)},
    }  # fmt: skip


def result(sets, bundle=None, follows=()):
    about = {
        "networks": ["musicnn-1"], "bundle": bundle and {"name": bundle, "follows": list(follows)},
        "reconstruction_by": bundle,
    }  # fmt: skip
    inputs = [
        {"set": "reference", "name": "a.wav", "sha256": "12"},
        {"set": "training", "name": "b", "sha256": bundle or "free"},
    ]
    return {"about": about, "sets": sets, "inputs": inputs}


REFERENCE, NOISE = row("reference", "reference", 3.0), row("yardstick", yardsticks.NOISE, 300.0)
OURS = result(
    [
        row("generated", "generated", 14.0), row("condition", "note_density=0.30", 15.0), REFERENCE,
        row("training", "training", 2.25, None), row("yardstick", yardsticks.SHUFFLED, 1.5), NOISE,
        row("yardstick", yardsticks.RECONSTRUCTION, 9.0),
    ],
    "piano", ["note_density", "position"],
)  # fmt: skip
OTHER = result([row("generated", "generated", 40.0), REFERENCE, NOISE])
FREE = result([row("generated", "generated", 20.0), REFERENCE], "free")


def table(*reports):
    """{first cell: other cells} of the only table."""
    title, _, head, rule, *rows = paper_table.text(list(reports)).split("\n\nCoherence")[0].split("\n")
    assert title == "Distances by musicnn-1:" and set(rule) == set("|-")
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *rows)]
    assert {len(line) for line in cells} == {len(rule.strip("|").split("|"))}
    return {first: others for first, *others in cells}


def test_rows_go_from_real_music_to_none():
    rows = table(("ours", OURS), ("unagan-style", OTHER), ("free", FREE))
    assert list(rows) == [
        "music", "real, held out, half against half", "real, training tracks of piano",
        "reconstruction by piano", "piano, random condition", "piano, note_density=0.30", "unagan-style",
        "free, unconditional", yardsticks.NOISE, yardsticks.SHUFFLED, "UNAGAN, as published",
    ]  # fmt: skip
    figures = ["10", "14", "13 (12.5 to 13.5)", "12", "0.14", "0.5 (0.25 to 0.75)"]
    assert rows["piano, random condition"] == [*figures, "piano 9 of 10, guitar 1 of 10", "2.150"]
    assert rows["real, training tracks of piano"][5] == "-" and rows["reconstruction by piano"][-1] == "-"
    published = {name: cells[-1] for name, cells in rows.items() if cells[-1] not in ("-", rows["music"][-1])}
    assert published == {
        "piano, random condition": "2.150", "piano, note_density=0.30": "3.400", "free, unconditional": "1.641",
        "UNAGAN, as published": "11.183",
    }  # fmt: skip
    assert "VGGish" in rows["music"][-1]


def test_without_note_density_nothing_stands_beside():
    rows = table(("other", OTHER), ("free", FREE))
    assert "UNAGAN, as published" not in rows and rows["music"][-1] == "first tag"


def test_other_scales_of_coherence_are_said():
    said = "Coherence: its scale is the training audio, which differs"
    assert said in paper_table.text([("ours", OURS), ("other", OTHER)])
    assert said not in paper_table.text([("ours", OURS), ("again", OURS)])


def test_training_tracks_of_all_reports_stand_once():
    rows = paper_table.text([("ours", OURS), ("again", {**OURS, "sets": OURS["sets"][:4]})]).split("\n")
    assert [row.split("|")[1].strip() for row in rows if "training tracks" in row] == ["real, training tracks"]


def test_reports_without_intervals_have_dashes():
    few = copy.deepcopy(OTHER)
    found = few["sets"][0]["distances"]["musicnn-1"]
    found |= {"frechet_infinity": None, "kad_between_songs": None}
    found["frechet"] |= {"corrected": None, "low": None, "high": None}
    assert table(("few", few))["few"][1:5] == ["40", "-", "-", "-"]


def write(folder, content):
    folder.mkdir()
    (folder / "report.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return str(folder)


def test_different_references_are_refused(tmp_path):
    ours, other = write(tmp_path / "ours", OURS), copy.deepcopy(OTHER)
    other["inputs"][0]["sha256"] = "34"
    assert paper_table.read([ours])[0] == ("ours", OURS)
    with pytest.raises(UserError, match="--tables: ours and other are against different references"):
        paper_table.read([ours, write(tmp_path / "other", other)])


@pytest.mark.parametrize("content", ["{", "[]", "{}", json.dumps({"about": {"networks": []}}), "[" * 10_000])
def test_what_is_no_report_is_named(tmp_path, content):
    with pytest.raises(UserError, match="--tables=.*/r: no report.json of this version"):
        paper_table.read([write(tmp_path / "r", content)])


def test_the_command_prints_the_tables(tmp_path):
    folders = [write(tmp_path / "ours", OURS), write(tmp_path / "other", OTHER)]
    done = warm.run("evaluate.py", f"--tables={','.join(folders)}")
    assert done.stdout.strip() == paper_table.text([("ours", OURS), ("other", OTHER)]), done.stderr
    refused = warm.run("evaluate.py", f"--tables={folders[0]}", "--report_dir=r")
    assert refused.returncode == 2 and "prints what was written before" in refused.stderr
    missing = warm.run("evaluate.py", "--tables=no/such")
    assert missing.returncode == 2 and "--tables=no/such: no report.json" in missing.stderr.strip().splitlines()[-1]
