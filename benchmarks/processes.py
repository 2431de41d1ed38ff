"""One process measured from its start to its end: what several benchmarks start in rounds."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Finished(NamedTuple):
    """Seconds by the clock and of CPU time, the largest resident memory in bytes, standard output, exit status.

    Processes that it started and waited for are counted in; of memory, the largest of them all.
    """

    wall: float
    cpu: float
    memory: int
    said: bytes
    status: int


def finished(line, checkout=ROOT):
    """Runs a command line in a checkout, from its start to its end: a Finished."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "TF_CPP_MIN_LOG_LEVEL": "3"}
    begin = time.perf_counter()
    process = subprocess.Popen(line, cwd=checkout, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    cpu = usage.ru_utime + usage.ru_stime
    return Finished(time.perf_counter() - begin, cpu, memory, said, process.returncode)
