"""docs/bundle-and-python.md: its plain TensorFlow runs without musika_tf, and its table is the bundle's.

That all of its code runs is tested in test_commands.py.
"""

import re
import subprocess
import sys

import pytest
import tiny

from musika_tf import shipped

PAGE = (tiny.ROOT / "docs/bundle-and-python.md").read_text()
BLOCKS = re.findall(r"^```python run\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
WITHOUT = "import sys; sys.modules['musika_tf'] = None  # an import of it fails\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "models").symlink_to(shipped.PACKAGE / "models")
    return tmp_path


def run(code, folder):
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
def test_a_bundle_needs_nothing_of_this_package(folder):
    (plain,) = [block for block in BLOCKS if "musika_tf" not in block]
    said = run(WITHOUT + plain + "print(waveform.shape, latents.shape)", folder)
    assert said == "(131072, 2) (32, 128)\n"


def test_the_table_has_the_functions_and_their_arguments():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", PAGE, re.MULTILINE))
    signatures = tiny.load(shipped.default_model())[0].signatures
    for name, function in signatures.items():
        arguments = set(function.structured_input_signature[1])
        told = set(re.findall(r"`(\w+)`", rows[name]))
        if name == "render":
            told |= set(re.findall(r"`(\w+)`", rows["generate"])) - {"style_seed"}
            told -= {"generate"}
        assert told == arguments, name
    assert set(signatures) <= set(rows)
