"""The bundle: what other programs load has the numbers of what was saved, and needs nothing of ours."""

import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tiny

import musika_tf
from musika_tf.autoencoder.contrast import Contrast
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import AutoencoderConfig, from_dict
from musika_tf.errors import UserError
from musika_tf.model import bundle
from musika_tf.model.functions import OUTPUTS
from musika_tf.model.line import steady

PER_LATENT = tiny.AUTOENCODER.samples_per_latent
N_LATENT = tiny.AUTOENCODER.latent_channels

# Loads the bundle where musika_tf cannot be imported and calls all of its functions.
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
    render=model.render(
        seed=i64(5), style_seeds=i64([6, 7]), style_weights=tf.constant([[1.0, 2.0], [3.0, 1.0]]),
        loop_latents=tf.constant(150.5, tf.float64), truncation=2.0, conditioning=given["conditioning"],
        curve_start=i64(100), first_latent=i64(140), n_latents=tf.constant(20),
    ),
    signals=model.signals(i64(6), i64(-3), 5),
    steered=model.generate(i64(5), i64(6), i64(0), 64, 2.0, given["conditioning"]),
    served_encode=model.signatures["encode"](waveform=tf.constant(given["waveform"]))["latents"],
    served_coordinates=model.signatures["coordinates"](
        seed=i64(5), style_seed=i64(6), first_window=i64(-2), n_windows=tf.constant(3), truncation=tf.constant(2.0)
    )["coordinates"],
    signatures=[f"{name} {list(s.structured_outputs)}" for name, s in sorted(model.signatures.items())],
)
"""


def read_config(folder):
    return from_dict(AutoencoderConfig, bundle.read_metadata(folder)["autoencoder_config"])


def networks():
    return tiny.autoencoder(), tiny.gan(n_conditioning=11), tiny.conditioner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A saved bundle, in place of an older one."""
    path = tmp_path_factory.mktemp("bundles") / "tiny"
    path.mkdir()
    (path / "metadata.json").write_text('{"name": "older"}')
    (path / "left over").touch()
    about = {"licence": "CC0", "trained_on": "noise", "steps": 12, "flags": ["--gan_width=4"]}
    bundle.save(path, *networks(), name="tiny", **about)
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


@pytest.mark.long
@pytest.mark.both
def test_a_program_that_never_saw_musika_tf_gets_the_same_numbers(folder, inputs, tmp_path):
    np.savez(tmp_path / "inputs.npz", **inputs)
    command = [sys.executable, "-c", ELSEWHERE, folder, tmp_path / "inputs.npz", tmp_path / "outputs.npz"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    here = tiny.bundle()
    expected = {
        "encode": here.encode(inputs["waveform"]),
        "decode": here.decode(inputs["latents"], 5, 1.0),
        "generator": here.generator(inputs["coordinates"], 5, 1.0),
        "coordinates": here.coordinates(5, 6, -2, 3, 2.0),
        "generate": here.generate(5, 6, 60, 10, 2.0, tf.zeros([0, 0])),
    }
    # By position too: so other programs may call it that loaded an earlier bundle.
    curves = np.float32([[1, 2], [3, 1]]), 150.5, 140, 20, 2.0, inputs["conditioning"], 100
    expected["render"] = here.render(5, [6, 7], *curves)
    expected["signals"] = tiny.conditioner().draw(6, np.arange(-3, 2))
    expected |= {f"served_{name}": expected[name] for name in ("encode", "coordinates")}
    expected["steered"] = here.generate(5, 6, 0, 64, 2.0, inputs["conditioning"])
    shapes = {
        "encode": (4, N_LATENT),
        "decode": (6 * PER_LATENT, 2),
        "generator": (2, tiny.GAN.window, N_LATENT),
        "coordinates": (3, tiny.GAN.window, tiny.GAN.coordinate_size),
        "generate": (10 * PER_LATENT, 2),
        "render": (20 * PER_LATENT, 2),
        "signals": (5, 11),
        "steered": (64 * PER_LATENT, 2),
    }
    with np.load(tmp_path / "outputs.npz") as got:
        assert list(got["signatures"]) == [
            "coordinates ['coordinates']",
            "decode ['waveform']",
            "encode ['latents']",
            "generate ['waveform']",
            "generator ['latents']",
            "render ['waveform']",
            "signals ['conditioning']",
        ]
        for name, array in expected.items():
            assert got[name].shape == shapes[name.removeprefix("served_")], name
            assert got[name].dtype == np.float32, name
            np.testing.assert_allclose(got[name], array, atol=1e-5, err_msg=name)
            assert np.std(got[name]) > 1e-3, name


def test_noise_off_and_seeds(inputs):
    here, latents = tiny.bundle(), inputs["latents"]
    silent = here.decode(latents, 5, 0.0).numpy()
    np.testing.assert_array_equal(silent, here.decode(latents, 6, 0.0))
    assert np.abs(here.decode(latents, 5, 1.0) - silent).max() > 1e-3
    assert np.abs(here.decode(latents, 5, 1.0) - here.decode(latents, 6, 1.0)).max() > 1e-3
    np.testing.assert_array_equal(here.decode(latents, 5, 1.0), here.decode(latents, 5, 1.0))
    windows = inputs["coordinates"]
    still = here.generator(windows, 5, 0.0).numpy()
    np.testing.assert_array_equal(still, here.generator(windows, 6, 0.0))
    assert np.abs(here.generator(windows, 5, 1.0) - still).max() > 1e-3


def test_metadata(folder):
    metadata = json.loads((folder / "metadata.json").read_text())
    assert metadata["format_version"] == 3
    assert metadata["name"] == "tiny" and metadata["licence"] == "CC0" and metadata["trained_on"] == "noise"
    assert metadata["steps"] == 12 and metadata["flags"] == ["--gan_width=4"]
    assert metadata["sample_rate"] == 44_100 and metadata["samples_per_latent"] == PER_LATENT
    assert metadata["latent_size"] == N_LATENT and metadata["window"] == tiny.GAN.window
    tempo, beat = metadata["conditioning"]
    assert (tempo["name"], tempo["unit"], tempo["channels"]) == ("tempo", "BPM", 1)
    assert tempo["range"] == pytest.approx([110, 150])
    assert (beat["name"], beat["channels"]) == ("beat", 10)
    assert metadata["autoencoder_id"] == tiny.autoencoder().identity()


def test_the_format_is_the_oldest_that_does(monkeypatch, tmp_path):
    """3 without a refiner, as above."""
    monkeypatch.setattr(bundle.tf.saved_model, "save", lambda *args, **more: None)
    raised = dataclasses.replace(tiny.autoencoder(), contrast=Contrast(1.1, (0.0,) * tiny.AUTOENCODER.level1_size))
    for autoencoder, guide_width, head_size, held, expected in (
        (tiny.autoencoder(), 0, 0, 0, 4),
        (tiny.autoencoder(), 3, 0, 0, 5),
        (tiny.autoencoder(), 3, 2, 0, 6),
        (tiny.autoencoder(), 3, 0, 2, 6),
        (raised, 0, 0, 0, 6),
    ):
        gan = tiny.refining(guide_width=guide_width, head_size=head_size, held=held)
        bundle.save(tmp_path / "x", autoencoder, gan, Conditioner((), 1.0), name="x")
        assert json.loads((tmp_path / "x" / "metadata.json").read_text())["format_version"] == expected
    assert bundle.FORMAT_VERSION == 6


def test_the_older_bundle_is_gone_and_nothing_lies_about(folder):
    assert not (folder / "left over").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


@pytest.fixture
def other_weights(monkeypatch):
    """`load_networks` begins with networks of other weights, which it has to overwrite; they are built already."""
    made = []

    def create_gan(config, latent_size, n_conditioning, policy):
        made.append((config, latent_size, n_conditioning))
        return tiny.gan(config, latent_size, n_conditioning, seed=5)

    monkeypatch.setattr("musika_tf.autoencoder.model.Autoencoder.create", lambda config: tiny.autoencoder(config, 5))
    monkeypatch.setattr("musika_tf.gan.model.Gan.create", create_gan)
    return made


def copies(autoencoder, gan, conditioner):
    parts = {name: tiny.weights(network) for name, network in autoencoder.networks.items()}
    parts |= {name: tiny.weights(getattr(gan, name)) for name in ("averaged", "generator", "critic")}
    variables = [*gan.standardiser.variables, *conditioner.variables]
    return parts | {"others": [v.numpy() for v in variables]}


def test_networks_come_back(folder, other_weights):
    expected = copies(*networks())
    *loaded, metadata = bundle.load_networks(folder)
    assert loaded[0].config == tiny.AUTOENCODER and metadata["name"] == "tiny"
    assert other_weights == [(tiny.GAN, N_LATENT, 11)]
    got = copies(*loaded)
    for name, arrays in expected.items():
        for a, b in zip(got[name], arrays, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=name)
    assert loaded[2].metadata() == metadata["conditioning"] == tiny.conditioner().metadata()


def test_without_critic_fine_tuning_begins_with_a_new_one(folder, other_weights, tmp_path):
    critic = tiny.weights(tiny.gan(n_conditioning=11).critic)
    small = bundle.Bundle(*networks(), keep_critic=False)
    stored = [name for name, _ in tf.train.list_variables(tf.train.Checkpoint(root=small).write(str(tmp_path / "ck")))]
    assert any("stored/averaged" in name for name in stored)
    assert not any("critic" in name for name in stored)
    shutil.copytree(folder, tmp_path / "small")
    metadata = json.loads((folder / "metadata.json").read_text())
    (tmp_path / "small" / "metadata.json").write_text(json.dumps({**metadata, "has_critic": False}))
    gan = bundle.load_networks(tmp_path / "small")[1]
    assert not np.array_equal(gan.critic.get_weights()[0], critic[0])
    for a, b in zip(gan.averaged.get_weights(), gan.generator.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_no_bundle_is_not_replaced(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "song.wav").touch()
    with pytest.raises(UserError, match="--bundle_dir=.*music: exists and is no bundle"):
        bundle.save(tmp_path / "music", *networks(), name="x")
    assert [path.name for path in (tmp_path / "music").iterdir()] == ["song.wav"]


def test_failing_save_leaves_the_old_bundle(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def full_disk(module, path, signatures):
        raise OSError("No space left on device")

    monkeypatch.setattr(tf.saved_model, "save", full_disk)
    with pytest.raises(UserError, match="--bundle_dir=.*No space"):
        bundle.save(folder, *networks(), name="x")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["tiny"]


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "no bundle"),
        ("{", "no bundle"),
        ("[1]", "no bundle"),
        ("{}", "no bundle"),
        ('{"format_version": "one"}', "no bundle"),
        ('{"format_version": Infinity}', "no bundle"),
        ('{"format_version": true}', "no bundle"),
        ("[" * 100_000, "no bundle"),
        ('{"format_version": 99}', "format 99, newer than 6; update musika_tf"),
        ('{"format_version": 1, "name": "x"}', "no bundle"),  # which was never released
        ('{"format_version": 2, "name": "x"}', "damaged .metadata.json lacks sample_rate"),
    ],
)
@pytest.mark.parametrize("load", [bundle.load, bundle.load_networks])
def test_what_is_no_bundle_is_named(tmp_path, metadata, message, load):
    if metadata is not None:
        (tmp_path / "metadata.json").write_text(metadata)
    with pytest.raises(UserError, match=f"^--bundle_dir={tmp_path}: {message}"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (["sample_rate"], "44100", "sample_rate is no int"),
        (["sample_rate"], 48_000, "sample_rate is 48000, but its networks' is 44100"),
        (["has_critic"], 1, "has_critic is no bool"),
        (["gan_config", "depth"], 3, "depth"),
        (["gan_config", "window"], 96, "window=96: give a multiple of 64"),
        (["autoencoder_config", "width"], 10**400, "width=10*: "),
        (["contrast"], {"factor": 1.1}, "contrast has no factor and centre"),
        (["conditioning", 0], None, "conditioning without a name"),
        (["conditioning", 0, "name"], "mood", "no signal 'mood'"),
        (["conditioning", 0, "name"], "beat", "beat has other channels"),
        (["conditioning", 0, "channels"], True, "tempo has other channels"),
        (["conditioning", 0, "range"], [1, "2"], "tempo has no range"),
        (["conditioning", 0, "range"], [2, 1], "tempo has no range"),
        (["conditioning", 0, "mean"], "120", "mean of tempo is no number"),
        (["conditioning", 0, "pieces"], "120", "pieces of tempo are no numbers"),
        (["conditioning", 0, "pieces"], [120, None], "pieces of tempo are no numbers"),
    ],
)
def test_metadata_that_no_bundle_has_is_named(folder, tmp_path, place, value, message):
    metadata = json.loads((folder / "metadata.json").read_text())
    inner = metadata
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(UserError, match=f"^--bundle_dir={tmp_path}: damaged .metadata.json: .*{message}"):
        bundle.read_metadata(tmp_path)


@pytest.mark.long
def test_a_bundle_of_format_2_still_loads(tmp_path):
    """Its metadata says nothing of stereo, phase heads and linear paths; its render calls the range `first` and
    `count`, but in its signature."""
    new, old = tmp_path / "new", tmp_path / "old"
    autoencoder, gan = tiny.autoencoder(tiny.STACKED), tiny.gan(latent_size=tiny.STACKED.latent_channels)
    bundle.save(new, autoencoder, gan, Conditioner((), 1.0), name="older")
    loaded, metadata = bundle.load(new)
    older = tf.Module()
    older.loaded = tf.saved_model.load(str(new))
    for name in OUTPUTS:
        setattr(older, name, getattr(older.loaded, name))
    types = older.loaded.signatures["render"].structured_input_signature[1]
    order = "seed", "style_seeds", "style_weights", "loop_latents", "first_latent", "n_latents", "truncation"
    order += "conditioning", "curve_start"
    ours = [tf.TensorSpec(types[name].shape, types[name].dtype, name) for name in order]
    called = {"first_latent": "first", "n_latents": "count"}
    theirs = [tf.TensorSpec(spec.shape, spec.dtype, called.get(spec.name)) for spec in ours]
    render = older.loaded.render
    older.render = tf.function(lambda *arguments: render(*arguments), input_signature=theirs)
    served = tf.function(lambda *arguments: {"waveform": render(*arguments)}, input_signature=ours)
    tf.saved_model.save(older, str(old), signatures={"render": served})
    for name in AutoencoderConfig.EARLIER:
        del metadata["autoencoder_config"][name]
    (old / "metadata.json").write_text(json.dumps(metadata | {"format_version": 2}))

    course = steady(5, 6, 2.0, tf.zeros([0, 0]), 60)._asdict() | {"first_latent": 60, "n_latents": 3}
    arguments = {name: tf.constant(value, types[name].dtype) for name, value in course.items()}
    rendered = bundle.load(old)[0].render(**arguments)
    np.testing.assert_allclose(rendered, loaded.render(**arguments), atol=1e-6)
    assert rendered.shape == (3 * PER_LATENT, 2)
    assert read_config(old) == tiny.STACKED


def test_a_folder_of_any_name_is_written_and_read(folder, monkeypatch, tmp_path, other_weights):
    """TensorFlow reads brackets as a pattern and knows no bytes that are no UTF-8; a flag may end in a space."""
    path = tmp_path / "m [1]" / os.fsdecode(b"caf\xe9* ")
    written = []

    def save(module, target, signatures):
        written.append(target)
        shutil.copytree(folder, target, dirs_exist_ok=True)

    monkeypatch.setattr(tf.saved_model, "save", save)  # which takes seconds; that the name is one it takes is checked
    bundle.save(path, *networks(), name="any")
    assert re.fullmatch(r"[\w/.-]+", written[0])
    assert sorted(os.listdir(path.parent)) == [path.name]
    loaded, metadata = bundle.load(path)
    assert metadata["name"] == "any" and loaded.encode(tiny.normal(600, 2)).shape == (2, N_LATENT)
    assert bundle.load_networks(path)[3] == metadata


@pytest.mark.parametrize(
    ("part", "damage"),
    [
        ("saved_model.pb", "missing"),
        ("saved_model.pb", "cut short"),
        ("variables/variables.index", "missing"),
        ("variables/variables.data-00000-of-00001", "cut short"),
    ],
)
def test_a_damaged_bundle_is_named(folder, other_weights, tmp_path, part, damage):
    path = tmp_path / "copy"
    shutil.copytree(folder, path)
    content = (path / part).read_bytes()
    (path / part).unlink()
    if damage == "cut short":
        (path / part).write_bytes(content[: len(content) // 2])
    loaders = [bundle.load] + ([bundle.load_networks] if part.startswith("variables") else [])
    for load in loaders:
        with pytest.raises(UserError, match=f"^--bundle_dir={path}: damaged") as error:
            load(path)
        assert "\n" not in str(error.value)


def test_a_signal_between_the_two_renames_leaves_the_old_bundle(tmp_path, monkeypatch):
    old, new = tmp_path / "mine", tmp_path / "new"
    for path in (old, new):
        path.mkdir()
        (path / "name").write_text(path.name)
    rename = pathlib.Path.rename

    def interrupted(path, target):
        if path == new:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bundle._replace(old, new)
    assert (old / "name").read_text() == "mine" and sorted(path.name for path in tmp_path.iterdir()) == ["mine", "new"]


@pytest.fixture(scope="module")
def rounded(tmp_path_factory):
    """A bundle in half precision: (folder, what its functions gave before it was saved)."""
    autoencoder, gan, conditioner = networks()
    autoencoder.round_encoders()
    folder = tmp_path_factory.mktemp("bundles") / "rounded"
    bundle.save(folder, autoencoder, gan, conditioner, name="rounded")
    return folder, {network: model.get_weights() for network, model in autoencoder.networks.items()}


@pytest.mark.long
def test_rounded_encoders_halve_the_bundle_and_keep_their_latents(rounded, folder, inputs):
    def stored_bytes(path):
        return sum(p.stat().st_size for p in (path / "variables").glob("variables.data*"))

    path, weights = rounded
    assert stored_bytes(path) < 0.55 * stored_bytes(folder)
    loaded, metadata = bundle.load(path)
    autoencoder, gan, conditioner, _ = bundle.load_networks(path)
    assert metadata["precision"] == "float16" and metadata["autoencoder_id"] == autoencoder.identity()
    for name in ("encoder1", "encoder2"):
        for was, now in zip(weights[name], autoencoder.networks[name].get_weights(), strict=True):
            np.testing.assert_array_equal(was, now)
    for was, now in zip(weights["decoder1"], autoencoder.decoder1.get_weights(), strict=True):
        np.testing.assert_array_equal(was.astype(np.float16), now)
    again = bundle.Bundle(autoencoder, gan, conditioner)
    for function, arguments in {
        "encode": (inputs["waveform"],),
        "decode": (inputs["latents"], tf.constant(5, tf.int64), 1.0),
        "generate": (*(tf.constant(n, tf.int64) for n in (5, 6, 60)), 10, 2.0, tf.zeros([0, 0])),
    }.items():
        made = getattr(loaded, function)(*arguments).numpy()
        np.testing.assert_allclose(made, getattr(again, function)(*arguments).numpy(), atol=1e-5)
        assert made.std() > 1e-3


@pytest.mark.long
def test_an_autoencoder_alone_encodes_and_decodes(tmp_path, inputs):
    autoencoder, gan, conditioner = networks()
    bundle.save(tmp_path / "codec", autoencoder, name="codec", steps=[1, 2, 3, 4])
    loaded, metadata = bundle.load(tmp_path / "codec")
    assert sorted(loaded.signatures) == ["decode", "encode"] and metadata["conditioning"] == []
    whole = bundle.Bundle(autoencoder, gan, conditioner)
    arguments = inputs["latents"], tf.constant(5, tf.int64), 1.0
    np.testing.assert_allclose(loaded.decode(*arguments).numpy(), whole.decode(*arguments).numpy(), atol=1e-6)
    np.testing.assert_allclose(
        loaded.encode(inputs["waveform"]).numpy(), whole.encode(inputs["waveform"]).numpy(), atol=1e-5
    )
    again, *none, _ = bundle.load_networks(tmp_path / "codec")
    assert none == [None, None] and again.identity() == metadata["autoencoder_id"]
    model = musika_tf.load(tmp_path / "codec")
    assert model.encode(inputs["waveform"], model.sample_rate).shape == (4, N_LATENT) and model.signals == {}
    with pytest.raises(UserError, match="codec: an autoencoder, it encodes and decodes; to generate"):
        model.generate(seconds=1)
