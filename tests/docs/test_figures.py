"""The figures of the docs can be drawn again."""

import os
import subprocess
import sys

import pages
import pytest

MEASURED = {"music-ae.png"}  # a comparison with a model that ships no more
SCRIPT = pages.ROOT / "docs" / "figures" / "draw.py"


@pytest.mark.slow
def test_the_figures_are_drawn(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(pages.ROOT)}
    subprocess.run([sys.executable, SCRIPT, tmp_path], env=env, check=True)
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in SCRIPT.parent.glob("*.png")} - MEASURED
