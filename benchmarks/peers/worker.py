"""A codec in a process of its own, which does one thing when it is asked and says what that took.

The process gets a line, "encode", "decode" or "product", and answers with one of JSON: `{"wall": ..., "cpu": ...}`, in
seconds, or for a product in operations per second. Its first line, unasked, says what it is: `FACTS`.
"""

import contextlib
import json
import subprocess

from musika_tf.errors import UserError

FACTS = ("name", "sample_rate", "channels", "parameters")


class Worker:
    """A running process; `facts` is what it says of itself, a dict of FACTS.

    Args:
      name: what errors call it.
      command: its command line.

    Raises:
      UserError: it ends before it answers, or answers something else.
    """

    def __init__(self, name, command):
        self.name = name
        try:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError as error:
            reason = f"can't be started ({error.strerror})"
            raise UserError(
                f"--python={command[0]}: {reason}; benchmarks/peers/README.md says how to make one"
            ) from error
        with contextlib.ExitStack() as stack:
            stack.callback(self.close)
            self.facts = self._answer(FACTS)
            stack.pop_all()  # it runs on

    def take(self, what):
        """(wall, cpu) of what the process is asked for."""
        try:
            self._process.stdin.write(f"{what}\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise self._ended() from error
        answer = self._answer(("wall", "cpu"))
        return answer["wall"], answer["cpu"]

    def _answer(self, keys):
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or not set(keys) <= set(answer):
            raise UserError(f"{self.name}: answered {line.strip()[:80]!r} in place of {', '.join(keys)}; leave it out")
        return answer

    def _ended(self):
        status = self._process.wait()
        return UserError(f"{self.name}: ended with status {status}, for the reason above; leave it out of --peers")

    def close(self):
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
