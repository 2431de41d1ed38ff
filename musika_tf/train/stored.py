"""What a training keeps beside its checkpoints, as JSON."""

from musika_tf import json_file
from musika_tf.errors import UserError


def read(path):
    """The content of such a file; UserError where it can't be read."""
    try:
        return json_file.read(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it, and give the flags of this training again") from error
