"""The installed command, as a shell starts it."""

import os
import subprocess
import sys
import time

import pytest
import tiny
import warm

from musika_tf.programs import command


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", warm.MUSIKA_TF, *arguments],
        capture_output=True, text=True, cwd=tiny.ROOT, env={**os.environ, **environment},
    )  # fmt: skip


def test_help_lists_the_commands_at_once():
    times = []
    for _ in range(5):  # the machine may be busy
        begin = time.perf_counter()
        done = run("--help")
        times.append(time.perf_counter() - begin)
    assert done.returncode == 0 and not done.stderr
    assert min(times) < 0.5
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    programs = [path.stem.replace("_", "-") for path in tiny.ROOT.glob("*.py")]
    assert listed == list(command.COMMANDS)
    assert sorted(listed) == sorted([*programs, "export", "push", "pull", "list"])  # which need no checkout


def test_help_may_be_cut_off():
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", 'exec 2>&1; "$0" -c "$1" --help | true', sys.executable, warm.MUSIKA_TF],
        capture_output=True, text=True, cwd=tiny.ROOT,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")


def test_a_command_is_the_program_of_its_name():
    done = run("generate", "--help")
    assert "musika-tf generate --length 3m57s" in done.stdout and "python " not in done.stdout
    assert "--seed" in done.stdout and "--bundle_dir" in done.stdout
    assert "--gan_width" in run("train-gan", "--help").stdout
    done = run("generate", "--length=0")
    assert done.returncode == 2 and done.stderr.startswith("musika-tf generate: --length=0: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("arguments", "problem"), [([], "no command"), (["sing"], "'sing' is no command")])
def test_what_is_no_command_is_one_line(arguments, problem):
    done = run(*arguments)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr == f"musika-tf: {problem}; there are {', '.join(command.COMMANDS)}\n"


@pytest.mark.parametrize(
    ("line", "answers"),
    [
        ("musika-tf ge", {"generate"}),
        ("musika-tf train", {"train-ae", "train-gan", "train-refiner"}),
        ("musika-tf generate --l", {"--length", "--loop"}),
        ("musika-tf train-gan --gan_w", {"--gan_width", "--gan_window"}),
    ],
)
def test_a_shell_completes_commands_and_flags(line, answers, tmp_path):
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "_ARGCOMPLETE_SUPPRESS_SPACE": "1"}
    out = tmp_path / "answers"
    run(COMP_LINE=line, COMP_POINT=str(len(line)), _ARGCOMPLETE_STDOUT_FILENAME=str(out), **asked)
    assert set(out.read_text().split()) == answers
