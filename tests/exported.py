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


def example(name):
    """A program of examples/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
