"""Whatever a user's environment wants of Keras: the facade works, or says in one line what to unset.

The programs are tested by `test_end_to_end.py`, in the worst of these environments.
"""

import os
import subprocess
import sys

import pytest
import tiny

PLAY = """
import sys, musika_tf
try:
    for name in ("piano", "misc"):
        music = musika_tf.load(f"models/{name}").generate(seed=1, seconds=1)
        print(music.shape, music.dtype, *{"keras"}.intersection(sys.modules))  # which is another second to import
except musika_tf.UserError as error:
    print(error)
"""


def run(code, **environment):
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tiny.ROOT, env={**os.environ, **environment}, check=True
    )
    return done.stdout


@pytest.mark.long
def test_the_facade_plays_whatever_the_environment_says(tmp_path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(
        '{"floatx": "float16", "epsilon": 1e-7, "backend": "jax", "image_data_format": "channels_first"}'
    )
    environment = {
        "HOME": str(tmp_path),
        "KERAS_BACKEND": "torch",
        "TF_USE_LEGACY_KERAS": "1",
        "MPLBACKEND": "module://of.a_notebook",
    }
    assert run(PLAY, **environment) == 2 * "(44100, 2) float32\n"


STUB = """
import sys, types
config = types.SimpleNamespace(backend=lambda: "torch")
sys.modules["keras"] = types.SimpleNamespace(config=config)
"""


def test_keras_on_another_backend_is_named():
    """As in a notebook that has imported it before; the stub stands in for a backend that need not be installed."""
    said = run(STUB + PLAY)
    assert (
        said == "KERAS_BACKEND=torch: musika_tf needs tensorflow; unset it and start again, or import musika_tf first\n"
    )
