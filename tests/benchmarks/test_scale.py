"""Processes measured as wholes, and what a further minute of music takes."""

import sys

import pytest

from benchmarks import processes, scale
from benchmarks.processes import Finished
from musika_tf.errors import UserError


def test_a_process_is_counted_alone(tmp_path):
    code = "import time; end = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nprint('sound')"
    done = processes.finished([sys.executable, "-c", code], tmp_path)
    assert done.said == b"sound\n" and done.wall > 0.15 and 0.2 < done.cpu < 2.0 and done.status == 0


def test_a_process_that_it_starts_is_counted_in(tmp_path):
    child = "import time\nx = bytearray(150_000_000)\nwhile time.process_time() < 0.4: pass"
    code = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {child!r}]).returncode + 3)"
    done = processes.finished([sys.executable, "-c", code], tmp_path)
    assert done.cpu > 0.3 and done.memory > 150e6 and done.status == 3


def test_a_further_minute_leaves_the_start_out():
    def runs(*seconds):
        return [Finished(2 * cpu, cpu, int(1e9), b"", 0) for cpu in seconds]

    found = {"1 min": runs(5, 6), "4 min": runs(8, 12), scale.LATE: runs(5, 6)}
    found |= {scale.ONE: runs(30, 20), scale.TWO: runs(20, 10)}
    rows = scale.rows_of(found, [1.0, 4.0])
    assert rows[0] == {"what": "1 min", "memory": 1e9, "cpu": [5.5, 5, 6], "wall": [11, 10, 12]}
    assert rows[1]["further_cpu"] == [1.5, 1.0, 2.0] and rows[1]["further_wall"] == [3.0, 2.0, 4.0]
    assert rows[-1]["times"] == [1.75, 1.5, 2.0] and "times" not in rows[-2]
    assert scale.table(rows).splitlines()[-1].endswith("| 1.75 (1.50 to 2.00) | 1.00 GB |")


def test_a_round_has_each_length_a_late_start_and_the_workers():
    lines = scale.variants([0.5, 4.0], 16.0)
    assert list(lines) == ["0.5 min", "4 min", scale.LATE, scale.ONE, scale.TWO]
    assert lines[scale.LATE] == ["--length=30s", "--start=10h"]
    assert lines[scale.TWO] == ["--length=960s", "--threads=2", "--workers=2"]
    assert list(scale.variants([1.0], 0)) == ["1 min", scale.LATE]


@pytest.mark.parametrize("minutes", ["4,1", "a", "0,1", "1,1"])
def test_lengths_that_do_not_rise_are_refused(minutes):
    with pytest.raises(UserError, match="--piece_minutes=.*rising"):
        scale._rising(minutes.split(","))


def test_a_program_that_fails_is_named(tmp_path):
    with pytest.raises(UserError, match="generate.py --length=1s: ended with status"):
        scale.measured({"1": ["--length=1s"]}, tmp_path / "none", 1)
