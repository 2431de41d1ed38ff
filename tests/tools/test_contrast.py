"""Bundles that get another contrast: all that decodes changes, and nothing else."""

import json
import re

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tiny
import warm

from musika_tf.audio import spectrogram
from musika_tf.autoencoder.contrast import Contrast
from musika_tf.model import bundle


@pytest.fixture
def music(tmp_path):
    """A folder with a file that is exactly one crop of a training."""
    folder = tmp_path / "music"
    folder.mkdir()
    n_samples = tiny.AUTOENCODER.crop_samples(2 * tiny.AUTOENCODER.window_frames)
    soundfile.write(folder / "a.wav", 0.2 * tiny.normal(n_samples, 2), 44_100, subtype="FLOAT")
    return folder


def run(source, music, target, *more):
    return warm.run(
        "tools/contrast.py", f"--init_from={source}", f"--audio_dir={music}", f"--bundle_dir={target}", *more
    )


@pytest.mark.long
def test_a_bundle_gets_it_and_loses_it(music, tmp_path):
    source, raised, plain = tmp_path / "source", tmp_path / "raised", tmp_path / "plain"
    bundle.save(source, tiny.autoencoder(), name="tiny", licence="CC0", steps=[1, 2, 3, 4])
    done = run(source, music, raised, "--ae_contrast=1.5", "--crops=2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{raised}: {source} with a contrast of 1.5\n"
    before, after = (json.loads((folder / "metadata.json").read_text()) for folder in (source, raised))
    found = after.pop("contrast")
    assert after == {**before, "format_version": 6}
    waveform, _ = soundfile.read(music / "a.wav", dtype="float32")
    spectra = spectrogram.log_magnitude(tf.constant(waveform.mean(axis=1)[None]), tiny.AUTOENCODER)
    expected = Contrast.measured(1.5, tiny.autoencoder(), [spectra])
    assert found["factor"] == 1.5
    np.testing.assert_allclose(found["centre"], expected.centre, atol=1e-4)

    assert run(raised, music, plain, "--ae_contrast=1").returncode == 0
    assert json.loads((plain / "metadata.json").read_text()) == before
    latents = tf.constant(tiny.normal(9, tiny.AUTOENCODER.latent_channels))
    loaded = [bundle.load(folder)[0] for folder in (source, plain)]
    was, now = (model.decode(latents, tf.constant(1, tf.int64), 1.0) for model in loaded)
    np.testing.assert_allclose(now, was, atol=1e-6)


def test_what_can_not_be_is_named(music, tmp_path):
    for source, target, more, message in (
        (tmp_path / "none", tmp_path / "new", (), "--init_from=.*none"),
        (music, tmp_path / "new", (), "--init_from=.*music"),
        (tmp_path, music, (), "--bundle_dir=.*music: exists and is no bundle"),
        (tmp_path, tmp_path / "new", ("--ae_contrast=3",), "ae_contrast=3"),
    ):
        done = run(source, music, target, *more)
        assert done.returncode != 0
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert re.search(message, done.stderr), done.stderr
        assert not (tmp_path / "new").exists()
