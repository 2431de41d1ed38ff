"""The one exception that a user, and not a programmer, has to read."""

import contextlib


class UserError(ValueError):
    """Bad input. Its message names the file or flag and what would work, in one line.

    What it quotes may hold line breaks and escape sequences: what can't be printed is written as Python writes it.
    """

    def __init__(self, message):
        super().__init__(printable(str(message)))


@contextlib.contextmanager
def writing(path, advice):
    """Around what writes `path`: an OSError becomes a UserError that ends in `advice`."""
    try:
        yield
    except OSError as error:  # shutil.Error, of several files, has no strerror
        raise UserError(f"{path}: can't be written ({error.strerror or error}); {advice}") from error


def printable(text):
    """`text` in one line; what can't be printed is written as Python writes it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
