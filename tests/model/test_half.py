"""bfloat16: the convolutions compute in it and nothing else does, and the laws of rendering hold within it."""

import collections
import functools

import numpy as np
import pytest
import tensorflow as tf
import tiny
from google.protobuf import text_format
from tensorflow.core.protobuf import saved_model_pb2

from musika_tf import processor
from musika_tf.errors import UserError
from musika_tf.generate import rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan
from musika_tf.model import bundle, half, player
from musika_tf.model.codec import Codec

RATE = 44_100
REASON = processor.lacks_bfloat16()
fast = pytest.mark.skipif(REASON is not None, reason=str(REASON))
PIECE = Piece(5, StylePlan.constant(6), 1000, 3 * RATE)


def operations(graph_def):
    """Counter of (operation, type) in the functions of a GraphDef."""
    nodes = [node for function in graph_def.library.function for node in function.node_def]
    return collections.Counter((node.op, node.attr["T"].type if "T" in node.attr else None) for node in nodes)


@pytest.fixture
def part(folder):
    """What a Player takes of a stored graph."""
    stored = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes()).meta_graphs[0]
    output = stored.signature_def["render"].outputs["waveform"].name
    return player._part(stored.graph_def, output, stored.saver_def.restore_op_name)


def test_the_convolutions_change_and_nothing_else(part):
    before = operations(part)
    count = half.rewrite(part)
    after, full, bfloat16 = operations(part), tf.float32.as_datatype_enum, tf.bfloat16.as_datatype_enum
    assert count == before["Conv2D", full] == after["Conv2D", bfloat16] > 20 and not after["Conv2D", full]
    assert after["Cast", None] == before["Cast", None] + 3 * count
    unchanged = [key for key in before if key not in (("Conv2D", full), ("Cast", None))]
    assert [after[key] for key in unchanged] == [before[key] for key in unchanged]
    assert half.rewrite(part) == 0


def rewritten(function, *specs):
    """`function`, which a graph calls, with its convolutions in bfloat16."""
    inner = tf.function(function, input_signature=specs, autograph=False)
    outer = tf.function(lambda *args: inner(*args), input_signature=specs, autograph=False).get_concrete_function()
    graph_def = outer.graph.as_graph_def()
    assert half.rewrite(graph_def)
    text = str(graph_def)
    for known in graph_def.library.function:  # TensorFlow has functions of these names already
        text = text.replace(f'"{known.signature.name}"', f'"{known.signature.name}_half"')
    graph_def = text_format.Parse(text, tf.compat.v1.GraphDef())
    names = [tensor.name for tensor in outer.inputs]
    wrapped = tf.compat.v1.wrap_function(functools.partial(tf.graph_util.import_graph_def, graph_def, name=""), [])
    pruned = wrapped.prune(names, outer.outputs[0].name)
    captured = [value for value, _ in outer.graph.captures]
    return lambda *args: pruned(*map(tf.constant, args), *captured).numpy()


@fast
def test_it_is_the_convolution_of_rounded_operands_rounded():
    x, kernel, bias = tiny.normal(2, 30, 16), tiny.normal(3, 16, 32, seed=1), tiny.normal(32, seed=2)

    def function(x):
        return tf.nn.conv1d(x, tf.constant(kernel), 1, "SAME") + bias

    def rounded(x):
        return tf.cast(tf.cast(x, tf.bfloat16), tf.float32)

    products = tf.nn.conv1d(rounded(x), rounded(kernel), 1, "SAME")
    given = rewritten(function, tf.TensorSpec([2, 30, 16]))(x)
    np.testing.assert_allclose(given - bias, products, rtol=2**-8, atol=1e-4)
    assert np.abs(given - bias - rounded(given - bias)).max() < 1e-5  # the result is rounded, the sum is not
    assert np.abs(given - function(x)).max() > 1e-3


@pytest.fixture(scope="module")
def models(folder):
    """The bundle in float32 and in bfloat16, and its metadata."""
    (full, metadata), (rounded, _) = bundle.load(folder), bundle.load(folder, "bfloat16")
    return full, rounded, metadata


@fast
def test_the_music_differs_by_the_rounding(models):
    full, rounded, metadata = models
    expected, given = (np.concatenate(list(rendering.waveforms(m, metadata, PIECE))) for m in (full, rounded))
    share = np.sqrt(np.mean((given - expected) ** 2) / np.mean(expected**2))
    assert given.shape == expected.shape and 1e-4 < share < 0.1
    waveform = tiny.normal(600, 2)
    np.testing.assert_array_equal(rounded.encode(waveform), full.encode(waveform))  # in float32, as ever


@fast
@pytest.mark.parametrize(("start", "n"), [(1000, 1), (1511, 2), (60_000, 54_321), (130_000, 99)])
def test_a_range_equals_the_same_range_of_the_whole(models, start, n):
    _, rounded, metadata = models
    whole = np.concatenate(list(rendering.waveforms(rounded, metadata, PIECE)))
    given = rendering.Renderer(rounded, metadata, PIECE).range(start, start + n)
    np.testing.assert_allclose(given, whole[start - 1000 : start - 1000 + n], atol=1e-5)


@fast
@pytest.mark.parametrize("config", [tiny.AUTOENCODER, tiny.STACKED], ids=lambda config: config.stereo)
def test_mono_stays_mono_and_exchanged_sides_are_exchanged(config):
    path = Codec(tiny.autoencoder(config))
    n = 3 * config.window_latents
    decode = rewritten(lambda latents: path.decode(latents, 1, 1.0), tf.TensorSpec([n, config.latent_channels]))
    if config.stereo == "stacked":  # what decorrelates parametric stereo has its own left and right
        latents = np.tanh(tiny.normal(n, config.latent_channels))
        waveform = decode(latents)
        exchanged = decode(np.asarray(path.stereo.mirror(latents)))
        np.testing.assert_allclose(exchanged, waveform[:, ::-1], atol=1e-5 * np.abs(waveform).max())
    mono = decode(path.encode(np.repeat(tiny.normal(n * config.samples_per_latent, 1) / 10, 2, axis=1)).numpy())
    np.testing.assert_allclose(mono[:, 0], mono[:, 1], atol=1e-5 * np.abs(mono).max())


@pytest.mark.parametrize(
    ("flags", "environment", "said"),
    [
        ("fpu avx512f avx512_bf16", {}, None),
        ("fpu amx_bf16", {"ONEDNN_MAX_CPU_ISA": "avx512_core_bf16"}, None),
        ("fpu avx512_bf16", {"TF_ENABLE_ONEDNN_OPTS": "1", "ONEDNN_MAX_CPU_ISA": "ALL"}, None),
        ("fpu avx2 avx512f", {}, "neither AVX512_BF16 nor AMX"),
        ("", {}, "neither AVX512_BF16 nor AMX"),
        ("fpu avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "ONEDNN_MAX_CPU_ISA=AVX2 hides"),
        ("fpu avx512_bf16", {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}, "ONEDNN_MAX_CPU_ISA=AVX512_CORE hides"),
        ("fpu avx512_bf16", {"TF_ENABLE_ONEDNN_OPTS": "0"}, "TF_ENABLE_ONEDNN_OPTS=0 switches off"),
    ],
)
def test_bfloat16_is_for_processors_that_have_it(monkeypatch, flags, environment, said):
    monkeypatch.setattr(processor, "facts", lambda: {"flags": flags})
    for name in ("ONEDNN_MAX_CPU_ISA", "TF_ENABLE_ONEDNN_OPTS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    processor.check_precision("float32")
    if said is None:
        processor.check_precision("bfloat16")
        return
    with pytest.raises(UserError, match=f"^--precision=bfloat16: .*{said}.*; leave it out, for float32$"):
        processor.check_precision("bfloat16")


def test_the_precisions_are_listed():
    with pytest.raises(UserError, match="^--precision=float16: give float32 or bfloat16$"):
        bundle.load("models/none", "float16")


def test_a_gpu_is_refused(folder, monkeypatch):
    monkeypatch.setattr(processor, "facts", lambda: {"flags": "avx512_bf16"})
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU:0"])
    with pytest.raises(UserError, match="^--precision=bfloat16: .*leave it out, or hide the GPU"):
        bundle.load(folder, "bfloat16")
