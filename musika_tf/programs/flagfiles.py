"""Command lines with flagfiles in them. `flags/...` is a shipped preset wherever no such file lies."""

import os
from pathlib import Path

from musika_tf import shipped
from musika_tf.errors import UserError


def named(argv):
    """The paths that `--flagfile` names in a command line."""
    return [path for _, path in _split(argv) if path is not None]


def beside(argv):
    """The names of the flags that a command line gives itself, not in flagfiles."""
    return {argument.lstrip("-").partition("=")[0] for argument, _ in _split(argv) if argument.startswith("-")}


def expanded(argv, within=()):
    """A command line, part of the flagfiles `within`, with the lines of its flagfiles in their places; UserError: a
    flagfile isn't there, holds no text, or takes itself in."""
    arguments = []
    for argument, path in _split(argv):
        if path is None:
            arguments.append(argument)
            continue
        found = Path(shipped.find(os.path.expanduser(path)))
        if found in within:
            raise UserError(f"--flagfile={path}: takes itself in; remove that line")
        arguments += expanded(_lines(found, path), (*within, found))
    return arguments


def _split(argv):
    """Yields (argument, None), or (argument, path) of `--flagfile=path` and `--flagfile path`."""
    arguments = iter(argv)
    for argument in arguments:
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name == "flagfile":
            yield argument, value if equals else next(arguments, "")
        else:
            yield argument, None


def _lines(found, path):
    """The flags in a file, one a line; comments begin with # or //."""
    try:
        lines = [line.strip() for line in found.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        presets = ", ".join(sorted(f"flags/{preset.name}" for preset in shipped.PRESETS.glob("*.flags")))
        raise UserError(f"--flagfile={path}: no such preset; there are {presets}") from error
    return [line for line in lines if line and not line.startswith(("#", "//"))]
