"""What the notebooks share: programs run from a cell, and what TensorFlow finds to compute on.

A program of its own, and not a call: it frees the GPU's memory when it ends, and training stops in order.
"""

import codecs
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

from musika_tf import processor
from musika_tf.errors import UserError

_COLUMNS = 120
# The notebook's end is to the program what a closed terminal is: it saves and ends.
_START = """
import fcntl, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
from musika_tf.programs.command import main
sys.exit(main())
"""


def run(command, **flags):
    """Runs a program and shows what it says, its progress in one line that is drawn again.

    Interrupting the cell interrupts the program, which saves and ends; a training that was stopped so is no error.

    Args:
      command: of `musika-tf`, such as "encode".
      **flags: its flags by name, in this order: True and False are --name and --noname, None leaves a flag out.

    Raises:
      UserError: the program failed, or was interrupted with nothing to save; it has said why.
    """
    screen, terminal = _terminal()
    line = [sys.executable, "-c", _START, command, *words(flags)]
    streams = {"stdin": subprocess.DEVNULL, "stdout": terminal, "stderr": terminal}
    program = subprocess.Popen(line, start_new_session=True, **streams)
    os.close(terminal)
    try:
        _show(screen, program)
    finally:
        os.close(screen)
        status = program.wait()
    if status:
        raise UserError(f"musika-tf {command}: ended with status {status}; its last line above says why")


def words(flags):
    """Flags by name, as `run` takes them, as words of a command line."""
    found = []
    for name, value in flags.items():
        if isinstance(value, bool):
            found.append(f"--{name}" if value else f"--no{name}")
        elif value is not None:
            found.append(f"--{name}={value}")
    return found


def _terminal():
    """File descriptors of a terminal: (what is read from it, what a program writes to)."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, _COLUMNS, 0, 0))
    settings = termios.tcgetattr(terminal)
    settings[1] &= ~termios.OPOST  # lines end in \n alone
    termios.tcsetattr(terminal, termios.TCSANOW, settings)
    return screen, terminal


def _show(screen, program):
    """Prints what a program writes until its end, and hands interruptions on to it."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    while True:
        try:
            data = os.read(screen, 1 << 16)
            if not data:
                return
            print(decode(data), end="", flush=True)
        except OSError:  # so Linux says that there is no more
            return
        except KeyboardInterrupt:
            program.send_signal(signal.SIGINT)


def devices():
    """The names of what TensorFlow computes on: the GPUs that it sees, or ["CPU"].

    From then on it takes a GPU's memory as it needs it, here and in the programs: both share the GPU.
    """
    return [name for name, _ in _gpus()] or ["CPU"]


def precision():
    """The --precision that suits the device: half where that is fast, bfloat16 where the device has it."""
    found = [capability for _, capability in _gpus()]
    if not found:
        return "float32" if processor.lacks_bfloat16() else "mixed_bfloat16"
    if min(found) >= (8, 0):
        return "mixed_bfloat16"
    return "mixed_float16" if min(found) >= (7, 0) else "float32"


def _gpus():
    """(name, compute capability) of each GPU; the capability of those that are not NVIDIA's is (0, 0)."""
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    from musika_tf.native import import_tensorflow

    config = import_tensorflow().config
    details = [config.experimental.get_device_details(gpu) for gpu in config.list_physical_devices("GPU")]
    return [(found.get("device_name", "GPU"), found.get("compute_capability", (0, 0))) for found in details]
