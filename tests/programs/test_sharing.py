"""Programs that take and share models of a hub, as a user starts them, with the real client and a hub on loopback."""

import os

import pytest
import warm
from paths import ROOT

pytest.importorskip("huggingface_hub")

import hub_server  # noqa: E402


@pytest.fixture
def hub():
    with hub_server.Hub() as hub:
        yield hub


@pytest.fixture
def run(hub, tmp_path):
    """Runs `musika-tf` in an empty folder, with a hub, a token and a cache of its own."""
    settings = {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(tmp_path / "home"),
        "HF_TOKEN": hub_server.TOKEN,
        "MUSIKA_TF_CACHE": str(tmp_path / "cache"),
    }
    (tmp_path / "here").mkdir()

    def run(*arguments, **others):
        return warm.run("-c", warm.MUSIKA_TF, *arguments, cwd=tmp_path / "here", env=os.environ | settings | others)

    return run


def repository(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_a_model_of_a_hub_plays_as_the_folder_does(hub, run, folder, tmp_path):
    hub.commit("me/tiny", repository(folder))
    for bundle_dir, out in [("hf://me/tiny", "a.wav"), (str(folder), "b.wav")]:
        done = run("generate", f"--bundle_dir={bundle_dir}", "--trust", "--seed=7", "--length=1s", f"--out={out}")
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "here/a.wav").read_bytes() == (tmp_path / "here/b.wav").read_bytes()
    done = run("generate", "--bundle_dir=hf://me/tiny", "--seed=7", "--length=1s", "--out=c.wav")
    assert done.returncode == 2 and "add --trust" in done.stderr and done.stderr.count("\n") == 1
    hub.stop()
    done = run("pull", "--repo=hf://me/tiny", "--trust", "--bundle_dir=copy")
    assert done.returncode == 0 and "the copy of" in done.stderr
    assert repository(tmp_path / "here/copy") == repository(folder)
    assert sorted(os.listdir(tmp_path / "here")) == ["a.wav", "b.wav", "copy"]


def test_push_and_list(hub, run):
    done = run("push", "--bundle_dir=models/techno", "--repo=me/tiny", "--licence=MIT", "--samples=0", "--private")
    commit, pushed = hub.files("me/tiny")
    assert (done.returncode, done.stdout) == (0, f"hf://me/tiny: there as commit {commit}\n"), done.stderr
    weights = {path: content for path, content in repository(ROOT / "models/techno").items() if "variables" in path}
    assert hub.private == {"me/tiny"} and weights and pushed.items() >= weights.items()
    hub.private.clear()
    assert run("list", "--user=me").stdout == "hf://me/tiny  mit  2026-11-29\n"
    assert run("list", "--user=you").stdout == run("list", "--downloaded").stdout == "none\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pull", "--repo=hf://me/none", "--bundle_dir=new"], "hf://me/none: no such repository"),
        (["pull", "--repo=hf://me", "--bundle_dir=new"], "hf://me: no name of a model on a hub"),
        (["pull", "--bundle_dir=new"], "--repo is missing"),
        (["push", "--bundle_dir=none", "--repo=me/none"], "--bundle_dir=none: no bundle"),
        (["push", "--bundle_dir=hf://me/a", "--repo=me/b"], "--bundle_dir=hf://me/a: is on a hub already"),
        (["encode", "--audio_dir=.", "--bundle_dir=hf://me/none"], "hf://me/none: no such repository"),
        (["train-gan", "--latents_dir=.", "--init_from=hf://me/none"], "hf://me/none: no such repository"),
        (["evaluate", "--bundle=hf://me/none"], "hf://me/none: no such repository"),
    ],
)
def test_what_fails_is_one_line(run, tmp_path, arguments, message):
    done = run(*arguments)
    lines = done.stderr.splitlines()
    assert done.returncode == 2 and lines[-1].startswith(f"musika-tf {arguments[0]}: {message}"), done.stderr
    assert len(lines) == 1 and os.listdir(tmp_path / "here") == []


def test_nothing_is_written_to_a_hub_but_by_push(run, tmp_path):
    done = run("import-original", "--checkpoint_dir=.", "--bundle_dir=hf://me/new")
    assert done.returncode == 2 and "nothing is written to a hub; name a folder" in done.stderr
    assert os.listdir(tmp_path / "here") == []
