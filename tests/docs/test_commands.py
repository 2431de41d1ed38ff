"""Every command in the Markdown files is one that its program takes, and what is marked as `run` runs."""

import json
import os
import re
import shlex
import shutil
import subprocess

import pages
import pytest
import warm
from paths import ROOT

PAGES = pages.pages()
PROGRAMS = sorted(path.name for path in ROOT.glob("*.py"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
FOREIGN = {"flagfile", "help", "no-deps"}  # absl's own, pip's


def program_of(words):
    """(program, arguments) of a command of this project, or None: "generate.py" or the module "benchmarks.generate"."""
    match words:
        case ["python", "-m", module, *rest] if module.split(".")[0] in ("musika_tf", "benchmarks", "baselines"):
            return module, rest
        case ["python", script, *rest] if script.endswith(".py"):
            return script, rest
        case ["musika-tf", command, *rest]:
            return f"musika_tf.programs.{command.replace('-', '_')}", rest
        case [script, *rest] if script in PROGRAMS:
            return script, rest
    return None


def all_commands():
    """{program: [(page, arguments), ...]}, the programs at the top with or without a command."""
    commands = {program: [] for program in PROGRAMS}
    for page in PAGES:
        for words in page.commands():
            if found := program_of(words):
                commands.setdefault(found[0], []).append((page.name, found[1]))
    return commands


@pytest.fixture(scope="module")
def parsed():
    """What parse_commands.py says of all programs that are given flags, or lie at the top."""
    asked = {
        program: [arguments for _, arguments in rows]
        for program, rows in all_commands().items()
        if program in PROGRAMS or any(arguments for _, arguments in rows)
    }
    done = warm.run("tests/docs/parse_commands.py", input=json.dumps(asked), env=ENVIRONMENT, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_programs_exist():
    commands = all_commands()
    assert sum(map(len, commands.values())) > 50
    for program, rows in commands.items():
        path = program if program.endswith(".py") else program.replace(".", "/")
        found = (ROOT / path).is_file() or (ROOT / f"{path}.py").is_file() or (ROOT / path / "__main__.py").is_file()
        assert found, f"{rows[0][0]}: no {program}"


def test_programs_take_the_commands(parsed):
    wrong = [f"{program} {error}" for program, answer in parsed.items() for error in answer["errors"]]
    assert not wrong, "\n".join(wrong)


def test_flags_in_the_text_exist(parsed):
    known = {name for answer in parsed.values() for name in answer["flags"]} | FOREIGN
    for page in PAGES:
        for span in page.spans:
            if flag := re.match(r"--(\w[\w-]*)", span):
                name = flag[1]
                assert name in known or name.removeprefix("no") in known, f"{page.name}: no program has {span}"


def test_make_has_the_targets():
    targets = set(re.search(r"^\.PHONY:(.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
    for page in PAGES:
        for words in page.commands():
            named = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
            if words[0] == "make":
                assert set(named) <= targets, f"{page.name}: make {' '.join(named)}"


@pytest.fixture
def folder(tmp_path):
    """A working directory that looks like the repository, to write into."""
    for path in ROOT.iterdir():
        if not path.name.startswith("."):
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def marked(language, elsewhere=()):
    """The texts of the blocks that are marked as `run`, but for pages whose blocks are run elsewhere."""
    found = [block for page in PAGES if page.name not in elsewhere for block in page.blocks]
    return [block.text for block in found if block.runs and block.language == language]


def test_marked_python_runs(folder):
    """One process, because TensorFlow takes its time to start; a namespace for each block."""
    blocks = marked("python", elsewhere=("docs/bundle-and-python.md",))  # which test_bundle_page.py runs
    assert len(blocks) >= 1
    script = "\n".join(f"exec(compile({text!r}, 'block {i}', 'exec'), {{}})" for i, text in enumerate(blocks))
    done = warm.run("-c", script, cwd=folder, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr


def test_marked_commands_run(folder):
    blocks = marked("sh")
    assert len(blocks) >= 1
    python = folder / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {shlex.join(warm.python())} "$@"\n')
    python.chmod(0o755)
    path = f"{python.parent}:{os.environ['PATH']}"
    for text in blocks:
        command = [shutil.which("bash"), "-euo", "pipefail", "-c", text]
        done = subprocess.run(command, cwd=folder, env={**ENVIRONMENT, "PATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
