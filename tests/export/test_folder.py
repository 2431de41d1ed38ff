"""What `musika-tf export` writes: the networks of the bundle in both formats, and all that a player must know."""

import json
import sys

import exported
import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.errors import UserError
from musika_tf.export import description, folder, networks, onnx_format

player = exported.example("numpy_player")
FORMATS = [pytest.param("onnx", marks=exported.needs_onnx), pytest.param("litert", marks=exported.needs_litert)]


def steerable_networks():
    return networks.of(tiny.autoencoder(), tiny.gan(n_conditioning=14))


@pytest.mark.long
@pytest.mark.parametrize("file_format", FORMATS)
def test_networks_give_what_they_give_in_tensorflow(file_format, exported_steerable):
    path = exported_steerable(file_format)
    described = json.loads((path / description.FILE).read_text())["networks"]
    assert {p.name for p in path.iterdir()} == {"player.json", *(facts["file"] for facts in described.values())}
    assert list(described) == ["generator", "decoder2", "decoder1", "encoder1", "encoder2"]
    for network in steerable_networks():
        facts = described[network.name]
        assert facts["inputs"] == network.inputs
        inputs = [0.3 * tiny.normal(*shape, seed=i) for i, shape in enumerate(network.inputs.values())]
        expected = network.function(*map(tf.constant, inputs))
        given = player.network(path / facts["file"], facts["inputs"], facts["outputs"])(*inputs)
        for name, values in zip(facts["outputs"], given, strict=True):
            np.testing.assert_allclose(values, expected[name], atol=1e-4, err_msg=f"{network.name} {name}")


def test_a_refiner_is_a_network_and_a_key():
    made = networks.of(tiny.autoencoder(), tiny.refining(n_conditioning=14))
    assert [network.name for network in made[:3]] == ["generator", "refiner", "decoder2"]
    span, margin = tiny.GAN.window * 3 // 2, tiny.GAN.window // 4
    size = tiny.AUTOENCODER.latent_channels
    assert made[1].inputs == {"latents": [1, span, size], "noise": [1, span, size], "conditioning": [1, span, 14]}
    metadata, conditioner = {"conditioning": tiny.steerable().metadata()}, tiny.steerable()
    for gan, expected in ((tiny.refining(14), {"margin": margin}), (tiny.gan(n_conditioning=14), None)):
        described = description.describe(metadata, {}, tiny.autoencoder(), gan, conditioner)
        assert described.get("refiner") == expected


@pytest.mark.long
@pytest.mark.parametrize("file_format", FORMATS)
def test_a_refiner_without_conditioning_takes_latents_and_noise(file_format, tmp_path):
    gan = tiny.refining()
    network = networks.of(tiny.autoencoder(), gan)[1]
    assert list(network.inputs) == ["latents", "noise"]
    converter = folder.FORMATS[file_format]
    (tmp_path / f"refiner{converter.SUFFIX}").write_bytes(converter.convert(network))
    latents = 3 * tiny.normal(*network.inputs["latents"])
    refine = player.network(tmp_path / f"refiner{converter.SUFFIX}", network.inputs, network.outputs)
    noise = tiny.normal(*latents.shape, seed=1)
    expected = gan.refiner.refine(latents, noise, np.zeros([*latents.shape[:2], 0], np.float32))
    np.testing.assert_allclose(refine(latents, noise)[0], expected, atol=1e-4)


@exported.needs_onnx
def test_weights_that_half_precision_holds_are_stored_in_it():
    from onnx import TensorProto, helper, numpy_helper

    exact, other = np.arange(300, dtype=np.float32), np.linspace(0, 1, 300, dtype=np.float32)
    weights = [numpy_helper.from_array(x, name) for name, x in (("exact", exact), ("other", other))]
    node = helper.make_node("Add", ["exact", "other"], ["sum"])
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("sum", 1, [300])], weights)
    onnx_format.store_in_half(graph)
    assert [x.data_type for x in graph.initializer] == [TensorProto.FLOAT16, TensorProto.FLOAT]
    assert [n.op_type for n in graph.node] == ["Cast", "Add"] and graph.node[0].output == ["exact"]
    np.testing.assert_array_equal(numpy_helper.to_array(graph.initializer[0]), exact)


def test_of_an_autoencoder_alone_there_are_four_networks():
    made = networks.of(tiny.autoencoder(tiny.STACKED))
    assert [network.name for network in made] == ["decoder2", "decoder1", "encoder1", "encoder2"]
    files = {network.name: network for network in made}
    described = description.describe({"name": "alone"}, files, tiny.autoencoder(tiny.STACKED))
    assert described["stereo"] == {"layout": "stacked"} and "window" not in described
    assert json.loads(json.dumps(described)) == described


def test_what_is_there_stays(tmp_path):
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match="mine: exists; name a new folder"):
        folder.export(tmp_path / "bundle", tmp_path / "mine", "litert")


def test_nothing_is_left_where_a_converter_fails(tmp_path, monkeypatch, steerable):
    def full(network):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder.litert_format, "convert", full)
    with pytest.raises(UserError, match="--export_dir=.*new: can't be written .No space left on device.; make room"):
        folder.export(steerable, tmp_path / "new", "litert")
    assert not list(tmp_path.iterdir())


def test_a_missing_converter_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(UserError, match="--format=onnx: needs tf2onnx and onnx"):
        folder.export(tmp_path / "bundle", tmp_path / "new", "onnx")
