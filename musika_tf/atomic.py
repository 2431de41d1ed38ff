"""Files that take their names only when all of them is there."""

import contextlib
import os
import pathlib
import shutil
import socket
import zlib

_LONGEST_NAME = 255  # bytes, on all usual file systems


def hidden(path):
    """Where a file is written before it is whole: beside it, named by machine and process, so that others know whether
    its writer still lives. Of a name that leaves no room for these the beginning becomes a checksum."""
    path = pathlib.Path(path)
    writer = f".{socket.gethostname()}-{os.getpid()}"
    name, room = os.fsencode(path.name), _LONGEST_NAME - 1 - len(writer)
    if len(name) > room:
        name = b"%08x" % zlib.crc32(name) + name[8 - room :].decode(errors="ignore").encode()  # no half of a letter
    return path.with_name(f".{os.fsdecode(name)}{writer}")


@contextlib.contextmanager
def replacing(path, to_disk=False):
    """Writes a file complete or not at all: `with atomic.replacing(path) as hidden_path: hidden_path.write_text(...)`

    On a clean exit the hidden file takes the name, and replaces a file that has it; after an error it is removed. A
    device, a pipe or a link, such as /dev/stdout, is written to itself. `to_disk` waits for the disk, or a power cut
    could leave a file of the right length without content.

    Raises:
      OSError: it can't take the name.
    """
    path = pathlib.Path(path)
    if path.is_symlink() or (path.exists() and not path.is_file()):
        yield path
        return
    temporary = hidden(path)
    try:
        yield temporary
        if to_disk:
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        remove(temporary)


def write_text(path, text):
    """Writes a text file (UTF-8), complete or not at all; OSError where it can't be written."""
    with replacing(path) as hidden_path:
        hidden_path.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def new_folder(target):
    """Fills a folder of a name that nothing has, complete or not at all: yields a hidden one that takes the name on a
    clean exit; OSError where it can't be written."""
    target = pathlib.Path(target)
    temporary = hidden(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def copy_folder(source, target):
    """Copies a folder to a name that nothing has, complete or not at all; OSError where it can't be written."""
    with new_folder(target) as temporary:
        shutil.copytree(source, temporary, dirs_exist_ok=True)


def remove(path):
    """Removes a file where it is there and can be removed."""
    with contextlib.suppress(OSError):
        os.unlink(path)
