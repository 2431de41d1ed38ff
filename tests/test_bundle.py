"""The bundle: what other programs load has the numbers of what was saved, and needs nothing of ours."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf import bundle
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.errors import UserError

PER_LATENT = tiny.AUTOENCODER.samples_per_latent
N_LATENT = 2 * tiny.AUTOENCODER.latent_size

# Loads the bundle where musika_tf cannot be imported and calls all five functions.
ELSEWHERE = """
import sys
class Blocker:
    def find_spec(self, name, *_):
        if name.split(".")[0] == "musika_tf":
            raise ImportError(name)
sys.meta_path.insert(0, Blocker())
import numpy as np, tensorflow as tf
folder, inputs, outputs = sys.argv[1:]
given = np.load(inputs)
model = tf.saved_model.load(folder)
i64 = lambda n: tf.constant(n, tf.int64)
np.savez(
    outputs,
    encode=model.encode(given["waveform"]),
    decode=model.decode(given["latents"], i64(5), 1.0),
    generator=model.generator(given["coordinates"], i64(5), 1.0),
    coordinates=model.coordinates(i64(5), i64(6), i64(-2), 3, 2.0),
    generate=model.generate(i64(5), i64(6), i64(60), 10, 2.0, tf.zeros([0, 0])),
    steered=model.generate(i64(5), i64(6), i64(0), 64, 2.0, given["conditioning"]),
    served=model.signatures["encode"](waveform=tf.constant(given["waveform"]))["latents"],
)
"""


@pytest.fixture(scope="module")
def networks():
    autoencoder = tiny.autoencoder()
    conditioner = Conditioner(("tempo", "beat"), autoencoder.config.latents_per_second)
    conditioner.fit([np.concatenate([np.linspace(110, 150, 50)[:, None], tiny.normal(50, 10)], 1).astype(np.float32)])
    return autoencoder, tiny.gan(n_conditioning=11), conditioner


@pytest.fixture(scope="module")
def folder(networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundles") / "tiny"
    bundle.save(path, *networks, name="tiny", licence="CC0", trained_on="noise", steps=12, flags=["--gan_width=4"])
    return path


@pytest.fixture(scope="module")
def inputs():
    window = tiny.GAN.window
    return {
        "waveform": tiny.normal(3 * PER_LATENT + 17, 2) / 10,
        "latents": tiny.normal(6, N_LATENT),
        "coordinates": tiny.normal(2, window, tiny.GAN.coordinate_size + 11),
        "conditioning": tiny.normal(64, 11) + 120,
    }


def test_a_program_that_never_saw_musika_tf_gets_the_same_numbers(networks, folder, inputs, tmp_path):
    np.savez(tmp_path / "inputs.npz", **inputs)
    command = [sys.executable, "-c", ELSEWHERE, folder, tmp_path / "inputs.npz", tmp_path / "outputs.npz"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    here = bundle.Bundle(*networks)
    expected = {
        "encode": here.encode(inputs["waveform"]),
        "decode": here.decode(inputs["latents"], 5, 1.0),
        "generator": here.generator(inputs["coordinates"], 5, 1.0),
        "coordinates": here.coordinates(5, 6, -2, 3, 2.0),
        "generate": here.generate(5, 6, 60, 10, 2.0, tf.zeros([0, 0])),
        "steered": here.generate(5, 6, 0, 64, 2.0, inputs["conditioning"]),
        "served": here.encode(inputs["waveform"]),
    }
    shapes = {
        "encode": (4, N_LATENT),
        "decode": (6 * PER_LATENT, 2),
        "generator": (2, tiny.GAN.window, N_LATENT),
        "coordinates": (3, tiny.GAN.window, tiny.GAN.coordinate_size),
        "generate": (10 * PER_LATENT, 2),
        "steered": (64 * PER_LATENT, 2),
        "served": (4, N_LATENT),
    }
    with np.load(tmp_path / "outputs.npz") as got:
        for name, array in expected.items():
            assert got[name].shape == shapes[name], name
            np.testing.assert_allclose(got[name], array, atol=1e-5, err_msg=name)
            assert np.std(got[name]) > 1e-3, name


def test_noise_off_and_seeds(networks, inputs):
    here = bundle.Bundle(*networks)
    latents = inputs["latents"]
    silent = here.decode(latents, 5, 0.0).numpy()
    np.testing.assert_array_equal(silent, here.decode(latents, 6, 0.0))
    assert np.abs(here.decode(latents, 5, 1.0) - silent).max() > 1e-3
    assert np.abs(here.decode(latents, 5, 1.0) - here.decode(latents, 6, 1.0)).max() > 1e-3
    np.testing.assert_array_equal(here.decode(latents, 5, 1.0), here.decode(latents, 5, 1.0))


def test_metadata(networks, folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["format_version"] == bundle.FORMAT_VERSION
    assert metadata["name"] == "tiny" and metadata["licence"] == "CC0" and metadata["trained_on"] == "noise"
    assert metadata["steps"] == 12 and metadata["flags"] == ["--gan_width=4"]
    assert metadata["sample_rate"] == 44_100 and metadata["samples_per_latent"] == PER_LATENT
    tempo, beat = metadata["conditioning"]
    assert (tempo["name"], tempo["unit"], tempo["channels"]) == ("tempo", "BPM", 1)
    assert tempo["range"] == pytest.approx([110, 150])
    assert (beat["name"], beat["channels"]) == ("beat", 10)
    assert metadata["autoencoder_id"] == networks[0].identity()


def test_networks_come_back(networks, folder):
    autoencoder, gan, conditioner, _ = bundle.load_networks(folder)
    assert autoencoder.config == networks[0].config and gan.config == networks[1].config
    for name, network in networks[0].networks.items():
        for a, b in zip(network.get_weights(), autoencoder.networks[name].get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    pairs = [
        (networks[1].averaged, gan.averaged),
        (networks[1].averaged, gan.generator),
        (networks[1].critic, gan.critic),
    ]
    for saved, loaded in pairs:
        for a, b in zip(saved.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(networks[1].standardiser.mean, gan.standardiser.mean)
    np.testing.assert_array_equal(networks[2].mean, conditioner.mean)
    np.testing.assert_array_equal(networks[2].highest, conditioner.highest)


def test_a_bundle_without_critic_begins_with_a_new_one(networks, tmp_path):
    bundle.save(tmp_path / "small", *networks, keep_critic=False, name="small")
    _, gan, _, metadata = bundle.load_networks(tmp_path / "small")
    assert metadata["has_critic"] is False
    for a, b in zip(networks[1].averaged.get_weights(), gan.averaged.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(networks[1].critic.get_weights()[0], gan.critic.get_weights()[0])


def test_a_bundle_is_replaced_whole_and_nothing_else_is(networks, tmp_path):
    path = tmp_path / "model"
    bundle.save(path, *networks, name="first")
    (path / "left over").touch()
    bundle.save(path, *networks, name="second")
    assert bundle.read_metadata(path)["name"] == "second" and not (path / "left over").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["model"]
    (tmp_path / "music").mkdir()
    with pytest.raises(UserError, match="is no bundle"):
        bundle.save(tmp_path / "music", *networks, name="third")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no bundle"),
        ("{", "no bundle"),
        ("[1]", "no bundle"),
        ("{}", "no bundle"),
        ('{"format_version": 99}', "newer"),
    ],
)
def test_what_is_no_bundle_is_named(tmp_path, metadata, message):
    if metadata is not None:
        (tmp_path / "metadata.json").write_text(metadata)
    with pytest.raises(UserError, match=f"--bundle_dir={tmp_path}.*{message}"):
        bundle.load(tmp_path)


def test_a_damaged_bundle_is_named(tmp_path):
    (tmp_path / "metadata.json").write_text('{"format_version": 1}')
    (tmp_path / "saved_model.pb").write_bytes(b"broken")
    with pytest.raises(UserError, match=f"--bundle_dir={tmp_path}.*damaged"):
        bundle.load(tmp_path)
