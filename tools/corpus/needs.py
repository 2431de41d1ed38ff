"""Python modules that only some kinds of music need, imported where they are used."""

import importlib

from musika_tf.errors import UserError

# Where a package has another name than its module.
PACKAGES = {"PIL": "pillow", "dateutil": "python-dateutil"}


def module(name):
    """Imports a module.

    Raises:
        UserError: it can't be imported; the message names what is missing, which may be a module that it needs itself.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name.split(".")[0]
        purpose = "" if missing == name else f" ({name} needs it)"
        package = PACKAGES.get(missing, missing)
        raise UserError(f"the Python module {missing} is missing{purpose}: `pip install {package}`") from error
    except ImportError as error:
        raise UserError(f"the Python module {name} can't be imported: {error}") from error
