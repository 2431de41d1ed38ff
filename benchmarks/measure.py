"""Rates of this machine in rounds with what is measured, peak memory, and the table they end up in."""

import functools
import itertools
import os
import resource
import statistics
import sys
from pathlib import Path

import tensorflow as tf

from benchmarks import results
from benchmarks.worker import Taken, taken
from musika_tf import processor
from musika_tf.evaluation import tables

# Rows, inner and columns of matrix products: the published efficiency's, a square one, and one that fits into a cache.
_SHAPES = (4096, 2304, 768), (2048, 2048, 2048), (512, 1024, 512)
_GEMM_SECONDS = 0.5
# From the newest on; names as in /proc/cpuinfo.
_INSTRUCTION_SETS = {
    "amx_bf16": "AMX", "avx512_bf16": "AVX-512 BF16", "avx512_vnni": "AVX-512 VNNI", "avx512f": "AVX-512",
    "avx2": "AVX2", "avx": "AVX",
}  # fmt: skip


def products(shape, seconds=_GEMM_SECONDS):
    """Operations per second of a float32 matrix product on all cores, as a Taken: by the clock, and of CPU time."""
    run, operations = _product(shape), 2.0 * shape[0] * shape[1] * shape[2]
    n = max(1, round(seconds / max(taken(run).wall, 1e-6)))
    needed = taken(lambda: [run() for _ in range(n)])
    return Taken(*(n * operations / max(part, 1e-9) for part in needed))


@functools.cache
def _product(shape):
    rows, inner, columns = shape
    a, b = tf.random.normal([rows, inner]), tf.random.normal([inner, columns])
    product = tf.function(tf.matmul, autograph=False)
    product(a, b)
    return lambda: product(a, b).numpy()


@functools.cache
def best_shape():
    """The shape of those tried whose product is fastest here: what efficiency is measured against."""
    return max(_SHAPES, key=lambda shape: statistics.median(products(shape).wall for _ in range(3)))


def gemm():
    """The rates of `products` at the best shape."""
    return products(best_shape())


def row(name, function, arithmetic, seconds_of_audio=None, n_runs=3):
    """Measures one function in rounds: matrix products, the function, matrix products, the function, ...

    Other programs slow both, so that the ratio of a round says more than any time.

    Args:
      name: of the preset or step.
      function: without arguments; called once before it counts.
      arithmetic: operations of one call.
      seconds_of_audio: what one call makes or reads, if it is audio.
      n_runs: rounds.

    Returns:
      A dict of medians over the rounds; `efficiency` and `cpu_efficiency` (by CPU seconds, which a shared machine
      disturbs less) have their lowest and highest in `efficiency_range` and `cpu_efficiency_range`. The rate of a
      round is the mean of the products before and after.
    """
    function()
    reset_peak_memory()
    rates, times = [gemm()], []
    for _ in range(n_runs):
        times.append(taken(function))
        rates.append(gemm())
    paired = [Taken((a.wall + b.wall) / 2.0, (a.cpu + b.cpu) / 2.0) for a, b in itertools.pairwise(rates)]
    median = statistics.median(t.wall for t in times)
    result = {"preset": name, "step_seconds" if seconds_of_audio is None else "seconds": seconds_of_audio or median}
    if seconds_of_audio is not None:
        result["times_real_time"] = seconds_of_audio / median
    result |= {"cpu_seconds": statistics.median(t.cpu for t in times)}
    result |= {"gemm_gflops": statistics.median(rate.wall for rate in rates) / 1e9}
    for key, part in (("efficiency", "wall"), ("cpu_efficiency", "cpu")):
        ratios = [
            arithmetic / getattr(rate, part) / max(getattr(t, part), 1e-9)
            for rate, t in zip(paired, times, strict=True)
        ]
        result |= {key: statistics.median(ratios), f"{key}_range": [min(ratios), max(ratios)]}
    return result | {"peak_memory_bytes": peak_memory()}


def machine():
    """What a row is measured on: processor, its newest instruction set, threads, TensorFlow."""
    facts, known = processor.facts(), processor.instruction_sets()
    newest = next((name for flag, name in _INSTRUCTION_SETS.items() if flag in known), "unknown instruction set")
    cap = f", {processor.ONEDNN_CAP}={capped}" if (capped := os.environ.get(processor.ONEDNN_CAP)) else ""
    n_threads = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count()
    shape = "x".join(map(str, best_shape()))
    return (
        f"{facts.get('model name', 'unknown processor')}, {newest}{cap}; {n_threads} threads; "
        f"TensorFlow {tf.__version__}; matrix product {shape}"
    )


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
    "cpu_seconds": ("CPU seconds", "{:.2f}"),
    "efficiency": ("efficiency", "{:.2f}"),
    "cpu_efficiency": ("by CPU seconds", "{:.2f}"),
    "peak_memory_bytes": ("peak memory, GB", None),
}


def table(rows):
    """The rows as a Markdown table."""
    names = [name for name in _COLUMNS if name in rows[0]]
    cells = [[_cell(values, name) for name in names] for values in rows]
    return tables.markdown([_COLUMNS[name][0] for name in names], cells)


def _cell(values, name):
    if name == "peak_memory_bytes":
        return f"{values[name] / 1e9:.2f}"
    text = _COLUMNS[name][1].format(values[name])
    ends = values.get(f"{name}_range")
    return f"{text} ({ends[0]:.2f} to {ends[1]:.2f})" if ends else text


def save(path, rows):
    """Writes `{"machine": ..., "rows": rows}` as JSON."""
    results.write(path, {"machine": machine(), "rows": rows})
