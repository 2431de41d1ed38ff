"""Programs in processes of their own that need not import TensorFlow, which takes seconds: forks of one that has.

Scripts, `-c` and `-m` run as with `sys.executable`, from any working directory, with any standard streams, environment
and signals. Only what a program imports first, and what the environment says to imports, needs `sys.executable` itself.
"""

import functools
import os
import pathlib
import subprocess
import sys
import tempfile

from paths import ROOT

FORK = pathlib.Path(__file__).with_name("warm_fork.py")


# The installed command, which `-c` takes.
MUSIKA_TF = "import sys; sys.argv[0] = 'musika-tf'; from musika_tf.programs.command import main; sys.exit(main())"


def python():
    """The beginning of a command that runs Python, as a list."""
    if not hasattr(os, "pidfd_open"):  # on Macs, forks of a process that uses Apple's frameworks fail
        return [sys.executable]
    return [sys.executable, "-I", "-S", str(FORK), _server()[0]]


def command(program, *arguments):
    """A command line: `program` is a script in the repository, or -c or -m."""
    return [*python(), program if program in ("-c", "-m") else str(ROOT / program), *map(str, arguments)]


def run(program, *arguments, cwd=ROOT, **options):
    """The CompletedProcess, as text, of a command line."""
    return subprocess.run(command(program, *arguments), capture_output=True, text=True, cwd=cwd, **options)


@functools.cache
def _server():
    """(path of its socket, what keeps it): it ends when this process does, because then its standard input ends."""
    folder = tempfile.TemporaryDirectory(prefix="warm-")
    path = os.path.join(folder.name, "socket")
    return path, folder, subprocess.Popen([sys.executable, str(FORK), path, "serve"], stdin=subprocess.PIPE, cwd=ROOT)
