"""A network as ONNX, by tf2onnx."""

import logging
import os

import numpy as np

from musika_tf.errors import UserError
from musika_tf.native import silent_stderr

SUFFIX = ".onnx"
EXTRA = "pip install -e '.[export]'"
_OPSET = 17  # of 2022: ONNX Runtime from 1.12 on, and onnxruntime-web
_SMALLEST = 256  # numbers of a tensor that is worth a cast


def check():
    """UserError where the converter is not installed."""
    try:
        import onnx  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise UserError(f"--format=onnx: needs tf2onnx and onnx ({EXTRA})") from error


def convert(network):
    """The bytes of a Network's file. Weights that half precision holds exactly are stored so, at half the size."""
    import tf2onnx
    from tf2onnx import constants

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    # A pass that fails is an error: else each works on a copy of the graph, which takes as long again.
    os.environ.setdefault(constants.ENV_TF2ONNX_CATCH_ERRORS, "FALSE")
    function = network.function
    with silent_stderr():  # native code tells of devices
        model, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=_OPSET)
    store_in_half(model.graph)
    return model.SerializeToString()


def store_in_half(graph):
    """Makes tensors of float32 that are exactly float16 ones such, each with a node that casts it back."""
    from onnx import TensorProto, helper, numpy_helper

    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < _SMALLEST or not np.array_equal(values, half):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
