"""A bundle that plays: `render` straight from the stored graph, so that music begins soon after TensorFlow is imported.

`tf.saved_model.load` makes Python functions of all that a SavedModel holds, which takes longer than the first second of
music. `render` needs a few of them, and TensorFlow's runtime takes these as they are stored::

    saved_model.pb    encode   decode   generator   coordinates   generate   signals   render
                                                                                         |
                                                      what render and the variables need, in a Session
"""

import contextlib
import functools

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from musika_tf.errors import UserError
from musika_tf.model import half

_RENDER, _OUTPUT = "render", "waveform"
# What TensorFlow does to a graph before its first run took most of the time to the first sound, and on a CPU made no
# chunk faster. Functions have to be inlined; the rest is switched off.
_REWRITES = (
    "arithmetic_optimization", "common_subgraph_elimination", "constant_folding", "dependency_optimization",
    "implementation_selector", "layout_optimizer", "loop_optimization", "remapping", "shape_optimization",
)  # fmt: skip


class Player:
    """A loaded bundle that generates: `render`, and all else that its SavedModel has, loaded when it is asked for.

    Args:
      folder: the bundle's, as TensorFlow reads it.
      names: functions that it must have.
      load_all: function to the SavedModel.
      precision: what `render` computes its convolutions in, one of `processor.PRECISIONS`; all else is float32.

    Raises:
      UserError: bfloat16 is asked for on a GPU.
      ValueError, LookupError, OSError, tf.errors.OpError: parts of it are missing or damaged.
    """

    def __init__(self, folder, names, load_all, precision="float32"):
        if precision == "bfloat16" and tf.config.list_physical_devices("GPU"):
            raise UserError(
                f"--precision={precision}: is for processors, and TensorFlow computes on a GPU here; leave it out, or "
                "hide the GPU with CUDA_VISIBLE_DEVICES=-1"
            )
        stored = _read(f"{folder}/saved_model.pb")
        known = {child.local_name for child in stored.object_graph_def.nodes[0].children}
        missing = [name for name in names if name not in known]
        if _RENDER not in stored.signature_def:
            missing.append(f"the signature {_RENDER}")
        if missing:
            raise ValueError(f"lacks {', '.join(missing)}")
        signature, saver = stored.signature_def[_RENDER], stored.saver_def
        self._load_all, self._steps = load_all, None
        self._inputs, self._output = signature.inputs, signature.outputs[_OUTPUT].name
        part = _part(stored.graph_def, self._output, saver.restore_op_name)
        if precision == "bfloat16":
            half.rewrite(part)
        graph = tf.Graph()
        with graph.as_default():
            tf.graph_util.import_graph_def(part, name="")
        self._session = tf.compat.v1.Session(graph=graph, config=_options())
        prefix = {saver.filename_tensor_name: f"{folder}/variables/variables"}
        self._session.run(saver.restore_op_name, prefix)

    def render(self, **arguments):
        """`Line.render` of a Course field by field: arrays by name -> float32 `[n_latents * samples_per_latent, 2]`."""
        feed = {
            self._inputs[name].name: np.asarray(value, tf.as_dtype(self._inputs[name].dtype).as_numpy_dtype)
            for name, value in arguments.items()
        }
        if self._steps is None:
            return self._session.run(self._output, feed)
        options, metadata = tf.compat.v1.RunOptions(), tf.compat.v1.RunMetadata()
        options.trace_level = options.FULL_TRACE
        waveform = self._session.run(self._output, feed, options, metadata)
        self._steps.append(metadata.step_stats)
        return waveform

    @contextlib.contextmanager
    def traced(self):
        """While entered, calls of `render` are traced; yields the list of their StepStats."""
        self._steps = []
        try:
            yield self._steps
        finally:
            self._steps = None

    @functools.cached_property
    def _all(self):
        return self._load_all()

    def __getattr__(self, name):
        if name.startswith("_"):  # whatever is asked before there is anything
            raise AttributeError(name)
        return getattr(self._all, name)


def _read(path):
    """The MetaGraphDef of a SavedModel."""
    with open(path, "rb") as file:
        content = file.read()
    try:
        return saved_model_pb2.SavedModel.FromString(content).meta_graphs[0]
    except DecodeError as error:
        raise ValueError(f"saved_model.pb: {error}") from error


def _part(graph_def, *outputs):
    """What these outputs need of a graph: nodes, and functions of its library."""
    nodes = {node.name: node for node in graph_def.node}
    library = {function.signature.name: function for function in graph_def.library.function}
    part = tf.compat.v1.GraphDef(versions=graph_def.versions)
    part.node.extend(
        _reached([_node(name) for name in outputs], nodes, lambda node: [_node(name) for name in node.input])
    )
    called = [name for node in part.node for name in _called(node) if name in library]
    part.library.function.extend(
        _reached(called, library, lambda f: [n for node in f.node_def for n in _called(node) if n in library])
    )
    return part


def _reached(names, known, following):
    """The values of `known`, by name, that can be reached from some of them."""
    found, waiting = {}, list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = known[name]
            waiting += following(found[name])
    return found.values()


def _node(name):
    """The node of an input, which may name one of its outputs, or be a control input."""
    return name.removeprefix("^").partition(":")[0]


def _called(node):
    """The names of the functions that a node calls."""
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _options():
    """The options of a Session: threads as the program has set them, and few rewrites but on GPUs, whose layouts
    depend on them."""
    threads = tf.config.threading
    options = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=threads.get_intra_op_parallelism_threads(),
        inter_op_parallelism_threads=threads.get_inter_op_parallelism_threads(),
    )
    if not tf.config.list_physical_devices("GPU"):
        options.graph_options.optimizer_options.opt_level = tf.compat.v1.OptimizerOptions.L0
        rewrites = options.graph_options.rewrite_options
        for name in _REWRITES:
            setattr(rewrites, name, rewrites.OFF)
        rewrites.memory_optimization = rewrites.NO_MEM_OPT
        rewrites.meta_optimizer_iterations = rewrites.ONE
        rewrites.disable_tfg_optimizer = True
    return options
