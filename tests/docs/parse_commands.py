"""Parses command lines with the flags of their programs: JSON {program: [[argument, ...], ...]} on standard input.

A program is a path ("generate.py") or a module ("benchmarks.generate"). Prints JSON
{program: {"flags": [name, ...], "errors": [text, ...]}}. Each program has a process of its own, forked when what all of
them import is there, because several define flags of one name.
"""

import copy
import importlib
import json
import os
import re
import runpy
import sys

from absl import flags

from musika_tf.programs import cli


def define_flags(program):
    if program.endswith(".py"):
        sys.path.insert(0, os.path.dirname(program) or ".")
        cli.run = lambda program: None  # tools define flags where they start
        runpy.run_path(program, run_name="__main__")
        return
    package = importlib.util.find_spec(program).submodule_search_locations is not None
    importlib.import_module(f"{program}.__main__" if package else program)


def parse_example(program, commands):
    """The programs of examples/ know nothing of this package: their `parser` is argparse's."""
    parser, errors = runpy.run_path(program)["parser"](), []
    for arguments in commands:
        try:
            parser.parse_args(arguments)
        except SystemExit:
            errors.append(f"{' '.join(arguments)}: {parser.format_usage()}")
    return {"flags": sorted(set(re.findall(r"--(\w+)", parser.format_help()))), "errors": errors}


def parse(program, commands):
    if program.startswith("examples/"):
        return parse_example(program, commands)
    define_flags(program)
    errors = []
    for arguments in commands:
        values = copy.deepcopy(flags.FLAGS)
        try:
            rest = values([program, *arguments])
        except (flags.Error, ValueError) as error:
            errors.append(f"{' '.join(arguments)}: {error}")
        else:
            errors += [f"{' '.join(arguments)}: {word} is no flag" for word in rest[1:]]
    return {"flags": sorted(flags.FLAGS), "errors": errors}


def main():
    results = {}
    for program, commands in json.load(sys.stdin).items():
        reader, writer = os.pipe()
        if os.fork() == 0:
            with os.fdopen(writer, "w") as answer:
                json.dump(parse(program, commands), answer)
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as answer:
            text = answer.read()
        os.wait()
        results[program] = json.loads(text) if text else {"flags": [], "errors": ["the program can't be imported"]}
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
