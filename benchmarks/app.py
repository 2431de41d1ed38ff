"""How app.py bears visitors: python -m benchmarks.app [--clients=20] [--seconds=60] [--json=FILE]

Starts the server, and as many clients at once: each asks again and again for pieces, ranges of them, pictures and the
radio, leaves in the midst of some, and asks for what is not to be had. It takes these seconds, and what TensorFlow
needs to start.
"""

import collections
import concurrent.futures
import contextlib
import logging
import random
import subprocess
import sys
import time
from pathlib import Path

from absl import app, flags

from benchmarks import results

FLAGS = flags.FLAGS
_SERVER = Path(__file__).resolve().parents[1] / "app.py"
_KEPT_MB = 16  # full long before memory is looked at for the first time
_PATIENCE = 300  # seconds that a client waits for its next bytes


def measure(models, clients, seconds):
    """Runs the server of `models` (text as its flag takes it) under so many clients.

    Returns:
      dict: requests `answered`, `left` by their client, `told_to_wait` (503), `refused` (4xx, as they should be),
      `broken`; seconds until the first byte, `median_seconds` and `slowest_seconds`; megabytes of the process after a
      third of the time and at the end.
    """
    command = [sys.executable, str(_SERVER), "--port=0", f"--models={models}", f"--kept_mb={_KEPT_MB}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().partition(": ")[0]
            for path, n_bytes, _ in _requests(0):  # each once, so that what they need is loaded
                _ask(address, path, n_bytes)
            return _load(address, server.pid, clients, seconds)
        finally:
            server.terminate()


def _load(address, pid, clients, seconds):
    end, outcomes, waits = time.monotonic() + seconds, collections.Counter(), []

    def visit(number):
        chosen = random.Random(number)
        while time.monotonic() < end:
            path, n_bytes, expected = chosen.choice(_requests(chosen.randrange(50)))
            outcome, wait = _ask(address, path, n_bytes)
            outcomes[outcome if outcome != "refused" or expected == "refused" else "broken"] += 1
            waits.append(wait)
            if outcome == "told_to_wait":
                time.sleep(1)

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        visitors = [pool.submit(visit, number) for number in range(clients)]
        time.sleep(seconds / 3)
        early = _megabytes(pid)
        for visitor in visitors:
            visitor.result()
    times = {"median_seconds": sorted(waits)[len(waits) // 2], "slowest_seconds": max(waits)}
    kinds = ("answered", "left", "told_to_wait", "refused", "broken")
    return {kind: outcomes[kind] for kind in kinds} | times | {"early_mb": early, "end_mb": _megabytes(pid)}


def _requests(seed):
    """(path, bytes after which the client leaves, or None; "refused" where nothing else is right) of each kind."""
    return [
        (f"/piece.wav?length=5&seed={seed}", None, ""),
        (f"/piece.flac?length=5&seed={seed}", None, ""),
        (f"/piece.wav?length=237&seed={seed}", 400_000, ""),
        (f"/piece.png?length=5&seed={seed}", None, ""),
        (f"/radio.wav?seed={seed}", 300_000, ""),
        ("/", None, ""),
        (f"/piece.wav?length=99999h&seed={seed}", None, "refused"),
        ("/piece.wav?model=../../etc/passwd", None, "refused"),
    ]


def _ask(address, path, n_bytes):
    """(what came of it, seconds until its first byte)."""
    import httpx

    begin, wait, received = time.monotonic(), None, 0
    try:
        with httpx.stream("GET", address + path, timeout=_PATIENCE) as answer:
            for data in answer.iter_bytes():
                wait, received = wait or time.monotonic() - begin, received + len(data)
                if n_bytes and received >= n_bytes:
                    return "left", wait
            status = answer.status_code
    except httpx.HTTPError:
        return "broken", time.monotonic() - begin
    outcome = {503: "told_to_wait"}.get(status, "answered" if status < 400 else "refused" if status < 500 else "broken")
    return outcome, wait or time.monotonic() - begin


def _megabytes(pid):
    """Resident memory of a process (Linux)."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1024
    return float("nan")


def main(_):
    logging.getLogger("httpx").setLevel(logging.WARNING)
    result = {"clients": FLAGS.clients, "seconds": FLAGS.seconds}
    result |= measure(FLAGS.models, FLAGS.clients, FLAGS.seconds)
    for name, value in result.items():
        print(f"{name:16}{value:.4g}")
    if FLAGS.json:
        results.write(FLAGS.json, result)


if __name__ == "__main__":
    flags.DEFINE_integer("clients", 20, "clients at once", 1)
    flags.DEFINE_integer("seconds", 60, "for how long", 1)
    flags.DEFINE_string("models", "models/techno", "bundles, as app.py takes them")
    flags.DEFINE_string("json", None, "file to write the figures to")
    app.run(main)
