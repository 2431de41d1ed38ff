"""All kinds of bad files through the scan and through encode.py: every row as expected, the good ones encoded."""

import csv
import sys

import numpy as np
import pytest
import tiny
import warm
from paths import ROOT

from musika_tf.collection import scan
from musika_tf.collection.table import IGNORED, LEFT_OUT, USED
from musika_tf.config import AutoencoderTraining
from musika_tf.gan import latents
from musika_tf.train import phases

sys.path.insert(0, str(ROOT / "tools"))

import bad_files  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bad") / "files"
    bad_files.build(path, bad_files.CASES)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder of checkpoints with the tiny autoencoder."""
    path = tmp_path_factory.mktemp("model")
    job = phases.Job(tiny.AUTOENCODER, AutoencoderTraining(), [], path, 1, initial=tiny.autoencoder)
    phases._keep_config(job)
    phases._keep_initial(job)
    return path


def rows_of(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_scan_finds_what_is_expected(folder, tmp_path):
    table = scan.scan(folder, window_samples=tiny.AUTOENCODER.window_samples)
    table.write(tmp_path / "t.csv")
    assert bad_files.differences(bad_files.CASES, rows_of(tmp_path / "t.csv")) == []
    headers = scan.headers(folder, window_samples=tiny.AUTOENCODER.window_samples)
    assert [row.file for row in headers] == [row.file for row in table.rows]
    # What only the samples tell.
    heard = {row.file for row, header in zip(table.rows, headers, strict=True) if row.flags != header.flags}
    assert heard == {
        "silence.wav", "clipped.wav", "clipped.flac", "nan.wav", "flac cut off.flac", "mp3 cut off.mp3", "damaged.flac",
    }  # fmt: skip


def test_differences_are_seen(folder, tmp_path):
    table = scan.scan(folder, window_samples=tiny.AUTOENCODER.window_samples)
    del table.rows[0]
    table.rows[3] = table.rows[3].noted("silent", "silent")
    table.write(tmp_path / "t.csv")
    lines = bad_files.differences(bad_files.CASES, rows_of(tmp_path / "t.csv"))
    assert len(lines) == 2, lines
    assert "no row" in lines[0] and "silent" in lines[1]


def test_encode_uses_what_can_be_used_and_says_why_not(folder, model, tmp_path):
    out, table = tmp_path / "latents", tmp_path / "t.csv"
    flags = (f"--audio_dir={folder}", f"--checkpoint_dir={model}", f"--out_dir={out}", f"--table={table}")
    first = warm.run("encode.py", *flags)
    assert first.returncode == 0, first.stderr
    assert "Traceback" not in first.stderr and "mpg123" not in first.stderr
    assert bad_files.differences(bad_files.CASES, rows_of(table)) == []
    used = {case.file for case in bad_files.CASES if case.status == USED}
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.npz")} == {f"{file}.npz" for file in used}
    for case in bad_files.CASES:
        if case.status == LEFT_OUT:
            assert f"{case.file}: left out: " in first.stdout, case.file
        if case.status == USED:
            held = latents.read_latents(out / f"{case.file}.npz")
            assert tuple(held["flags"]) == case.flags and np.isfinite(held["latents"]).all(), case.file
    assert not any(case.file in first.stdout for case in bad_files.CASES if case.status in (IGNORED, None))
