"""hf:// names by the real client against a hub on loopback: what is downloaded, checked, kept and refused."""

import json
import os

import pytest
from paths import ROOT

pytest.importorskip("huggingface_hub")

import hub_server  # noqa: E402

from musika_tf.errors import UserError  # noqa: E402
from musika_tf.hub import cache, client, fetch, names  # noqa: E402

FACTS = json.loads((ROOT / "models/techno/metadata.json").read_text())
NAME = "hf://me/techno"


def files(**facts):
    """A repository that looks like a bundle; nothing loads its graph here."""
    return {
        "metadata.json": json.dumps(FACTS | facts).encode(),
        "saved_model.pb": b"graph" * 10_000,
        "fingerprint.pb": b"f",
        "variables/variables.index": b"index",
        "variables/variables.data-00000-of-00001": bytes(range(256)) * 200,
        "README.md": b"---\nlicense: apache-2.0\nlibrary_name: musika_tf\n---\n",
        ".gitattributes": b"not wanted",
        "samples/seed-1.flac": b"not wanted",
        "variables/more/evil.py": b"not wanted",
    }


WANTED = {path for path, content in files().items() if content != b"not wanted"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with hub_server.Hub() as hub, hub_server.client_of(hub, monkeypatch, tmp_path / "cache"):
        yield hub


def stored(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def downloads(hub):
    """The paths that were downloaded so far, and forgets them."""
    paths = [path.split("/", 5)[-1] for method, path in hub.asked if method == "GET" and "/resolve/" in path]
    hub.asked.clear()
    return paths


def test_a_bundle_is_downloaded_once_and_nothing_else(hub):
    commit = hub.commit("me/techno", files())
    folder = fetch.fetch(NAME, trust=True)
    assert stored(folder) == {path: content for path, content in files().items() if path in WANTED}
    assert folder == cache.root() / "me--techno" / commit
    assert sorted(downloads(hub)) == sorted(WANTED)
    assert fetch.fetch(NAME, trust=True) == folder and downloads(hub) == []
    assert sorted(os.listdir(folder.parent)) == sorted([commit, f"{commit}.json", "refs"])


def test_the_latest_commit_or_the_one_that_is_named(hub):
    commits = [hub.commit("me/techno", files(steps=steps)) for steps in (1, 2, 3)]
    hub.branches["me/techno", "v1"] = commits[0]
    for text, steps in [(NAME, 3), (f"{NAME}@main", 3), (f"{NAME}@v1", 1), (f"{NAME}@{commits[1]}", 2)]:
        folder = fetch.fetch(text, trust=True)
        assert json.loads((folder / "metadata.json").read_text())["steps"] == steps
    commits.append(hub.commit("me/techno", files(steps=4)))
    assert fetch.fetch(NAME, trust=True).name == commits[3]


def test_offline_what_is_here_is_used(hub, caplog):
    commit = hub.commit("me/techno", files())
    folder = fetch.fetch(NAME, trust=True)
    hub.status = 503
    assert fetch.fetch(NAME, trust=True) == folder
    assert "hf://me/techno: the hub can't be reached (HTTP 503); the copy of" in caplog.text
    hub.stop()
    for text in (NAME, f"{NAME}@{commit}"):
        assert fetch.fetch(text, trust=True) == folder
    with pytest.raises(UserError, match="^hf://me/other: the hub can't be reached .*; connect, or name a folder$"):
        fetch.fetch("hf://me/other", trust=True)


def test_switched_off_nobody_is_asked(hub, monkeypatch):
    from huggingface_hub import constants

    hub.commit("me/techno", files())
    folder = fetch.fetch(NAME, trust=True)
    hub.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert fetch.fetch(NAME, trust=True) == folder
    assert hub.asked == []


def test_without_trust_nothing_is_downloaded(hub):
    hub.commit("me/techno", files())
    for _ in range(2):
        with pytest.raises(UserError, match="^hf://me/techno: a SavedModel from a hub is a program .*add --trust"):
            fetch.fetch(NAME)
        assert downloads(hub) == []
        fetch.fetch(NAME, trust=True)  # what is here is refused, too
        hub.asked.clear()


@pytest.mark.parametrize("path", ["metadata.json", "saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_what_is_damaged_on_its_way_is_not_kept(hub, path):
    commit = hub.commit("me/techno", files())
    hub.corrupt.add(path)
    with pytest.raises(UserError, match=f"^hf://me/techno: {path} is not what the hub says it is"):
        fetch.fetch(NAME, trust=True)
    assert not (cache.root() / "me--techno" / commit).exists()
    hub.corrupt.clear()
    hub.asked.clear()
    assert len(stored(fetch.fetch(NAME, trust=True))) == len(WANTED)
    assert path in downloads(hub)


def test_what_is_damaged_in_the_cache_is_downloaded_again(hub):
    hub.commit("me/techno", files())
    folder = fetch.fetch(NAME, trust=True)
    (folder / "saved_model.pb").write_bytes(b"Graph" + (b"graph" * 10_000)[5:])
    hub.asked.clear()
    assert stored(fetch.fetch(NAME, trust=True))["saved_model.pb"] == files()["saved_model.pb"]
    assert downloads(hub)
    (folder / "saved_model.pb").unlink()
    hub.stop()
    with pytest.raises(UserError, match="can't be reached"):
        fetch.fetch(NAME, trust=True)


def test_an_interrupted_download_goes_on(hub, monkeypatch):
    hub.commit("me/techno", files())
    download = client.download

    def interrupted(name, commit, path, folder):
        if path == "variables/variables.index":
            raise KeyboardInterrupt
        download(name, commit, path, folder)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(client, "download", interrupted)
        fetch.fetch(NAME, trust=True)
    first = downloads(hub)
    assert set(stored(fetch.fetch(NAME, trust=True))) == WANTED
    assert sorted(first + downloads(hub)) == sorted(WANTED)


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"format_version": 99}, "^hf://me/techno: format 99, newer than .; update musika_tf$"),
        ({"format_version": "x"}, "^hf://me/techno: no bundle"),
        ({"sample_rate": 1}, "^hf://me/techno: damaged"),
    ],
)
def test_what_the_metadata_rules_out_ends_the_download(hub, facts, message):
    hub.commit("me/techno", files(**facts))
    with pytest.raises(UserError, match=message):
        fetch.fetch(NAME, trust=True)
    assert downloads(hub) == ["metadata.json"]


def test_what_is_not_there(hub):
    hub.commit("me/techno", files())
    hub.commit("me/other", {"README.md": b"hello"})
    hub.commit("me/secret", files())
    hub.private.add("me/secret")
    hub.commit("me/new", {".gitattributes": b""})
    for text, message in [
        ("hf://me/none", "no such repository"),
        ("hf://me/new", "no bundle"),
        ("hf://me/secret", "no such repository, or not for you to see"),
        (f"{NAME}@none", "no such revision"),
        ("hf://me/other", "no bundle .metadata.json, saved_model.pb., and no checkpoint"),
        ("hf://me", "no name of a model on a hub; write hf://user/name"),
        ("hf://me/../../etc", "no name of a model"),
        ("hf://../etc", "no name of a model"),
        ("hf://me/a@../../x", "no name of a model"),
    ]:
        with pytest.raises(UserError, match=message) as error:
            fetch.fetch(text, trust=True)
        assert str(error.value).startswith(text.removesuffix("@none")) and "\n" not in str(error.value)


def test_more_than_a_model_takes_is_not_downloaded(hub, monkeypatch):
    hub.commit("me/techno", files())
    monkeypatch.setattr(fetch, "_MOST_BYTES", 1000)
    with pytest.raises(UserError, match="more than any model of this kind has"):
        fetch.fetch(NAME, trust=True)
    assert downloads(hub) == []


def test_a_private_model_with_its_token(hub, monkeypatch):
    hub.commit("me/secret", files())
    hub.private.add("me/secret")
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    assert set(stored(fetch.fetch("hf://me/secret", trust=True))) == WANTED


def test_a_cache_that_cannot_be_written(hub, tmp_path):
    hub.commit("me/techno", files())
    (tmp_path / "cache").write_text("a file in its place")
    with pytest.raises(UserError, match="^hf://me/techno: can't be .*"):
        fetch.fetch(NAME, trust=True)


def test_pull_makes_a_folder_or_nothing(hub, tmp_path):
    hub.commit("me/techno", files())
    fetch.pull(NAME, tmp_path / "new" / "bundle", trust=True)
    assert set(stored(tmp_path / "new" / "bundle")) == WANTED
    with pytest.raises(UserError, match="bundle: exists; name a new folder"):
        fetch.pull(NAME, tmp_path / "new" / "bundle", trust=True)
    with pytest.raises(UserError, match="no such repository"):
        fetch.pull("hf://me/none", tmp_path / "none", trust=True)
    assert os.listdir(tmp_path / "new") == ["bundle"] and not (tmp_path / "none").exists()


def test_the_extra_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(UserError, match=r"^hf://me/techno: a hub needs huggingface_hub .*'\.\[hub\]'"):
        fetch.fetch(NAME, trust=True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("hf://me/a.b-c_d", names.HubName("me", "a.b-c_d")),
        ("me/techno", names.HubName("me", "techno")),
        ("hf://me/techno@refs/pr/1", names.HubName("me", "techno", "refs/pr/1")),
    ],
)
def test_names(text, name):
    assert names.parse(text) == name
    assert names.parse(str(name)) == name


def test_search(hub):
    hub.commit("me/techno", files())
    hub.commit("you/piano", files())
    hub.commit("you/text", {"README.md": b"---\nlicense: mit\nlibrary_name: other\n---\n"})
    assert [found.repository for found in client.search()] == ["me/techno", "you/piano"]
    assert client.search("you") == [client.Found("you/piano", "apache-2.0", "2026-11-29")]
