"""Which presets a benchmark takes from its command line."""

import json

import pytest
import warm

SHOW = """
import json, sys
from absl import app
from benchmarks import presets
from musika_tf.programs import settings
from musika_tf.config import AutoencoderConfig, GanConfig
show = lambda name, v: [name, settings.config(AutoencoderConfig, v).width, settings.config(GanConfig, v).width]
app.run(lambda _: print(json.dumps([show(*chosen) for chosen in presets.chosen()])))
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], [["reference", 256, 128], ["mini", 128, 32]]),
        (["--runs=2"], [["reference", 256, 128], ["mini", 128, 32]]),
        (["--flagfile=flags/mini.flags"], [["mini", 128, 32]]),
        (["--flagfile", "flags/techno.flags"], [["techno", 128, 32]]),
        (["--ae_width=64"], [["flags", 64, 128]]),
        (["--flagfile=flags/mini.flags", "--ae_width=64"], [["mini", 64, 32]]),
    ],
)
def test_presets_of_a_command_line(arguments, expected):
    done = warm.run("-c", SHOW, *arguments)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
