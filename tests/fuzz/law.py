"""The law of everything that reads what others wrote."""

from musika_tf.errors import UserError


def result_or_line(named, function, *args):
    """What `function` returns, or None where it raises a UserError: one line that names `named`."""
    try:
        return function(*args)
    except UserError as error:
        line = str(error)
        assert named in line and line.isprintable(), line
        return None
