"""Rates of this machine, medians of times, peak memory, and the table they end up in."""

import json
import resource
import statistics
import sys
import time
from pathlib import Path

import tensorflow as tf

from musika_tf.evaluation import tables

_GEMM = 4096, 2304, 768
_GEMM_RUNS = 20


def gemm_rate():
    """Operations per second of the float32 product that efficiency is measured against, on all cores."""
    rows, inner, columns = _GEMM
    a, b = tf.random.normal([rows, inner]), tf.random.normal([inner, columns])
    product = tf.function(tf.matmul, autograph=False)
    product(a, b)
    return 2.0 * rows * inner * columns / median_seconds(lambda: product(a, b), _GEMM_RUNS)


def median_seconds(function, n_runs):
    """Median time of `n_runs` calls; a call ends when its result is there."""
    seconds = []
    for _ in range(n_runs):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def row(name, function, arithmetic, seconds_of_audio=None, n_runs=3):
    """Measures one function.

    Args:
      name: of the preset or step.
      function: without arguments; called once before it counts.
      arithmetic: operations of one call.
      seconds_of_audio: what one call makes or reads, if it is audio.
      n_runs: calls, of which the median counts.

    Returns:
      A dict; the GEMM rate is the mean of one before and one after.
    """
    function()
    reset_peak_memory()
    before = gemm_rate()
    taken = median_seconds(function, n_runs)
    rate = (before + gemm_rate()) / 2.0
    result = {"preset": name, "step_seconds" if seconds_of_audio is None else "seconds": seconds_of_audio or taken}
    if seconds_of_audio is not None:
        result["times_real_time"] = seconds_of_audio / taken
    return result | {
        "gemm_gflops": rate / 1e9,
        "efficiency": arithmetic / rate / taken,
        "peak_memory_bytes": peak_memory(),
    }


def reset_peak_memory():
    """Forgets the process's peak so far, where the system can (Linux)."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def peak_memory():
    """Largest resident memory since `reset_peak_memory`, in bytes; elsewhere than on Linux since the start."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


_COLUMNS = {
    "preset": ("", "{}"),
    "data": ("data", "{}"),
    "seconds": ("audio", "{:g} s"),
    "step_seconds": ("step", "{:.2f} s"),
    "waiting": ("waiting", "{:.1%}"),
    "slowed": ("slowed", "{:.0%}"),
    "supply": ("supply", "{:.1f}"),
    "gemm_gflops": ("GEMM, GFLOP/s", "{:.0f}"),
    "times_real_time": ("times real time", "{:.1f}"),
    "efficiency": ("efficiency", "{:.2f}"),
    "peak_memory_bytes": ("peak memory, GB", None),
}


def table(rows):
    """The rows as a Markdown table."""
    names = [name for name in _COLUMNS if name in rows[0]]
    cells = [
        [
            f"{values[name] / 1e9:.2f}" if name == "peak_memory_bytes" else _COLUMNS[name][1].format(values[name])
            for name in names
        ]
        for values in rows
    ]
    return tables.markdown([_COLUMNS[name][0] for name in names], cells)


def save(path, rows):
    """Writes `{"rows": rows}` as JSON."""
    Path(path).write_text(json.dumps({"rows": rows}, indent=1) + "\n")
