"""A process of its own, which does one thing when it is asked and says what that took. Without TensorFlow, and without
what an environment of other packages may lack.

The process gets the name of a task in a line and answers with one of JSON: `{"wall": ..., "cpu": ...}`, in seconds, or
for a matrix product in operations per second. Its first line, unasked, says what it is: facts.

This end has a Worker, the process ends in `serve`.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import NamedTuple

from musika_tf.errors import UserError


class Taken(NamedTuple):
    """Seconds by the clock, and of all cores together."""

    wall: float
    cpu: float


def taken(function):
    """The Taken of a call, which ends when its result is there."""
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return Taken(time.perf_counter() - wall, time.process_time() - cpu)


class Worker:
    """A running process; `facts` is what it says of itself, a dict.

    Args:
      name: what errors call it.
      command: its command line.
      facts: what the dict has to have.
      advice: what the reader of an error may do.
      environment: its environment variables; None for those of this process.

    Raises:
      UserError: it ends before it answers, or answers something else.
      OSError: it can't be started.
    """

    def __init__(self, name, command, facts, advice, environment=None):
        self.name, self._advice = name, advice
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, env=environment, **pipes)
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            self.facts = self._answer(facts)
            stack.pop_all()  # it runs on

    def take(self, what):
        """The Taken of what the process is asked for."""
        try:
            self._process.stdin.write(f"{what}\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error
        answer = self._answer(Taken._fields)
        return Taken(answer["wall"], answer["cpu"])

    def _answer(self, keys):
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not set(keys) <= set(answer):
            said = f"answered {line.strip()[:80]!r} in place of {', '.join(keys)}"
            raise UserError(f"{self.name}: {said}; {self._advice}")
        return answer

    def _ended(self):
        status = self._process.wait()
        return UserError(f"{self.name}: ended with status {status}, for the reason above; {self._advice}")

    def close(self):
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


def answers():
    """The file that `serve` answers to: standard output, which from now on is standard error, because what packages
    print is no answer."""
    file = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return file


def serve(facts, tasks, file):
    """Answers the lines of standard input until it ends.

    Args:
      facts: what the process says of itself, a dict.
      tasks: {name: function to a Taken}.
      file: of `answers`.
    """
    print(json.dumps(facts), file=file, flush=True)
    for line in sys.stdin:
        print(json.dumps(tasks[line.strip()]()._asdict()), file=file, flush=True)
