"""What is shipped is found from anywhere, and hidden by what lies in the working directory."""

import pathlib

import pytest

from musika_tf import shipped


@pytest.mark.parametrize("name", ["flags/mini.flags", "models/techno", "models/techno/metadata.json"])
def test_shipped_files_are_found_from_an_empty_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped.find(name) == shipped.PACKAGE / name
    assert shipped.find(pathlib.Path(name)).exists()
    assert shipped.name(shipped.find(name)) == name
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("one's own")
    assert shipped.find(name) == name


@pytest.mark.parametrize(
    "name", ["models/none", "flags", "models", "config.py", "models/../config.py", "/models/x", ""]
)
def test_all_other_names_stay_as_they_are(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shipped.find(name) == name


def test_the_default_autoencoder_is_the_first_of_all():
    assert shipped.models()[0] == shipped.default_autoencoder()
    assert all((folder / "saved_model.pb").is_file() for folder in shipped.models())
