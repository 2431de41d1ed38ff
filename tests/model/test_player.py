"""A Player renders what its SavedModel does, from a part of the graph; the rest is there when it is asked for."""

import shutil

import numpy as np
import pytest
import tensorflow as tf
import tiny
from tensorflow.core.protobuf import saved_model_pb2

from musika_tf.errors import UserError
from musika_tf.model import bundle, player

ASKED = {
    "seed": np.int64(5),
    "style_seeds": np.array([6, 7], np.int64),
    "style_weights": np.array([[1.0, 2.0], [3.0, 1.0]], np.float32),
    "loop_latents": np.float64(150.5),
    "truncation": np.float32(2.0),
    "conditioning": np.zeros([0, 0], np.float32),
    "curve_start": np.int64(100),
    "first_latent": np.int64(140),
    "n_latents": np.int32(20),
}


def test_it_renders_what_the_savedmodel_does_and_has_its_other_functions(folder):
    loaded, _ = bundle.load(folder)
    whole = tf.saved_model.load(str(folder))
    rendered = loaded.render(**ASKED)
    expected = whole.signatures["render"](**{name: tf.constant(value) for name, value in ASKED.items()})["waveform"]
    assert rendered.dtype == np.float32 and np.abs(rendered).max() > 0.01
    np.testing.assert_allclose(rendered, expected, atol=1e-5)
    np.testing.assert_array_equal(loaded.render(**{name: tf.constant(x) for name, x in ASKED.items()}), rendered)
    assert "_all" not in vars(loaded)
    waveform = tiny.normal(600, 2)
    np.testing.assert_array_equal(loaded.encode(waveform), whole.encode(waveform))
    assert sorted(loaded.signatures) == sorted(whole.signatures)
    with pytest.raises(AttributeError):
        loaded.sing  # noqa: B018


def read(folder):
    return saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())


def test_it_takes_no_more_of_the_graph_than_it_needs(folder):
    stored = read(folder).meta_graphs[0]
    output = stored.signature_def["render"].outputs["waveform"].name
    part = player._part(stored.graph_def, output, stored.saver_def.restore_op_name)
    names = " ".join(function.signature.name for function in part.library.function)
    assert "frames" in names and "restore" in names
    assert not any(name in names for name in ("encode", "decode_", "signals", "traced_save"))
    kept = [sum(len(f.node_def) for f in graph.library.function) for graph in (part, stored.graph_def)]
    assert kept[0] < 0.7 * kept[1]


def without_signature(stored):
    del stored.signature_def["render"]


def without_function(stored):
    root = stored.object_graph_def.nodes[0]
    del root.children[next(i for i, child in enumerate(root.children) if child.local_name == "signals")]


def without_nodes(stored):
    del stored.graph_def.node[:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_signature, "lacks the signature render"),
        (without_function, "lacks signals"),
        (without_nodes, ""),
    ],
)
def test_what_is_left_of_a_graph_is_damaged(folder, tmp_path, change, message):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    saved = read(folder)
    change(saved.meta_graphs[0])
    (copy / "saved_model.pb").write_bytes(saved.SerializeToString())
    with pytest.raises(UserError, match=f"^--bundle_dir={copy}: damaged .*{message}"):
        bundle.load(copy)
