"""Exported tiny networks, for the tests of what plays them; and which runtimes are here."""

import importlib.util

import pytest
from paths import ROOT


def _missing(*modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


def _needs(*modules):
    return pytest.mark.skipif(bool(_missing(*modules)), reason=f"{', '.join(_missing(*modules))} not installed")


needs_onnx = _needs("onnx", "tf2onnx", "onnxruntime")
needs_litert = _needs("ai_edge_litert")


def rendered(folder, seed, n_latents):
    """What the bundle in a folder makes of the first latents of a piece, float32 `[samples, 2]`."""
    import tensorflow as tf
    import tiny

    seed, first = tf.constant(seed, tf.int64), tf.constant(0, tf.int64)
    generate = tiny.load(folder)[0].generate
    return generate(seed, seed, first, tf.constant(n_latents), tf.constant(2.0), tf.zeros([0, 0])).numpy()


def refining(tmp_path_factory, file_format="onnx"):
    """The folders of a bundle like `steerable` that has a refiner, and of what `folder.export` makes of it."""
    import conftest
    import tiny

    from musika_tf.export import folder
    from musika_tf.model import bundle

    def save(path):
        bundle.save(path, tiny.autoencoder(), tiny.refining(n_conditioning=14), tiny.steerable(), name="refining")

    made = conftest.made_for_all(tmp_path_factory, "refining", save)
    name = f"refining-{file_format}"
    return made, conftest.made_for_all(tmp_path_factory, name, lambda path: folder.export(made, path, file_format))


def example(name):
    """A program of examples/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
