"""Which processes benchmarks/kernels.py compares, and how."""

import pytest

from benchmarks import kernels


def test_each_kernel_is_asked_for_in_the_environment(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX")
    newest, older = (kernels.environment(kernels.EIGEN, name) for name in ("newest", "AVX2"))
    assert newest["TF_ENABLE_ONEDNN_OPTS"] == older["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert "ONEDNN_MAX_CPU_ISA" not in newest and older["ONEDNN_MAX_CPU_ISA"] == "AVX2"
    assert kernels.environment("oneDNN", "newest")["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_ratios_are_of_the_same_round():
    eigen, onednn = kernels.rows({("AVX2", "mini: GAN"): {"Eigen": [2.0, 4.0, 9.0], "oneDNN": [1.0, 4.0, 3.0]}})
    assert eigen["times_as_fast"] == [1.0, 1.0, 1.0] and eigen["cpu_seconds"] == [4.0, 2.0, 9.0]
    assert onednn["times_as_fast"] == pytest.approx([2.0, 1.0, 3.0]) and onednn["kernels"] == "oneDNN"
    assert (onednn["step"], onednn["instructions"]) == ("mini: GAN", "AVX2")
