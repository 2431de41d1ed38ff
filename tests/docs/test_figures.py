"""The figures of the docs can be drawn again."""

import os
import subprocess
import sys

import pages
import pytest

SCRIPT = pages.ROOT / "docs" / "figures" / "draw.py"


@pytest.mark.slow
def test_the_figures_are_drawn(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(pages.ROOT)}
    subprocess.run([sys.executable, SCRIPT, tmp_path], env=env, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in SCRIPT.parent.glob("*.png")}
