"""examples/cpp/player.cpp, compiled and run: it plays what the bundle renders.

Its headers come from Debian: nlohmann-json3-dev, libfftw3-dev, and from Debian 13 on libonnxruntime-dev; those of
another place are found by ONNXRUNTIME_INCLUDE. The library is Debian's, or that of the wheel onnxruntime.
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess

import exported
import numpy as np
import pytest
import soundfile
from paths import ROOT

_SYSTEM = pathlib.Path("/usr/include")


def header(name, *folders):
    """The folder of a header, or a skip."""
    for folder in filter(None, folders):
        if (pathlib.Path(folder) / name).is_file():
            return folder
    pytest.skip(f"no header {name}")


def library():
    """libonnxruntime, or a skip: Debian's or the wheel's."""
    spec = importlib.util.find_spec("onnxruntime")
    folders = [pathlib.Path(spec.origin).parent / "capi"] if spec else []
    found = [path for folder in [*folders, *pathlib.Path("/usr/lib").glob("*-linux-gnu")]
             for path in folder.glob("libonnxruntime.so.1.*")]  # fmt: skip
    return found[0] if found else pytest.skip("no libonnxruntime.so")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The program, or a skip where something is missing to make it."""
    compiler = shutil.which("g++") or pytest.skip("no g++")
    header("nlohmann/json.hpp", _SYSTEM)
    header("fftw3.h", _SYSTEM)
    include = header("onnxruntime_cxx_api.h", os.environ.get("ONNXRUNTIME_INCLUDE"), _SYSTEM / "onnxruntime", _SYSTEM)
    folder = tmp_path_factory.mktemp("cpp")
    shared = folder / "libonnxruntime.so.1"  # the name that the library calls itself by
    shared.symlink_to(library())
    program, source = folder / "player", ROOT / "examples/cpp/player.cpp"
    options = ["-std=c++17", "-O0", "-Wall", "-Werror", f"-I{include}", f"-Wl,-rpath,{folder}"]
    subprocess.run([compiler, *options, source, "-o", program, shared, "-lfftw3f"], check=True)
    return program


@pytest.mark.long
@exported.needs_onnx
def test_it_plays_what_the_bundle_renders(compiled, exported_steerable, steerable, tmp_path):
    subprocess.run([compiled, exported_steerable("onnx"), tmp_path / "song.wav", "5", "0.5"], check=True)
    played, rate = soundfile.read(tmp_path / "song.wav")
    expected = exported.rendered(steerable, 5, 44)
    assert (rate, played.shape) == (44_100, (22_050, 2))
    np.testing.assert_allclose(played, expected[:22_050], atol=1e-4)


@pytest.mark.long
@exported.needs_onnx
def test_it_refines_windows_as_the_bundle_does(compiled, tmp_path_factory, tmp_path):
    bundle, folder = exported.refining(tmp_path_factory)
    subprocess.run([compiled, folder, tmp_path / "song.wav", "5", "1.6"], check=True)
    played, _ = soundfile.read(tmp_path / "song.wav")
    np.testing.assert_allclose(played, exported.rendered(bundle, 5, 138)[: len(played)], atol=1e-4)


@pytest.mark.long
def test_a_folder_that_is_no_model_is_one_line(compiled, tmp_path):
    done = subprocess.run([compiled, tmp_path, tmp_path / "song.wav", "5", "1"], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("player: ") and done.stderr.count("\n") == 1
