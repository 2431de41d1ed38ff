"""Notebooks as the tests read them."""

import ast
import functools
import json
import re

from paths import ROOT

from musika_tf.programs.notebook import words

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@functools.cache
def cells(path):
    """(kind, text) of all cells."""
    notebook = json.loads(path.read_text())
    return [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def code(path):
    """The syntax tree of all code, without IPython's commands."""
    texts = [text for kind, text in cells(path) if kind == "code"]
    return ast.parse("\n".join(re.sub(r"^(\s*)[%!].*", r"\1pass", text, flags=re.MULTILINE) for text in texts))


def constants(path):
    """The values of names that are set to constants: those of the parameters."""
    found = {}
    for node in ast.walk(code(path)):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            found.setdefault(ast.unparse(node.targets[0]), node.value.value)
    return found


def commands(path):
    """The commands of all `notebook.run(...)`, each a list of words; what is no constant is "x"."""
    known, found = constants(path), []
    for node in ast.walk(code(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "notebook.run":
            named = {flag.arg: flag.value for flag in node.keywords if flag.arg is not None}
            flags = {name: known.get(ast.unparse(value), "x") for name, value in named.items()}
            found.append(["musika-tf", node.args[0].value, *words(flags)])
    return found
