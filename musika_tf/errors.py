"""The one exception that a user, and not a programmer, has to read."""


class UserError(ValueError):
    """Bad input. Its message is one line that names the file or flag and what would work."""
