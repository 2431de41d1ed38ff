"""Where things lie."""

import pathlib

ROOT = pathlib.Path(__file__).parents[1]
