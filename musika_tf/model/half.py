"""bfloat16 while music is rendered: the convolutions of a stored graph in half precision, all else in float32.

Everything that sounds by small differences stays as it is: coordinates, signals, noise, matrix products, stereo, the
inverse STFT, the limiter. Only networks have convolutions, and of these the operands alone are rounded::

    x float32 ----\\                                      x -- Cast --\\
                   Conv2D -- y float32       becomes                  Conv2D -- Cast -- y float32
    kernel -------/                                 kernel -- Cast --/

TensorFlow's own rewrite (auto_mixed_precision_onednn_bfloat16) takes matrix products of the stereo too, and computes
activations in bfloat16, which is slower than in float32: measured in docs/performance.md.
"""

from tensorflow.core.framework import types_pb2

_FULL, _HALF = types_pb2.DT_FLOAT, types_pb2.DT_BFLOAT16


def rewrite(graph_def):
    """Makes the convolutions of a GraphDef's functions compute in bfloat16; returns how many."""
    return sum(map(_rewrite, graph_def.library.function))


def _rewrite(function):
    """The same of one FunctionDef."""
    convolutions = [node for node in function.node_def if node.op == "Conv2D" and node.attr["T"].type == _FULL]
    results = {}
    for node in convolutions:
        node.attr["T"].type = _HALF
        for i, operand in enumerate(node.input[:2]):
            node.input[i] = _cast(function, f"{node.name}/half{i}", operand, _FULL, _HALF)
        results[f"{node.name}:output:0"] = node.name
    users = [node for node in function.node_def if any(name in results for name in node.input)]
    full = {
        output: _cast(function, f"{name}/full", output, _HALF, _FULL) for output, name in results.items()
    }  # after `users`: the casts themselves read what they cast
    for node in users:
        for i, name in enumerate(node.input):
            node.input[i] = full.get(name, name)
    for key, name in function.ret.items():
        function.ret[key] = full.get(name, name)
    return len(convolutions)


def _cast(function, name, operand, from_type, to_type):
    """Adds a Cast to a FunctionDef; returns the name of its output."""
    node = function.node_def.add(name=name, op="Cast", input=[operand])
    node.attr["SrcT"].type, node.attr["DstT"].type = from_type, to_type
    node.attr["Truncate"].b = False
    return f"{name}:y:0"
