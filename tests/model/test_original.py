import io
import json
import os
import re
import tarfile

import h5py
import numpy as np
import pytest
import tensorflow as tf
import tiny
import warm

from musika_tf.errors import UserError
from musika_tf.model import bundle, original

FIXTURES = tiny.ROOT / "tests" / "fixtures" / "original"
STAGES = (
    "spectrogram",
    "level1_latents",
    "latents",
    "decoded_waveform",
    "generated_latents",
    "generated_waveform",
    "critic_output",
)


def unpack(archive, folder):
    with tarfile.open(FIXTURES / archive) as tar:
        for member in tar:
            (folder / member.name).write_bytes(tar.extractfile(member).read())
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = unpack("checkpoint.tar.xz", tmp_path_factory.mktemp("original"))
    (folder / "expected.npz").symlink_to(FIXTURES / "expected.npz")
    return folder


@pytest.fixture(scope="module")
def expected():
    return original.read_expected(FIXTURES / "expected.npz")


@pytest.fixture(scope="module")
def networks(checkpoint):
    return original.load(checkpoint)


@pytest.fixture
def copy(checkpoint, tmp_path):
    """A folder with links to the checkpoint's files, to be spoilt one by one."""
    for path in checkpoint.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def replace(path, content):
    path.unlink()
    path.write_bytes(content)


def run_module(*arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return warm.run("import_original.py", "--threads=1", *arguments, cwd=".", env=environment)


# parity with the published code


@pytest.fixture(scope="module")
def differences(networks, expected):
    return original.parity(*networks, expected)


@pytest.mark.parametrize("stage", STAGES)
def test_parity(differences, stage):
    assert differences[stage] <= 1e-4


def test_parity_sees_a_difference(networks, expected):
    spoilt = {**expected, "latents": expected["latents"] + np.float32(0.01)}
    assert original.parity(*networks, spoilt)["latents"] == pytest.approx(0.01, rel=0.01)


def test_sizes_come_from_the_weights(networks):
    autoencoder, gan = networks
    config = autoencoder.config
    assert (config.hop_length, config.width, config.level1_size, config.latent_size) == (64, 64, 16, 64)
    assert (gan.config.width, gan.config.critic_width, gan.config.window, gan.config.anchor_size) == (16, 16, 128, 64)


def test_noise_scalars(networks):
    """The fixture's are 0.01, 0.02, ... in the files' order; parity runs without noise and can't see them."""
    autoencoder, gan = networks
    names = ("g0", "g1", "g2", "g3", "u2", "u1", "v1", "u0", "v0")
    layers = [getattr(autoencoder.decoder1, name) for name in names] + autoencoder.decoder2.hidden
    stages = [gan.averaged.stem, *(s for b in gan.averaged.blocks for s in (b.first, b.second)), gan.averaged.last]
    scales = [float(layer.noise.scale) for layer in layers + stages]
    np.testing.assert_allclose(scales, np.arange(1, 27) / 100, rtol=1e-6)
    assert float(gan.generator.last.noise.scale) == pytest.approx(0.26)


def test_layer_names_mean_nothing(checkpoint, tmp_path):
    """The same weights from another session, where layers got other numbers, sort otherwise and stand in chunks."""
    source, renamed = checkpoint / "dec.h5", tmp_path / "dec.h5"
    with h5py.File(source) as old, h5py.File(renamed, "w") as new:
        names = []
        for i, name in enumerate(old.attrs["layer_names"]):
            names.append(f"layer_{(7 * i) % 101}")
            group = new.create_group(names[-1])
            weights = [f"{names[-1]}/w_{9 - j}" for j in range(len(old[name].attrs["weight_names"]))]
            for weight, stored in zip(weights, old[name].attrs["weight_names"], strict=True):
                group.create_dataset(weight, data=old[name][stored], chunks=True, compression="gzip")
            group.attrs["weight_names"] = weights
        new.attrs["layer_names"] = names
    before, after = original.read_layers(source), original.read_layers(renamed)
    assert len(before) == len(after) and before[0].name != after[0].name
    for a, b in zip(before, after, strict=True):
        for x, y in zip(a.arrays, b.arrays, strict=True):
            np.testing.assert_array_equal(x, y)


# the small variant


@pytest.fixture(scope="module")
def small(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    for path in checkpoint.glob("*.h5"):
        (folder / path.name).write_bytes(path.read_bytes())
    return original.load(unpack("small.tar.xz", folder))  # and no config.json


@pytest.mark.long
def test_small_variant_is_recognised(small):
    _, gan = small
    assert (gan.config.window, gan.config.critic_window, gan.config.width) == (64, 128, 4)


@pytest.mark.long
def test_small_generator_and_critic(small):
    _, gan = small
    expected = original.read_expected(FIXTURES / "small_expected.npz")
    windows = expected["coordinates"].reshape(2, 64, 128)
    latents = gan.generate(windows).numpy().reshape(1, 1, 128, 128)
    np.testing.assert_allclose(latents, expected["generated_latents"], atol=1e-4, rtol=0)
    scores = gan.critic(expected["critic_input"][:, 0])[0]
    np.testing.assert_allclose(scores, expected["critic_output"], atol=1e-4, rtol=0)


# the bundle


@pytest.fixture(scope="module")
def converted(checkpoint, tmp_path_factory):
    """(finished process of the program, the folder of the bundle)"""
    bundle_dir = tmp_path_factory.mktemp("bundles") / "new" / "imported"
    return run_module(f"--checkpoint_dir={checkpoint}", f"--bundle_dir={bundle_dir}", "--parity"), bundle_dir


@pytest.mark.long
def test_program_prints_the_table(converted):
    process, _ = converted
    assert process.returncode == 0, process.stderr
    rows = re.findall(r"^\| (\w+) \| ([\d.e+-]+) \|$", process.stdout, re.MULTILINE)
    assert tuple(stage for stage, _ in rows) == STAGES
    assert all(float(difference) <= 1e-4 for _, difference in rows)


@pytest.fixture(scope="module")
def loaded(converted):
    return tf.saved_model.load(str(converted[1]))


def test_bundle_encodes(loaded, expected):
    # The published code does not extend the waveform: without its edges, all but the outer latents see the same.
    latents = loaded.encode(expected["waveform"][96:-96])
    assert latents.shape == expected["latents"].shape
    np.testing.assert_allclose(latents[1:-1], expected["latents"][1:-1], atol=1e-4, rtol=0)


def test_bundle_decodes(loaded, expected):
    waveform = loaded.decode(expected["latents"], tf.constant(0, tf.int64), 0.0).numpy()
    assert waveform.shape == (16 * 1024, 2)
    theirs = expected["decoded_waveform"]  # the bundle trims 96 samples on each side and levels 96 more
    np.testing.assert_allclose(waveform[96 : len(theirs) - 192], theirs[192:-96], atol=1e-4, rtol=0)


def test_bundle_generates(loaded, expected):
    windows = expected["coordinates"].reshape(2, 128, 128)
    latents = loaded.generator(windows, tf.constant(0, tf.int64), 0.0).numpy()
    np.testing.assert_allclose(latents.reshape(1, 1, 256, 128), expected["generated_latents"], atol=1e-4, rtol=0)


def test_bundle_metadata(converted):
    metadata = bundle.read_metadata(converted[1])
    assert (metadata["sample_rate"], metadata["samples_per_latent"], metadata["window"]) == (44_100, 1024, 128)
    assert metadata["conditioning"] == []


# bad input


@pytest.mark.parametrize("name", original.FILES)
def test_missing_file(copy, name):
    (copy / name).unlink()
    with pytest.raises(UserError, match=f"{name}: missing; put enc.h5, .*marcop/musika_ae"):
        original.load(copy)


@pytest.mark.parametrize("keep", [0, 100, 3000, 0.5, 0.99])
def test_truncated_file(copy, checkpoint, keep):
    content = (checkpoint / "dec2.h5").read_bytes()
    replace(copy / "dec2.h5", content[: keep if isinstance(keep, int) else int(keep * len(content))])
    with pytest.raises(UserError, match=r"dec2.h5: no Keras weight file, or a damaged one \(.+\); download it again$"):
        original.load(copy)


def test_no_hdf5_file(copy):
    replace(copy / "gen_ema.h5", b"<html>404</html>" * 1000)
    with pytest.raises(UserError, match="gen_ema.h5: no Keras weight file"):
        original.load(copy)


def test_hdf5_file_of_another_program(copy):
    (copy / "enc2.h5").unlink()
    with h5py.File(copy / "enc2.h5", "w") as file:
        file["measurements"] = np.arange(5)
    with pytest.raises(UserError, match="enc2.h5: no Keras weight file"):
        original.load(copy)


def test_weights_that_are_no_numbers(copy, checkpoint):
    replace(copy / "critic.h5", (checkpoint / "critic.h5").read_bytes())
    with h5py.File(copy / "critic.h5", "r+") as file:
        file["7d/7d/bias:0"][0] = np.nan
    with pytest.raises(UserError, match="critic.h5: damaged, layer 7d"):
        original.load(copy)


@pytest.mark.parametrize("name, other", [("enc.h5", "dec.h5"), ("gen_ema.h5", "dec2.h5")])
def test_file_of_another_network(copy, checkpoint, name, other):
    replace(copy / name, (checkpoint / other).read_bytes())
    (copy / "config.json").unlink()
    with pytest.raises(UserError, match=f"{name}: not the {name} of a 44.1 kHz checkpoint"):
        original.load(copy)


@pytest.mark.long
def test_layers_in_another_order(copy, checkpoint):
    replace(copy / "enc2.h5", (checkpoint / "enc2.h5").read_bytes())
    with h5py.File(copy / "enc2.h5", "r+") as file:
        file.attrs["layer_names"] = file.attrs["layer_names"][::-1]
    with pytest.raises(UserError, match=r"enc2.h5: not the .*: layer cbottle has shapes .* instead of \[\(3, 16, 64\)"):
        original.load(copy)


@pytest.mark.long
def test_critic_of_the_small_variant(copy, tmp_path_factory):
    small = unpack("small.tar.xz", tmp_path_factory.mktemp("only_critic"))
    replace(copy / "critic.h5", (small / "critic.h5").read_bytes())
    with pytest.raises(UserError, match="critic.h5: not the critic.h5 .*: 15 other layers instead of 17"):
        original.load(copy)


@pytest.mark.parametrize("key, value", [("hop", 256), ("base_channels", 128), ("small", True), ("sigma_rescale", 50.0)])
def test_config_that_contradicts_the_weights(copy, key, value):
    values = json.loads((copy / "config.json").read_text())
    replace(copy / "config.json", json.dumps({**values, key: value}).encode())
    with pytest.raises(UserError, match=f"config.json: {key} is {value}, but .* correct or delete it"):
        original.load(copy)


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe"])
def test_config_that_is_none(copy, content):
    replace(copy / "config.json", content)
    with pytest.raises(UserError, match="config.json: no JSON"):
        original.load(copy)


def test_bundle_folder_with_something_else(checkpoint, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UserError, match="exists and is no bundle; name a new folder"):
        original.save_bundle(checkpoint, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.long
def test_bundle_folder_that_cannot_be_made(checkpoint, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be made"):
        original.save_bundle(checkpoint, tmp_path / "file" / "bundle")


def test_expected_that_is_missing(tmp_path):
    with pytest.raises(UserError, match="expected.npz: missing; --parity needs one"):
        original.read_expected(tmp_path / "expected.npz")


def npy():
    file = io.BytesIO()
    np.save(file, np.zeros([4, 2], np.float32))
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK\3\4 no archive", npy()])
def test_expected_that_is_no_archive(tmp_path, content):
    (tmp_path / "expected.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"expected.npz: no .npz archive, or a damaged one \(.+\); --parity needs one"):
        original.read_expected(tmp_path / "expected.npz")


def test_expected_with_damaged_bytes(tmp_path):
    whole = (FIXTURES / "expected.npz").read_bytes()
    for start in range(0, len(whole), len(whole) // 50):
        replaced = bytes(byte ^ 0xFF for byte in whole[start : start + 40])
        (tmp_path / "expected.npz").write_bytes(whole[:start] + replaced + whole[start + 40 :])
        with pytest.raises(UserError, match="expected.npz: no .npz archive, or a damaged one"):
            original.read_expected(tmp_path / "expected.npz")


FOREIGN = [
    ("waveform", None, "waveform is missing"),
    ("waveform", lambda array: array.T, r"waveform has the shape \[2, 16576\] instead of \[\(64 n \+ 3\) \* 64, 2\]"),
    ("waveform", lambda array: array[:, 0], r"waveform has the shape \[16576\] instead of"),
    ("waveform", lambda array: array[:100], r"waveform has the shape \[100, 2\] instead of"),
    ("waveform", lambda array: array[:0], r"waveform has the shape \[0, 2\] instead of"),
    ("waveform", lambda array: array[: 35 * 64], r"waveform has the shape \[2240, 2\] instead of"),
    ("waveform", lambda array: array.astype(np.int16), "waveform holds int16 instead of float32"),
    ("waveform", lambda array: array * np.float32(np.nan), "waveform holds values that are no numbers"),
    ("waveform", lambda array: np.asarray(b"no array"), "waveform holds .* instead of float32"),
    (
        "coordinates",
        lambda array: array[:, :100],
        r"coordinates has the shape \[1, 100, 128\] instead of \[pieces, 256,",
    ),
    (
        "critic_input",
        lambda array: array[..., :32],
        r"critic_input .* \[2, 1, 256, 32\] instead of \[pieces, 1, 256, 128\]",
    ),
    ("critic_input", lambda array: array[:, 0], r"critic_input .* \[2, 256, 128\] instead of"),
    ("level1_latents", None, "level1_latents is missing"),
    ("level1_latents", lambda array: array[:0, 0, 0], r"level1_latents has the shape \[0\] instead of \[2, 256, 16\]"),
    ("latents", lambda array: array[:0], r"latents has the shape \[0, 128\] instead of \[16, 128\] or a part"),
    ("latents", lambda array: np.tile(array, 2), r"latents has the shape \[16, 256\] instead of"),
    ("critic_output", lambda array: array * np.float32(np.nan), "critic_output holds values that are no numbers"),
]


@pytest.mark.parametrize("name, change, message", FOREIGN)
def test_expected_of_something_else(networks, expected, name, change, message):
    foreign = {key: array for key, array in expected.items() if key != name}
    if change is not None:
        foreign[name] = change(expected[name])
    with pytest.raises(UserError, match=f"^{message}"):
        original.parity(*networks, foreign)


def test_a_shorter_waveform_will_do(networks, expected):
    names = ("latents", "decoded_waveform")
    cut = {"waveform": expected["waveform"][: 67 * 64], **{name: expected[name][:1] for name in names}}
    cut |= {name: expected[name][:, :16] for name in ("spectrogram", "level1_latents")}
    assert max(original.parity(*networks, {**expected, **cut}).values()) <= 1e-4


@pytest.mark.long
def test_program_names_the_file_of_a_foreign_array(copy, expected):
    (copy / "expected.npz").unlink()
    np.savez(copy / "expected.npz", **{**expected, "waveform": expected["waveform"].T})
    process = run_module(f"--checkpoint_dir={copy}", "--parity")
    assert process.returncode == 2
    assert process.stderr.splitlines() == [
        f"import_original.py: {copy / 'expected.npz'}: "
        "waveform has the shape [2, 16576] instead of [(64 n + 3) * 64, 2]; "
        "--parity needs one made by the published code from these weights"
    ]
    assert not process.stdout


def test_program_fails_in_one_line(tmp_path):
    process = run_module(f"--checkpoint_dir={tmp_path}", f"--bundle_dir={tmp_path / 'bundle'}")
    assert process.returncode == 2
    lines = process.stderr.strip().splitlines()
    assert "Traceback" not in process.stderr
    assert lines[-1].startswith("import_original.py:") and "enc.h5: missing" in lines[-1]
    assert not (tmp_path / "bundle").exists()
