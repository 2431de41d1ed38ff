"""VGGish's features and network against NumPy, at small widths; its weights are not there to be tested."""

import os

import numpy as np
import pytest
import tensorflow as tf

from musika_tf.errors import UserError
from musika_tf.evaluation import vggish
from musika_tf.evaluation.vggish import PATCH_SAMPLES, VGGish

RATE = 16_000


def sound(seconds, seed=0):
    """Tones and noise that come and go: float32 `[samples]` at 16 kHz."""
    t = np.arange(int(seconds * RATE)) / RATE
    noise = np.random.default_rng(seed).standard_normal(len(t))
    return (0.3 * np.sin(2 * np.pi * (200 + 900 * t) * t) + 0.1 * noise * np.sin(5 * t) ** 2).astype(np.float32)


def log_mel_by_hand(waveform):
    """25 ms and 10 ms at 16 kHz; HTK's mel, of which the triangles are straight; all in float64."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)

    def mel(hertz):
        return 1127 * np.log(1 + hertz / 700)

    edges = mel(125) + (mel(7500) - mel(125)) * np.arange(66) / 65
    rows = []
    for start in range(0, len(waveform) - 399, 160):
        spectrum = np.abs(np.fft.fft(waveform[start : start + 400].astype(np.float64) * window, 512))
        bands = np.zeros(64)
        for k in range(1, 257):
            at = mel(k * RATE / 512)
            for i in range(64):
                rise = (at - edges[i]) / (edges[i + 1] - edges[i])
                fall = (edges[i + 2] - at) / (edges[i + 2] - edges[i + 1])
                bands[i] += spectrum[k] * max(0.0, min(rise, fall))
        rows.append(np.log(bands + 0.01))
    return np.array(rows)


def test_log_mel_equals_hand_arithmetic():
    waveform = sound(2)[RATE // 2 : RATE // 2 + 400 + 4 * 160]  # five frames; the rest of the patch is silent
    patch = np.pad(waveform, (0, PATCH_SAMPLES - len(waveform)))
    found = vggish.log_mel(patch[None]).numpy()
    assert found.shape == (1, 96, 64)
    np.testing.assert_allclose(found[0, :5], log_mel_by_hand(waveform), atol=2e-4)
    np.testing.assert_allclose(found[0, 8:], np.log(0.01), atol=1e-6)
    assert np.ptp(found[0, :5]) > 3


def test_published_sizes():
    shapes = vggish.shapes()
    assert shapes["vggish/conv1/weights"] == (3, 3, 1, 64) and shapes["vggish/conv3/conv3_2/biases"] == (256,)
    assert shapes["vggish/fc1/fc1_1/weights"] == (12288, 4096) and shapes["vggish/fc2/weights"] == (4096, 128)
    assert sum(np.prod(shape) for shape in shapes.values()) == 72_141_184


@pytest.mark.skipif("VGGISH" not in os.environ, reason="VGGISH=PATH names the published weights, 288 MB")
def test_published_weights_give_the_published_numbers():
    """Of three seconds of 1 kHz, by vggish_smoke_test.py: within a tenth."""
    features = VGGish.load(os.environ["VGGISH"])(np.sin(2 * np.pi * 1000 * np.arange(3 * RATE) / RATE), 0.96)
    np.testing.assert_allclose([features.mean(), features.std()], [-0.0333, 0.380], rtol=0.1)


@pytest.fixture(scope="module")
def narrow():
    """The network with few filters and 128 features."""
    patch = pytest.MonkeyPatch()
    patch.setattr(vggish, "CONVOLUTIONS", {name: i + 2 for i, name in enumerate(vggish.CONVOLUTIONS)})
    patch.setattr(vggish, "DENSE", {"fc1/fc1_1": 9, "fc1/fc1_2": 8, "fc2": 128})
    yield
    patch.undo()


@pytest.fixture(scope="module")
def variables(narrow):
    rng = np.random.default_rng(0)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]) or 1)).astype(np.float32)
        for name, shape in vggish.shapes().items()
    }


@pytest.fixture(scope="module")
def network(variables):
    return VGGish(vggish.from_variables(variables), "0")


def by_numpy(patch, variables):
    """Features `[128]` of a log-mel patch `[96, 64]`."""
    x = patch[..., None].astype(np.float64)
    for name in ("conv1", "pool", "conv2", "pool", "conv3/conv3_1", "conv3/conv3_2", "pool", "conv4/conv4_1",
                 "conv4/conv4_2", "pool"):  # fmt: skip
        if name == "pool":
            x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
            continue
        padded, kernel = np.pad(x, [(1, 1), (1, 1), (0, 0)]), variables[f"vggish/{name}/weights"]
        x = sum(
            padded[i : i + x.shape[0], j : j + x.shape[1]] @ kernel[i, j] for i in range(3) for j in range(3)
        )  # fmt: skip
        x = np.maximum(x + variables[f"vggish/{name}/biases"], 0)
    x = x.ravel()
    for name in ("fc1/fc1_1", "fc1/fc1_2", "fc2"):
        x = x @ variables[f"vggish/{name}/weights"] + variables[f"vggish/{name}/biases"]
        x = np.maximum(x, 0) if name != "fc2" else x
    return x


def test_network_equals_numpy(network, variables):
    waveform = sound(3.2)
    found = network(waveform)
    patches = [waveform[i * RATE : i * RATE + PATCH_SAMPLES] for i in range(3)]
    expected = [by_numpy(vggish.log_mel(patch[None])[0].numpy(), variables) for patch in patches]
    assert found.shape == (3, 128) and found.dtype == np.float32 and (found < 0).any()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    with_relu = VGGish(network._run, "0", relu=True)
    np.testing.assert_array_equal(with_relu(waveform), np.maximum(found, 0))
    assert with_relu.name != network.name


@pytest.mark.parametrize("hop_seconds", [0.25, 0.975, 1.0, 1.7])
@pytest.mark.parametrize("lengths", [[RATE * 30], [7, 100_000, 250_000, 400, 130_000]])
def test_patches_of_a_stream(network, hop_seconds, lengths, monkeypatch):
    monkeypatch.setattr(vggish, "_BATCH_PATCHES", 3)
    waveform, hop = sound(sum(lengths) / RATE), round(hop_seconds * RATE)
    starts = range(0, len(waveform) - PATCH_SAMPLES + 1, hop)
    heard = []
    as_they_are = VGGish(lambda patches: heard.append(len(patches)) or patches[:, :128], "0")
    found = as_they_are.listen(np.split(waveform, np.cumsum(lengths)[:-1]), hop_seconds)
    np.testing.assert_array_equal(found, [waveform[i : i + 128] for i in starts])
    assert max(heard) <= 3


@pytest.mark.parametrize(("n_samples", "n_patches"), [(15_600, 1), (31_599, 1), (31_600, 2)])
def test_how_many_patches(network, n_samples, n_patches):
    assert len(network(np.zeros(n_samples))) == n_patches


def test_rejects_short_and_broken_audio(network):
    with pytest.raises(ValueError, match=r"needs 0.975 s of audio, got 0.900 s"):
        network(np.zeros(14_400))
    with pytest.raises(ValueError, match="not finite"):
        network(np.full(RATE, np.nan))


def save_checkpoint(prefix, variables, version=tf.compat.v1.train.SaverDef.V2):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, value in variables.items():
            tf.compat.v1.get_variable(name, initializer=value)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver(write_version=version).save(session, str(prefix), write_meta_graph=False)
    return prefix


class Published(tf.Module):
    """As the exported SavedModel: a waveform `[samples]`, patches of 0.96 s side by side."""

    def __init__(self, variables, size=128):
        super().__init__()
        self.weights = [tf.Variable(value) for value in variables.values()]
        self.run, self.size = vggish.from_variables(variables), size

    @tf.function(input_signature=[tf.TensorSpec([None])])
    def __call__(self, waveform):
        return self.run(tf.signal.frame(waveform, PATCH_SAMPLES, 15_360))[:, : self.size]


@pytest.mark.parametrize("version", ["V1", "V2"])  # the published file is of version 1
def test_reads_checkpoints(tmp_path, variables, network, version):
    folder = tmp_path / "[1]"
    folder.mkdir()
    more = {**variables, "vggish/global_step": np.float32(3)}
    path = save_checkpoint(folder / "vggish_model.ckpt", more, getattr(tf.compat.v1.train.SaverDef, version))
    loaded = VGGish.load(path)
    np.testing.assert_array_equal(loaded(sound(2)), network(sound(2)))
    other = {**variables, "vggish/fc2/biases": variables["vggish/fc2/biases"] + 1}
    assert loaded.name == VGGish.load(str(path)).name
    assert loaded.name != VGGish.load(save_checkpoint(tmp_path / "b.ckpt", other)).name


def test_reads_saved_models(tmp_path, variables, network):
    tf.saved_model.save(Published(variables), str(tmp_path / "hub"))
    loaded = VGGish.load(tmp_path / "hub")
    np.testing.assert_allclose(loaded(sound(3.5)), network(sound(3.5)), atol=1e-5)
    assert loaded.name.startswith("vggish-") and loaded.name == VGGish.load(tmp_path / "hub").name


WANTED = "; give vggish_model.ckpt, or the folder of TensorFlow Hub's SavedModel google/vggish/1"


def refused(path):
    with pytest.raises(UserError) as caught:
        VGGish.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and message.endswith(WANTED) and "\n" not in message
    return message


def test_what_is_not_vggish_is_named(tmp_path, variables):
    assert "no such file or folder" in refused(tmp_path / "gone.ckpt")
    assert "no saved_model.pb in this folder" in refused(tmp_path)
    (tmp_path / "text.ckpt").write_text("no checkpoint")
    assert "can't be read as a checkpoint" in refused(tmp_path / "text.ckpt")
    foreign = save_checkpoint(tmp_path / "foreign.ckpt", {"dense/kernel": np.zeros([2, 2], np.float32)})
    assert "not VGGish's checkpoint, vggish/conv1/weights is missing" in refused(foreign)
    wide = {**variables, "vggish/conv2/weights": np.zeros([3, 3, 2, 9], np.float32)}
    message = refused(save_checkpoint(tmp_path / "wide.ckpt", wide))
    assert "vggish/conv2/weights is of shape (3, 3, 2, 9), not (3, 3, 2, 3)" in message


def test_saved_models_of_others_are_named(tmp_path, variables):
    tf.saved_model.save(Published(variables, size=64), str(tmp_path / "small"))
    assert "gives shape (1, 64) for a patch, not (1, 128)" in refused(tmp_path / "small")
    tf.saved_model.save(tf.Module(), str(tmp_path / "empty"))
    assert "can't be used as VGGish" in refused(tmp_path / "empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "saved_model.pb").write_bytes(b"\xff" * 99)
    assert "can't be used as VGGish" in refused(tmp_path / "broken")
