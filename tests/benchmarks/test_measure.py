"""Rounds, peak memory, the table and the JSON, and each benchmark from outside at a tiny size."""

import json
import pathlib
import types

import numpy as np
import pytest
import warm

from benchmarks import measure, worker
from musika_tf import processor

TINY = ["--ae_width=8", "--gan_width=4", "--gan_critic_width=4", "--gan_batch_size=2", "--ae_batch_size=1", "--runs=1"]
BASELINE = [f"--unagan_{name}=8" for name in ("width", "critic_width")]
WAYS = "mel spectrogram alone", "with Griffin-Lim"
RATIOS = "efficiency", "cpu_efficiency"
KEYS = {"preset", "gemm_gflops", "cpu_seconds", "peak_memory_bytes", *RATIOS, *(f"{name}_range" for name in RATIOS)}


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when it is told to, `clock(seconds)`, with two cores busy."""
    now = [0.0]
    times = types.SimpleNamespace(perf_counter=lambda: now[0], process_time=lambda: 2 * now[0])
    monkeypatch.setattr(worker, "time", times)
    return lambda seconds: now.__setitem__(0, now[0] + seconds)


def test_efficiency_is_the_median_of_rounds(clock, monkeypatch):
    # The machine is slow in the second round, the function too; in the third the function alone is.
    rates = iter([measure.Taken(wall, wall / 2) for wall in (40e9, 60e9, 10e9, 70e9)])
    pauses = iter([9.0, 0.05, 0.1, 0.5])  # the first does not count
    monkeypatch.setattr(measure, "gemm", lambda: next(rates))
    row = measure.row("x", lambda: clock(next(pauses)), 1e9, seconds_of_audio=5.0, n_runs=3)
    assert row["gemm_gflops"] == 50.0 and row["times_real_time"] == pytest.approx(50.0)
    ratios = [1 / 50 / 0.05, 1 / 35 / 0.1, 1 / 40 / 0.5]  # of 0.4, 0.286, 0.05
    assert row["efficiency"] == pytest.approx(ratios[1])
    assert row["efficiency_range"] == pytest.approx([ratios[2], ratios[0]])
    # Half the rate in a second of CPU time, and twice the seconds.
    assert row["cpu_efficiency"] == pytest.approx(ratios[1]) and row["cpu_seconds"] == pytest.approx(0.2)


def test_rates_are_operations_over_time(clock, monkeypatch):
    monkeypatch.setattr(measure, "_product", lambda shape: lambda: clock(0.02))
    assert measure.products((100, 200, 300), seconds=0.2) == pytest.approx((12e6 / 0.02, 12e6 / 0.04))


def test_the_best_shape_counts(monkeypatch):
    rates = dict(zip(measure._SHAPES, (3.0, 7.0, 5.0), strict=True))
    monkeypatch.setattr(measure, "products", lambda shape: measure.Taken(rates[shape], 0.0))
    measure.best_shape.cache_clear()
    assert measure.best_shape() == measure._SHAPES[1]
    measure.best_shape.cache_clear()


def test_the_machine_is_named(monkeypatch):
    facts = {"model name": "Some CPU", "flags": "fma avx avx2 avx512f avx512_vnni"}
    monkeypatch.setattr(processor, "facts", lambda: facts)
    monkeypatch.setattr(measure, "best_shape", lambda: (4, 5, 6))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    text = measure.machine()
    assert text.startswith("Some CPU, AVX-512 VNNI, ONEDNN_MAX_CPU_ISA=AVX2; ") and text.endswith("product 4x5x6")
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    facts.clear()
    assert measure.machine().startswith("unknown processor, unknown instruction set; ")


@pytest.mark.skipif(not pathlib.Path("/proc/self/clear_refs").exists(), reason="only Linux can forget the peak")
def test_peak_memory_sees_what_came_and_went():
    measure.reset_peak_memory()
    before = measure.peak_memory()
    np.ones(25_000_000)  # 200 MB
    assert 150e6 < measure.peak_memory() - before < 300e6
    measure.reset_peak_memory()
    assert measure.peak_memory() - before < 100e6


def test_table():
    row = {"preset": "mini", "seconds": 10.0, "gemm_gflops": 150.2, "efficiency": 0.456, "peak_memory_bytes": 1.2e9}
    assert measure.table([row | {"efficiency_range": [0.4, 0.5]}]).splitlines() == [
        "|  | audio | GEMM, GFLOP/s | efficiency | peak memory, GB |",
        "|---|---|---|---|---|",
        "| mini | 10 s | 150 | 0.46 (0.40 to 0.50) | 1.20 |",
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "arguments", "labels"),
    [
        ("generate", ["--seconds=2,3"], ["flags", "flags"]),
        ("baseline", ["--seconds=2"], ["flags, unconditional", "flags, tempo, beat, position"]),
        pytest.param(
            "baseline",
            ["--seconds=2", *BASELINE],
            [f"UNAGAN-style, flags, {what}" for what in WAYS],
            marks=pytest.mark.slow,
        ),
        ("encode", ["--seconds=2,3"], ["flags", "flags"]),
        (
            "train_step",
            ["--steps=gan,1,4-critic"],
            ["flags: GAN, batch 2", "flags: phase 1, batch 1", "flags: phase 4 with critic, batch 1"],
        ),
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
        assert all(np.min(value) > 0 for key, value in row.items() if key != "preset")
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
