"""The one exception that a user, and not a programmer, has to read."""


class UserError(ValueError):
    """Bad input. Its message is one line that names the file or flag and what would work.

    What is quoted in it may hold anything: a name with a line's end in it, the escape sequences of a terminal. What is
    not printable is written as Python writes it, so that the line stays one.
    """

    def __init__(self, message):
        super().__init__(printable(str(message)))


def printable(text):
    """`text` in one line, as any output takes it: what can't be printed is written as Python writes it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
