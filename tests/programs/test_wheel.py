"""The wheel, installed by itself and started from an empty folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import numpy as np
import pytest
import soundfile
import tiny

import musika_tf
from musika_tf import shipped
from musika_tf.audio.writer import to_int16

SOURCES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command, cwd):
    done = subprocess.run([*map(str, command)], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy, so that nothing is left in the sources, and nothing that lies there gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(tiny.ROOT / "musika_tf", source / "musika_tf", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCES:
        shutil.copy(tiny.ROOT / name, source)
    options = ("--no-deps", "--no-build-isolation", "--no-index", "-w", folder)
    run(sys.executable, "-m", "pip", "wheel", *options, source, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment with the wheel, which finds everything else in this one; that takes seconds."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    paths = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (own,) = folder.glob("lib/python*/site-packages")
    (own / "others.pth").write_text("".join(f"{path}\n" for path in sorted(paths)))
    return folder / "bin"


def test_the_wheel_holds_the_code_the_presets_and_two_models(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = tiny.ROOT / "musika_tf"
    code = {f"musika_tf/{path.relative_to(package)}" for path in package.rglob("*.py")}
    folders = shipped.default_model(), shipped.default_autoencoder()
    shipped_files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    data = {f"musika_tf/{path.relative_to(package)}" for path in shipped_files}
    data |= {f"musika_tf/flags/{path.name}" for path in tiny.PRESETS}
    assert {name for name in names if ".dist-info/" not in name} == code | data


@pytest.mark.long
def test_from_an_empty_folder_it_plays(environment, tmp_path):
    where = run(environment / "python", "-c", "import musika_tf; print(musika_tf.__file__)", cwd=tmp_path)
    assert where.startswith(str(environment.parent))
    run(environment / "musika-tf", "generate", "--length=2s", "--seed=7", "--out=song.wav", cwd=tmp_path)
    written, _ = soundfile.read(tmp_path / "song.wav", dtype="int16")
    np.testing.assert_array_equal(written, to_int16(musika_tf.load().generate(seed=7, seconds=2)))


@pytest.mark.long
def test_presets_and_models_have_the_names_that_they_have_in_the_repository(environment, tmp_path):
    flags = ("--flagfile=flags/techno.flags", "--bundle_dir=models/techno", "--length=1s", "--out=a.wav")
    run(environment / "musika-tf", "generate", *flags, cwd=tmp_path)  # this preset takes in another one
    assert os.listdir(tmp_path) == ["a.wav"]
