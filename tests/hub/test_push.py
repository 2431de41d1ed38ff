"""What is shared: cards, commits and refusals, by the real client; no graph is loaded here."""

import json

import pytest
from paths import ROOT

pytest.importorskip("huggingface_hub")

import hub_server  # noqa: E402
import yaml  # noqa: E402

from musika_tf.errors import UserError  # noqa: E402
from musika_tf.hub import card, fetch, names, push  # noqa: E402

NAME = names.parse("hf://me/tiny")
FACTS = json.loads((ROOT / "models/techno/metadata.json").read_text())
CODEC = json.loads((ROOT / "models/music-ae/metadata.json").read_text())


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with hub_server.Hub() as hub, hub_server.client_of(hub, monkeypatch, tmp_path / "cache"):
        yield hub


@pytest.fixture
def folder(tmp_path):
    """A bundle, but for its graph."""
    folder = tmp_path / "tiny"
    (folder / "variables").mkdir(parents=True)
    (folder / "metadata.json").write_text(json.dumps({key: FACTS[key] for key in FACTS if key != "licence"}))
    (folder / "saved_model.pb").write_bytes(b"graph" * 10_000)
    (folder / "variables" / "variables.index").write_bytes(b"index")
    return folder


@pytest.fixture
def token(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)


def parsed(text):
    """(fields of the header, what follows) of a card."""
    _, fields, rest = text.split("---\n", 2)
    return yaml.safe_load(fields), rest


def test_the_header_of_a_generator():
    fields, rest = parsed(card.text(NAME, FACTS, [("samples/seed-1.flac", "Seed 1")]))
    assert fields == {
        "license": "apache-2.0",
        "library_name": "musika_tf",
        "pipeline_tag": "text-to-audio",
        "tags": ["music", "musika", "music-generation", "beat", "position", "tempo"],
    }
    for said in ("# techno", "--bundle_dir=hf://me/tiny --trust", 'src="samples/seed-1.flac"', FACTS["trained_on"]):
        assert said in rest
    assert "| tempo | BPM | 1" in rest


@pytest.mark.parametrize(
    ("licence", "fields"),
    [
        ("MIT", {"license": "mit"}),
        ("see the NOTICE", {"license": "other", "license_name": "see-the-notice", "license_link": "NOTICE"}),
        ("x: [\"'}", {"license": "other"}),
    ],
)
def test_the_header_of_an_autoencoder(licence, fields):
    found, rest = parsed(card.text(NAME, CODEC | {"licence": licence}, []))
    assert found.items() >= fields.items()
    assert found["pipeline_tag"] == "audio-to-audio" and "autoencoder" in found["tags"]
    assert "musika-tf encode" in rest and "musika-tf generate" not in rest


def test_what_can_not_be_pushed(hub, folder, tmp_path):
    with pytest.raises(UserError, match="tiny: says no licence; others need one to use it: add --licence"):
        push.push(folder, NAME)
    with pytest.raises(UserError, match="^hf://me/tiny@v1: what is pushed becomes the latest; leave out @v1"):
        push.push(folder, names.parse("hf://me/tiny@v1"), "MIT")
    with pytest.raises(UserError, match="no bundle"):
        push.push(tmp_path, NAME, "MIT")
    with pytest.raises(UserError, match="^hf://me/tiny: no token to write with; set HF_TOKEN"):
        push.push(folder, NAME, "MIT", n_samples=0)
    assert hub.repositories == {} and hub.asked == []


def test_a_token_that_is_refused(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UserError, match="^hf://me/tiny: .*token") as error:
        push.push(folder, NAME, "MIT", n_samples=0)
    assert "\n" not in str(error.value) and hub.repositories == {}


def test_a_hub_that_is_down(hub, folder, token):
    hub.stop()
    with pytest.raises(UserError, match="^hf://me/tiny: the hub can't be reached .*; connect"):
        push.push(folder, NAME, "MIT", n_samples=0)


def stored(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_there_and_back(hub, folder, token):
    (folder / "README.md").write_text("# Of mine\n\nMade on a Sunday.\n")
    commit = push.push(folder, NAME, "MIT", n_samples=0)
    latest, found = hub.files("me/tiny")
    assert latest == commit and not hub.private
    assert set(found) == {".gitattributes", "NOTICE", *stored(folder)}
    fields, rest = parsed(found["README.md"].decode())
    assert fields["license"] == "mit" and "Made on a Sunday." in rest
    assert json.loads(found["metadata.json"]) == {**FACTS, "licence": "MIT"}
    assert b"Licence: MIT\nTrained on: Techno" in found["NOTICE"]
    pulled = fetch.fetch(str(NAME), trust=True)
    assert stored(pulled).items() >= {path: found[path] for path in stored(folder)}.items()
    (pulled / "variables" / "variables.index").rename(pulled / "variables" / "other.index")
    again = push.push(pulled, NAME, n_samples=0, private=True)  # a repository that is there stays as open as it is
    latest, found = hub.files("me/tiny")
    assert latest == again != commit and not hub.private
    assert [path for path in found if path.startswith("variables")] == ["variables/other.index"]
    assert "Made on a Sunday." not in found["README.md"].decode()  # the card of another repository


def test_a_private_repository(hub, folder, token):
    push.push(folder, NAME, "MIT", n_samples=0, private=True)
    assert hub.private == {"me/tiny"}


def test_a_notice_of_ones_own_is_kept(hub, folder, token):
    (folder / "NOTICE").write_text("Mine.")
    push.push(folder, NAME, "MIT", n_samples=0)
    assert hub.files("me/tiny")[1]["NOTICE"] == b"Mine."


def test_an_upload_that_fails_leaves_no_commit(hub, folder, token):
    hub.refused = "/api/models/me/tiny/commit/main"
    with pytest.raises(UserError, match="^hf://me/tiny: ") as error:
        push.push(folder, NAME, "MIT", n_samples=0)
    assert "\n" not in str(error.value)
    assert set(hub.files("me/tiny")[1]) == {".gitattributes"}
