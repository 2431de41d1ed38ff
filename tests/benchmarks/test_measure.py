"""Medians, peak memory, the table and the JSON, and each benchmark from outside at a tiny size."""

import json
import pathlib
import types

import numpy as np
import pytest
import warm

from benchmarks import measure

TINY = ["--ae_width=8", "--gan_width=4", "--gan_critic_width=4", "--gan_batch_size=2", "--ae_batch_size=1", "--runs=1"]
BASELINE = [f"--unagan_{name}=8" for name in ("width", "critic_width")]
WAYS = "mel spectrogram alone", "with Griffin-Lim"
KEYS = {"preset", "gemm_gflops", "efficiency", "peak_memory_bytes"}


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to: `clock(seconds)`."""
    now = [0.0]
    monkeypatch.setattr(measure, "time", types.SimpleNamespace(perf_counter=lambda: now[0]))
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_median_is_not_moved_by_one_slow_run(clock):
    pauses = iter([0.01, 0.02, 7.0, 0.03, 0.01])
    assert measure.median_seconds(lambda: clock(next(pauses)), 5) == pytest.approx(0.02)


def test_efficiency_is_arithmetic_over_rate_and_time(clock, monkeypatch):
    rates = iter([40e9, 60e9])  # before and after
    monkeypatch.setattr(measure, "gemm_rate", lambda: next(rates))
    row = measure.row("x", lambda: clock(0.05), 1e9, seconds_of_audio=5.0, n_runs=2)
    assert row["gemm_gflops"] == 50.0 and row["times_real_time"] == pytest.approx(100.0)
    assert row["efficiency"] == pytest.approx(0.4)  # 20 ms of matrix products in 50 ms


@pytest.mark.skipif(not pathlib.Path("/proc/self/clear_refs").exists(), reason="only Linux can forget the peak")
def test_peak_memory_sees_what_came_and_went():
    measure.reset_peak_memory()
    before = measure.peak_memory()
    np.ones(25_000_000)  # 200 MB
    assert 150e6 < measure.peak_memory() - before < 300e6
    measure.reset_peak_memory()
    assert measure.peak_memory() - before < 100e6


def test_table():
    rows = [{"preset": "mini", "seconds": 10.0, "gemm_gflops": 150.2, "efficiency": 0.456, "peak_memory_bytes": 1.2e9}]
    assert measure.table(rows).splitlines() == [
        "|  | audio | GEMM, GFLOP/s | efficiency | peak memory, GB |",
        "|---|---|---|---|---|",
        "| mini | 10 s | 150 | 0.46 | 1.20 |",
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "arguments", "labels"),
    [
        ("generate", ["--seconds=2,3"], ["flags", "flags"]),
        ("baseline", ["--seconds=2"], ["flags, unconditional", "flags, tempo, beat, position"]),
        ("baseline", ["--seconds=2", *BASELINE], [f"UNAGAN-style, flags, {what}" for what in WAYS]),
        ("encode", ["--seconds=2,3"], ["flags", "flags"]),
        ("train_step", ["--steps=gan,1"], ["flags: GAN, batch 2", "flags: phase 1, batch 1"]),
    ],
)
def test_benchmarks_write_their_rows(name, arguments, labels, tmp_path):
    path = tmp_path / "rows.json"
    done = warm.run("-m", f"benchmarks.{name}", *TINY, *arguments, f"--json={path}")
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())["rows"]
    assert [row["preset"] for row in rows] == labels
    own = {"step_seconds"} if name == "train_step" else {"seconds", "times_real_time"}
    for row in rows:
        assert set(row) == KEYS | own
        assert all(value > 0 for key, value in row.items() if key != "preset")
    assert sum(line.startswith(f"| {labels[0][:4]}") for line in done.stdout.splitlines()) == len(rows)


@pytest.mark.slow
def test_data_benchmark_writes_its_rows(tmp_path):
    path = tmp_path / "rows.json"
    sizes = ["--songs=1", "--song_minutes=0.05", "--rounds=1", "--steps_each=2", "--latent_pieces=1", "--steps=1,gan"]
    done = warm.run("-m", "benchmarks.data", *TINY, *sizes, "--formats=wav,mp3-cached", f"--json={path}")
    assert done.returncode == 0, done.stderr
    rows = json.loads(path.read_text())["rows"]
    assert [row["data"] for row in rows] == ["wav", "mp3-cached", "latents, memory", "latents, cache"]
    for row in rows:
        assert set(row) == {"preset", "data", "step_seconds", "waiting", "slowed", "supply"}
        assert 0 <= row["waiting"] < 1 and row["slowed"] > -1 and row["supply"] > 0 and row["step_seconds"] > 0
    assert done.stdout.count("| flags") == 4


def test_formats_that_do_not_exist_are_named():
    done = warm.run("-m", "benchmarks.data", *TINY, "--formats=wav,aac")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--formats: no 'aac'; there are wav, wav-cached, flac" in done.stderr


def test_json_that_cannot_be_written_is_named_at_once():
    done = warm.run("-m", "benchmarks.encode", "--json=no/such/file")
    assert done.returncode == 2 and "--json=no/such/file" in done.stderr
