"""From a bundle to a hub and back, by the real client: the same music; and what the published checkpoints become."""

import json
import tarfile

import numpy as np
import pytest
import soundfile
import tiny
from paths import ROOT

pytest.importorskip("huggingface_hub")

import hub_server  # noqa: E402

import musika_tf  # noqa: E402
from musika_tf.errors import UserError  # noqa: E402
from musika_tf.hub import cache, fetch, names, push  # noqa: E402
from musika_tf.model import bundle, original  # noqa: E402

NAME = names.parse("hf://me/tiny")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with hub_server.Hub() as hub, hub_server.client_of(hub, monkeypatch, tmp_path / "cache"):
        yield hub


@pytest.mark.long
def test_there_and_back(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub_server.TOKEN)
    monkeypatch.setattr(push, "_SAMPLE_SECONDS", 1)
    commit = push.push(folder, NAME, "MIT", n_samples=2)
    found = hub.files("me/tiny")
    assert found[0] == commit
    assert {path for path in found[1] if path.startswith(("samples", "NOTICE", "README"))} == {
        "samples/seed-1.flac", "samples/seed-2.flac", "NOTICE", "README.md"
    }  # fmt: skip
    assert json.loads(found[1]["metadata.json"])["licence"] == "MIT"
    with pytest.raises(UserError, match=r"trust=True"):
        musika_tf.load(str(NAME))
    model = musika_tf.load(str(NAME), trust=True)
    assert model.path.parent == cache.root() / "me--tiny"
    again, here = (each.generate(seed=1, seconds=1) for each in (model, musika_tf.load(folder)))
    np.testing.assert_array_equal(again, here)
    (cache.root() / "sample.flac").write_bytes(found[1]["samples/seed-1.flac"])
    sample, rate = soundfile.read(cache.root() / "sample.flac", dtype="float32")
    assert rate == model.sample_rate and np.abs(sample - here).max() <= 2**-15


CHECKPOINT = ROOT / "tests/fixtures/original/checkpoint.tar.xz"


@pytest.fixture(scope="module")
def original_files():
    with tarfile.open(CHECKPOINT) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def networks_of(both):
    """The networks of an Autoencoder and a Gan, in a list."""
    autoencoder, gan = both
    return [*autoencoder.networks.values(), gan.averaged, gan.critic]


@pytest.mark.long
def test_a_published_checkpoint_is_converted(hub, original_files, tmp_path):
    codec = {path: original_files[path] for path in ("enc.h5", "dec.h5", "enc2.h5", "dec2.h5")}
    networks = {path: content for path, content in original_files.items() if path not in codec}
    hub.commit("marcop/musika_techno", networks)
    with pytest.raises(UserError, match="^hf://marcop/musika_ae: no such repository"):
        fetch.fetch("hf://marcop/musika_techno")
    hub.commit("marcop/musika_ae", codec)
    folder = fetch.fetch("hf://marcop/musika_techno")  # no trust: weights are no program
    assert bundle.read_metadata(folder)["name"] == "musika_techno"
    fetch.pull("hf://marcop/musika_techno", tmp_path / "pulled")
    for path, content in original_files.items():
        (tmp_path / path).write_bytes(content)
    both = bundle.load_networks(tmp_path / "pulled")[:2], original.load(tmp_path)
    for ours, theirs in zip(*map(networks_of, both), strict=True):
        for a, b in zip(tiny.weights(ours), tiny.weights(theirs), strict=True):
            np.testing.assert_array_equal(a, b)
    hub.stop()
    assert fetch.fetch("hf://marcop/musika_techno") == folder


def test_a_damaged_checkpoint_is_named(hub, original_files):
    hub.commit("me/mine", original_files | {"critic.h5": b"no weights"})
    with pytest.raises(UserError, match="^hf://me/mine/critic.h5: no Keras weight file, or a damaged one"):
        fetch.fetch("hf://me/mine")
