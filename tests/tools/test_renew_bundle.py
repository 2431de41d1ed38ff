"""A bundle that is written again is the same model."""

import shutil
import subprocess
import sys

import numpy as np
import tensorflow as tf
import tiny

from musika_tf.model import bundle


def test_renewed_bundle_has_the_same_metadata_and_music(tmp_path):
    shipped = tiny.ROOT / "models" / "piano-mini"
    shutil.copytree(shipped, tmp_path / "piano")
    command = [sys.executable, tiny.ROOT / "tools" / "renew_bundle.py", f"--bundle_dir={tmp_path / 'piano'}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert bundle.read_metadata(tmp_path / "piano") == bundle.read_metadata(shipped)
    i64 = [tf.constant(7, tf.int64)] * 3
    models = [tf.saved_model.load(folder) for folder in (shipped, tmp_path / "piano")]
    music = [model.generate(*i64, 4, 2.0, tf.zeros([0, 0])).numpy() for model in models]
    np.testing.assert_allclose(*music, atol=1e-6)
