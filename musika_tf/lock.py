"""One program at a time: a lock on a folder or a file that ends with its process, however that ends.

The lock is the system's (flock): a killed program leaves at worst a small file that nobody holds. The file says who
holds it; `filelock` empties that file before it knows whether it gets the lock, so it could not.
"""

import contextlib
import fcntl
import json
import logging
import os
import socket
from pathlib import Path

from musika_tf.errors import UserError

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def held(path, what):
    """While entered, no other program that asks for this lock gets it.

    The folder of the file at `path` is made where missing; the file is removed at the end.

    Raises:
      UserError: another process holds it, which is named by host and process; or the file can't be written. Begins with
        `what`, the flag or file that is protected.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _locked(path)
    except BlockingIOError:
        raise UserError(f"{what}: in use by {_holder(path)}; wait until it ends, or name another") from None
    except OSError as error:
        raise UserError(f"{what}: can't be written ({error.strerror}); name another folder") from error
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"host": socket.gethostname(), "process": os.getpid()}).encode(), 0)
        yield
    finally:
        # Before the lock goes, or the file of whoever gets it next would be removed.
        with contextlib.suppress(OSError):
            os.unlink(path)
        os.close(descriptor)


def _locked(path):
    """A descriptor of the file at `path` with its lock; BlockingIOError where another process holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError as error:
            logger.warning("%s: can't be locked (%s); start no second program on it", path, error.strerror)
            return descriptor
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        os.close(descriptor)  # the one before removed the file between our opening and our locking it


def _holder(path):
    try:
        found = json.loads(path.read_text())
        return f"process {found['process']} on {found['host']}"
    except (OSError, ValueError, LookupError, TypeError):  # it writes its name right after it got the lock
        return "another process"
