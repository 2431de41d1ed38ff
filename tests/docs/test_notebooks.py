"""The notebooks: kept without outputs, of code that is there, and run from the first cell to the last.

Their links, paths and flags are checked with those of all pages, in test_links.py and test_commands.py.
"""

import ast
import importlib

import nbformat
import notebook_cells
import numpy as np
import pages
import pytest
import soundfile
from nbclient import NotebookClient
from paths import ROOT

from musika_tf import shipped
from musika_tf.model.metadata import read_metadata

INFERENCE, FINE_TUNE = (ROOT / "notebooks" / f"{name}.ipynb" for name in ("inference", "fine_tune"))
EACH = pytest.mark.parametrize("path", notebook_cells.PATHS, ids=lambda path: path.name)
RATE = 44_100


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def is_parameters(cell):
    return "parameters" in cell.metadata.get("tags", ())


def test_the_two_are_among_the_pages():
    assert set(notebook_cells.PATHS) == {INFERENCE, FINE_TUNE} <= {page.path for page in pages.pages()}
    commands = {path: pages.read(path).commands() for path in notebook_cells.PATHS}
    programs = {path: [words[1] for words in found if words[0] == "musika-tf"] for path, found in commands.items()}
    assert programs == {INFERENCE: ["generate"], FINE_TUNE: ["encode", "train-gan"]}
    assert all(len(pages.read(path).links) >= 4 for path in notebook_cells.PATHS)


@EACH
def test_a_notebook_is_valid_and_kept_without_outputs(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert not any(cell.outputs or cell.execution_count for cell in code_cells(notebook))


@EACH
def test_it_installs_the_package_then_come_the_parameters(path):
    install, parameters, *others = code_cells(nbformat.read(path, as_version=4))
    assert 'if importlib.util.find_spec("musika_tf") is None:\n    %pip install' in install.source
    assert is_parameters(parameters) and not any(map(is_parameters, others))
    values = [node.value for node in ast.parse(parameters.source).body]
    assert len(list(map(ast.literal_eval, values))) >= 5  # no value depends on anything else


@EACH
def test_imports_resolve(path):
    found = [node for node in ast.walk(notebook_cells.code(path)) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert len(found) >= 5
    for node in found:
        for name in node.names:
            if isinstance(node, ast.Import):
                importlib.import_module(name.name)
            else:
                module = importlib.import_module(node.module)
                if not hasattr(module, name.name):
                    importlib.import_module(f"{node.module}.{name.name}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the notebooks run: 50 s of a beat in `my music`, and no settings of the user's."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "my music").mkdir()
    time = np.arange(50 * RATE) / RATE
    kick = np.sin(2 * np.pi * 60 * (time % 0.5)) * np.exp(-12 * (time % 0.5))
    noise = np.random.default_rng(0).standard_normal((len(time), 2)) / 100
    soundfile.write(folder / "my music" / "beat.wav", kick[:, None] / 2 + noise, RATE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        (folder / "jupyter").mkdir()
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
            patch.setenv(name, str(folder / "jupyter" / name))
        yield folder


def execute(path, folder, **parameters):
    """Runs a notebook with other parameters; {name of a cell: its outputs}. An error in a cell is raised."""
    notebook = nbformat.read(path, as_version=4)
    (index,) = [i for i, cell in enumerate(notebook.cells) if is_parameters(cell)]
    assert set(parameters) <= set(notebook_cells.constants(path)) | {"asked", "tempos"}
    given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    notebook.cells.insert(index + 1, nbformat.v4.new_code_cell(given))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(folder)}}).execute()
    outputs = {cell.id: cell.outputs for cell in code_cells(notebook)}
    assert not [output for found in outputs.values() for output in found if output.output_type == "error"]
    return outputs


def said(outputs):
    return "".join(output.text for output in outputs if output.output_type == "stream")


def shown(outputs):
    """How many players and pictures a cell shows."""
    data = [output.data for output in outputs if output.output_type == "display_data"]
    return sum("<audio" in found.get("text/html", "") for found in data), sum("image/png" in found for found in data)


@pytest.mark.slow
def test_inference_runs(folder):
    choices = {"seconds": 4, "bars": 2, "long": "6s", "out_dir": "made music"}
    outputs, made = execute(INFERENCE, folder, **choices), folder / "made music"
    assert "TensorFlow computes on:" in said(outputs["load"]) and "bpm: " in said(outputs["load"])
    assert {name: shown(outputs[name]) for name in ("piece", "loop", "next-part", "long")} == {
        "piece": (1, 1),
        "loop": (1, 0),
        "next-part": (1, 0),
        "long": (1, 0),
    }
    wav, flac = (soundfile.read(made / f"piece.{form}", always_2d=True)[0] for form in ("wav", "flac"))
    assert wav.shape == (4 * RATE, 2) and 0.05 < np.abs(wav).max() <= 1
    np.testing.assert_allclose(wav, flac, atol=1.01 / 2**15)  # libsndfile rounds them in two ways
    assert soundfile.info(made / "loop.wav").frames == round(2 * 4 * 60 / 128 * RATE)
    long, _ = soundfile.read(made / "long.wav")
    assert long.shape == (6 * RATE, 2) and "times real time" in said(outputs["long"])
    np.testing.assert_allclose(long[: 4 * RATE], wav, atol=2e-4)  # the same piece, on another length
    assert (made / "piece.png").stat().st_size > 10_000


@pytest.mark.slow
def test_fine_tuning_runs_and_goes_on(folder):
    choices = {"audio": "my music", "work": "my work", "preset": "flags/smoke.flags", "steps": 20, "seconds": 3}
    outputs, work = execute(FINE_TUNE, folder, **choices), folder / "my work"
    assert "precision" in said(outputs["device"]) and "beat.wav" in said(outputs["encode"])
    with np.load(work / "latents/beat.wav.npz") as data:
        assert data["latents"].shape == (-(-50 * RATE // 4096), 128) and "conditioning_position" in data
    assert "\r" in said(outputs["train"]) and "20/20" in said(outputs["train"])
    assert shown(outputs["previews"]) == (3, 1) and shown(outputs["generate"]) == (1, 1)
    music, rate = soundfile.read(work / "music.flac")
    assert music.shape == (3 * RATE, 2) and rate == RATE and np.abs(music).max() > 0
    assert (work / "checkpoints/bundle/saved_model.pb").is_file()

    again = execute(FINE_TUNE, folder, **choices | {"steps": 21})
    assert "done before" in said(again["encode"]) and "resumed at step 20" in said(again["train"])


@pytest.mark.slow
def test_fine_tuning_starts_from_techno_where_the_tempo_is_known(folder):
    choices = {"audio": "my music", "work": "tuned", "steps": 2, "seconds": 3}
    outputs = execute(FINE_TUNE, folder, **choices, start_from="models/techno", tempos={"beat.wav": 120})
    assert "follows tempo,beat,position" in said(outputs["start"]) and "2/2" in said(outputs["train"])
    metadata = read_metadata(folder / "tuned/checkpoints/bundle")
    given = read_metadata(shipped.default_model())
    for row, known in zip(metadata["conditioning"], given["conditioning"], strict=True):
        assert (row["name"], row["unit"], row.get("mean")) == (known["name"], known["unit"], known.get("mean"))
    assert metadata["conditioning"][0]["range"] == [120, 120]  # of this music
    assert metadata["gan_config"] == {"noise_values": 1, "critic_contrast": False, **given["gan_config"]}
    assert metadata["name"] == "mine" and metadata["steps"] == 2 and metadata["trained_on"] != given["trained_on"]
