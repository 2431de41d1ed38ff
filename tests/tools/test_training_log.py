import csv
import sys

import pytest
import tensorflow as tf
import warm
from paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))

import training_log  # noqa: E402


def log(folder, run, steps):
    writer = tf.summary.create_file_writer(str(folder / "summaries"), filename_suffix=f".{run}")
    for step in steps:
        with writer.as_default(step):
            tf.summary.scalar("loss", 100 * run + step)
    writer.close()


@pytest.fixture
def checkpoints(tmp_path):
    """A training of 40 steps that was resumed at 20, where it had got to 30 before; and that of a refiner's guide."""
    folder = tmp_path / "checkpoints"
    log(folder / "phase1", 0, range(0, 31))
    log(folder / "phase1", 1, range(20, 41))
    (folder / "phase1" / "effective.flags").write_text("--ae_width=16\n")
    log(folder / "refiner" / "guide8", 0, range(3))
    return folder


def test_later_runs_win(checkpoints):
    steps = training_log.scalars(checkpoints / "phase1")
    assert list(steps) == list(range(41))
    assert [steps[step]["loss"] for step in (0, 19, 20, 40)] == [0, 19, 120, 140]


def test_thinned_evenly_to_the_last():
    steps = {step: {} for step in range(10, 1010, 10)}
    assert list(training_log.thin(steps, 4)) == [250, 500, 750, 1000]
    assert list(training_log.thin(steps, 1000)) == list(steps)


def test_program_writes_rows_and_flags(checkpoints, tmp_path):
    flags = (f"--checkpoint_dir={checkpoints}", f"--csv_dir={tmp_path / 'log'}", "--rows=5")
    done = warm.run("tools/training_log.py", *flags)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader((tmp_path / "log" / "phase1.csv").read_text().splitlines()))
    assert len(rows) == 5 and rows[-1] == {"step": "40", "loss": "140"}
    assert (tmp_path / "log" / "guide8.csv").read_text() == "step,loss\n0,0\n1,1\n2,2\n"
    assert (tmp_path / "log" / "phase1.flags").read_text() == "--ae_width=16\n"
    assert len(list((tmp_path / "log").iterdir())) == 3


def test_a_folder_without_training_is_named(tmp_path):
    done = warm.run("tools/training_log.py", f"--checkpoint_dir={tmp_path}", f"--csv_dir={tmp_path}")
    assert done.returncode != 0 and f"--checkpoint_dir={tmp_path}" in done.stderr.splitlines()[-1]
