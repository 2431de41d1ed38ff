"""Command lines of anything: what a program makes of its flags is right, or one line that names one of them.

In a process of its own, because every program defines flags of its own.
"""

import pytest
import warm

FUZZ = """
import contextlib, importlib, io, pathlib, sys
from absl import flags
from absl.testing import flagsaver
from hypothesis import given, strategies as st
sys.path.insert(0, "tests/fuzz")
import conftest  # the profiles
from musika_tf.programs import cli, settings
from musika_tf.errors import UserError

program = importlib.import_module(sys.argv[1])
names = [f.name for module in (settings.__name__, sys.argv[1]) for f in flags.FLAGS.get_flags_for_module(module)]
durations = st.sampled_from(["1", "3m57s", "1h", "inf", "9" * 400, "0", "-", "song.wav", "{seed}.wav", "nan", "1e400"])
values = st.one_of(st.text(max_size=12), st.integers().map(str), st.floats().map(repr), durations)
pair = st.tuples(st.sampled_from(names), values).map(lambda pair: f"--{pair[0]}={pair[1]}")
no_files = lambda argument: not argument.startswith("--flagfile")

arguments = st.one_of(pair, st.sampled_from(names).map("--".__add__), st.text(max_size=9)).filter(no_files)

@given(st.lists(arguments, max_size=5))
def fuzz(arguments):
    lines = io.StringIO()
    flags.FLAGS.unparse_flags()
    with flagsaver.flagsaver(), contextlib.redirect_stderr(lines):
        try:
            cli._parse(["program", *arguments])
            for config_class in settings.PREFIXES:
                settings.config(config_class)
            if hasattr(program, "request"):
                program.request()
        except SystemExit:
            assert lines.getvalue().count("\\n") == 1, lines.getvalue()
        except UserError as error:
            assert str(error).isprintable(), error

fuzz()
"""


@pytest.mark.parametrize("program", ["musika_tf.programs.generate", "musika_tf.programs.train_ae"])
def test_command_lines(program):
    done = warm.run("-c", FUZZ, program)
    assert done.returncode == 0, done.stderr
