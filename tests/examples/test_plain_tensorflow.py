"""examples/plain_tensorflow.py: without musika_tf it writes what the bundle renders."""

import exported
import numpy as np
import pytest
import soundfile
import warm
from paths import ROOT

FORBID = "import sys; sys.modules['musika_tf'] = None; sys.argv = sys.argv[1:]; import runpy; "


@pytest.mark.long
def test_it_writes_what_the_bundle_renders(folder, tmp_path):
    code = f"{FORBID}runpy.run_path(sys.argv[0], run_name='__main__')"
    arguments = [ROOT / "examples/plain_tensorflow.py", folder, "song.wav", "--seed=3", "--seconds=0.3"]
    done = warm.run("-c", code, *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    played, rate = soundfile.read(tmp_path / "song.wav")
    expected = exported.rendered(folder, 3, 26)
    assert (rate, len(played)) == (44_100, 13_230)
    np.testing.assert_allclose(played, expected[:13_230], atol=1e-4)
