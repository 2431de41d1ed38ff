"""The figures of the docs can be drawn again."""

import os
import subprocess
import sys

import pages
import pytest

# Of what models made, by the commands of docs/results.md; the first compares with one that ships no more.
MEASURED = {"music-ae.png", "control.png", "misc.png", "piano.png", "techno.png"}
SCRIPT = pages.ROOT / "docs" / "figures" / "draw.py"


@pytest.mark.slow
def test_the_figures_are_drawn(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(pages.ROOT)}
    subprocess.run([sys.executable, SCRIPT, tmp_path], env=env, check=True)
    drawn = {path.name for path in tmp_path.iterdir()}
    assert drawn == {path.name for path in SCRIPT.parent.glob("*.png")} - MEASURED
