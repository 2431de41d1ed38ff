import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from musika_tf.errors import UserError
from musika_tf.evaluation import baselines, report
from musika_tf.evaluation.embeddings import Embedding

RATE = 44_100
ROOT = Path(__file__).resolve().parents[2]


class Network:
    """Stands in for MusiCNN: band levels per second as features, two tags."""

    tags = ("piano", "techno")

    def __call__(self, waveform):
        seconds = waveform[: len(waveform) // RATE * RATE].reshape(-1, RATE, 2).mean(axis=2)
        levels = np.abs(np.fft.rfft(seconds))[:, :2048].reshape(len(seconds), 4, 512).mean(axis=2)
        features = np.log(levels + 1e-3)
        techno = np.full(len(seconds), float(np.abs(waveform).max() > 0.9))
        return Embedding(features, np.stack([1 - techno, techno], axis=1))


def beat(seconds=6, level=1.0, seed=0):
    """Clicks at 120 BPM over noise that is quieter on the right."""
    rng = np.random.default_rng(seed)
    waveform = 0.05 * rng.standard_normal((seconds * RATE, 2)) * [1, 0.5]
    waveform[:: RATE // 2] = level
    return np.clip(waveform, -1, 1).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    for i in range(2):
        soundfile.write(tmp_path / f"{i}.wav", beat(seed=i, level=1.0 - 0.5 * i), RATE, subtype="FLOAT")
        (tmp_path / f"{i}.json").write_text(json.dumps({"bpm": 120.0}))
    return tmp_path


def test_compare_folders(folder):
    paths = sorted(folder.glob("*.wav"))
    result = report.compare_folders(paths, paths, Network())
    assert result["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert result["dance_first"] == 1
    first, second = result["generated"]
    assert (first["first_tag"], second["first_tag"]) == ("techno", "piano")
    assert (first["seconds"], first["peak"], second["peak"]) == (6, 1, 0.5)
    assert first["pulse"] > 0.6
    json.dumps(result, allow_nan=False)
    text = report.folders_text(result)
    assert "1 of 2" in text and "0.wav" in text and "reference" in text


def test_without_reference_there_is_no_distance(folder):
    result = report.compare_folders(sorted(folder.glob("*.wav")), [], Network())
    assert result["frechet_distance"] is None
    assert "no --reference_dir" in report.folders_text(result)


def test_too_short_a_file_is_named(tmp_path):
    soundfile.write(tmp_path / "short.wav", beat(4), RATE)
    with pytest.raises(UserError, match=r"short\.wav: 4\.0 s"):
        report.compare_folders([tmp_path / "short.wav"], [], Network())


def test_broken_sidecar_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match=r"a\.json: not JSON"):
        report.true_bpm(tmp_path / "a.wav")
    assert report.true_bpm(tmp_path / "b.wav") is None


def test_evaluate_autoencoder(folder):
    systems = {
        "same, padded": lambda waveform: np.pad(waveform, [(0, 1000), (0, 0)]),
        "mono": lambda waveform: np.repeat(waveform.mean(axis=1, keepdims=True), 2, axis=1),
        "random phase": baselines.random_phase,
    }
    original, same, mono, random_phase = report.evaluate_autoencoder(sorted(folder.glob("*.wav")), systems, Network())
    assert original | {"name": ""} == same | {"name": ""}
    assert original["frechet_distance"] == pytest.approx(0, abs=1e-6) and original["magnitude_db"] == 0
    assert mono["stereo"] == pytest.approx(1) and original["stereo"] < 0.9
    assert random_phase["frechet_distance"] > 0 and random_phase["magnitude_db"] > 1
    assert random_phase["name"] in report.table([original, random_phase])


def test_baseline_systems_keep_the_length():
    waveform = beat(1)
    for function in report.baseline_systems().values():
        assert function(waveform).shape == waveform.shape


def test_bundle_systems(tmp_path):
    import tensorflow as tf

    waveform_spec = tf.TensorSpec([None, 2])
    seed_spec, noise_spec = tf.TensorSpec([], tf.int64), tf.TensorSpec([])

    class Bundle(tf.Module):
        @tf.function(input_signature=[waveform_spec])
        def encode(self, waveform):
            return 2 * waveform

        @tf.function(input_signature=[waveform_spec, seed_spec, noise_spec])
        def decode(self, latents, seed, noise):
            return latents / 2 + tf.cast(seed, tf.float32)

        @tf.function(input_signature=[waveform_spec, seed_spec, noise_spec])
        def level1(self, waveform, seed, noise):
            return waveform + noise

        @tf.function(input_signature=[waveform_spec])
        def level1_magnitude(self, waveform):
            return tf.zeros([2, 16 * 11, 513]) + waveform[0, 0]

    tf.saved_model.save(Bundle(), str(tmp_path))
    waveform = beat(1)
    systems = report.bundle_systems(tf.saved_model.load(str(tmp_path)), seed=3, noise=0.5)
    np.testing.assert_allclose(systems["whole autoencoder"](waveform), waveform + 3)
    np.testing.assert_allclose(systems["level 1"](waveform), waveform + 0.5)
    assert systems["Griffin-Lim, level 1"](waveform).shape == waveform.shape
    with pytest.raises(UserError, match="level1"):
        report.bundle_systems(tf.Module())


def run_program(*flags):
    return subprocess.run(
        [sys.executable, "-m", "musika_tf.evaluation", *flags],
        capture_output=True, text=True, cwd=ROOT, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--generated_dir"),
        (["--generated_dir=no/such"], "no/such"),
        (["--autoencoder_bundle=no/such", "--reference_dir=tests"], "tests"),
        (["--generated_dir=tests", "--json=no/such/file"], "--json=no/such/file"),
    ],
)
def test_bad_flags_are_named_in_one_line(flags, message):
    done = run_program(*flags)
    assert done.returncode != 0 and message in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
