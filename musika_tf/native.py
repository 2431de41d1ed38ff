"""What native libraries print where nobody asked them to."""

import contextlib
import os
import sys


@contextlib.contextmanager
def silent_stderr():
    """Drops what native code writes to stderr, in all threads of the process; yields a file that still gets there."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        with open(kept, "w", closefd=False) as terminal:
            yield terminal
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
