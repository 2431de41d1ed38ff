"""A bundle gets a refiner: what comes out, and what is refused. (How it learns: tests/gan/test_refiner.py.)"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.config import RefinerConfig, RefinerTraining
from musika_tf.errors import UserError
from musika_tf.model import bundle
from musika_tf.train import refiner

N = 300


def write_latents(folder, model_id=None, **more):
    folder.mkdir()
    signals = {"conditioning_tempo": np.linspace(110, 150, N, dtype=np.float32)[:, None]}
    signals |= {"conditioning_beat": tiny.normal(N, 10)} | more
    latents = 2 + 3 * tiny.normal(N, tiny.AUTOENCODER.latent_channels)
    np.savez(folder / "a.npz", latents=latents, model_id=model_id or tiny.autoencoder().identity(), **signals)
    return str(folder)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "tiny"
    conditioner = tiny.conditioner()
    conditioner.extractors = {"tempo": "grid"}
    bundle.save(path, tiny.autoencoder(), tiny.gan(n_conditioning=11), conditioner, name="tiny", steps=12)
    return str(path)


@pytest.fixture
def untrained(monkeypatch):
    """Trainers that would have been trained."""
    made = []
    monkeypatch.setattr(refiner.loop, "train", lambda trainer, *args: made.append(trainer) or True)
    monkeypatch.setattr(bundle, "save", lambda *args, **about: None)
    return made


@pytest.fixture
def job(tmp_path, source):
    return refiner.Job(
        config=RefinerConfig(width=4, head_size=2, n_steps=2, held=2, guide_width=3),
        training=RefinerTraining(batch_size=2, steps=2, guide_steps=3),
        source=source,
        latents_dir=write_latents(tmp_path / "latents"),
        checkpoint_dir=str(tmp_path / "checkpoints"),
        bundle_dir=str(tmp_path / "checkpoints" / "bundle"),
        save_every=10,
    )


def load(job, monkeypatch, gan=None):
    """Has the source's networks be those of tiny.py, which are at hand."""
    gan = gan or dataclasses.replace(tiny.gan(n_conditioning=11))  # a copy, which gets the refiner
    found = tiny.autoencoder(), gan, tiny.conditioner(), bundle.read_metadata(job.source)
    monkeypatch.setattr(bundle, "load_networks", lambda path: found)


@pytest.mark.long
def test_the_bundle_refines_and_is_otherwise_what_it_was(job):
    assert refiner.train(job)
    loaded, metadata = bundle.load(job.bundle_dir)
    assert metadata["refiner_config"] == dataclasses.asdict(job.config)
    assert (metadata["name"], metadata["steps"], metadata["refiner_steps"]) == ("tiny", 12, 2)
    autoencoder, gan, _, _ = bundle.load_networks(job.bundle_dir)
    assert autoencoder.identity() == tiny.autoencoder().identity()
    for a, b in zip(tiny.weights(gan.averaged), tiny.weights(tiny.gan(n_conditioning=11).averaged), strict=True):
        np.testing.assert_array_equal(a, b)
    mirrored = np.repeat([2, 0, 2], [6, 3, 3])  # pans, and their mirror images
    np.testing.assert_allclose(gan.refiner.mean, mirrored, atol=0.6)
    np.testing.assert_allclose(gan.refiner.deviation, np.where(mirrored, 3, 13**0.5), atol=0.4)
    arguments = 5, 6, 60, 10, 2.0, tf.zeros([0, 0])
    source = bundle.load(job.source)[0]
    before, after = source.generate(*arguments), loaded.generate(*arguments)
    assert before.shape == after.shape and np.abs(before - after).max() > 1e-3

    # From here on it goes on from the refiner that is there.
    again = dataclasses.replace(job, source=job.bundle_dir, checkpoint_dir=job.checkpoint_dir + "2")
    started = []
    trained = refiner.loop.train
    with pytest.MonkeyPatch.context() as patch:

        def note(trainer, *others):
            started.append(tiny.weights(trainer.network))
            return trained(trainer, *others)

        patch.setattr(refiner.loop, "train", note)
        refiner.train(again)
    guide, denoiser = started
    for a, b in zip(denoiser, tiny.weights(gan.refiner.network), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(np.any(a != b) for a, b in zip(guide, tiny.weights(gan.refiner.guide), strict=True))


def refused(job, message, **changes):
    with pytest.raises(UserError, match=message) as error:
        refiner.train(dataclasses.replace(job, **changes))
    assert "\n" not in str(error.value)


def test_latents_of_another_autoencoder(job, tmp_path):
    others = write_latents(tmp_path / "others", "0123456789ab")
    refused(job, f"--latents_dir={others}: latents of model 0123456789ab, .* encode the audio", latents_dir=others)
    assert not (tmp_path / "checkpoints").exists()


def test_signals_of_another_extractor(job, tmp_path):
    heard = write_latents(tmp_path / "heard", extractor_tempo="tempocnn")
    refused(job, f"--latents_dir={heard}: tempo by tempocnn, but the model learned it from grid", latents_dir=heard)


def test_an_autoencoder_alone(job, tmp_path):
    alone = tmp_path / "alone"
    bundle.save(alone, tiny.autoencoder(), name="alone")
    refused(job, f"{alone}: an autoencoder, it encodes and decodes", source=str(alone))


def test_a_folder_of_another_refiner(job, untrained, monkeypatch):
    load(job, monkeypatch)
    refiner.train(job)
    refused(job, "holds a refiner of another size", config=RefinerConfig(width=8, head_size=2))
    # How it is used is no size, and guides are learned anew.
    refiner.train(dataclasses.replace(job, config=RefinerConfig(width=4, head_size=2, start=1.0, guide_width=5)))
    (refiner.Path(job.checkpoint_dir) / "refiner" / "refiner.json").write_text("{")
    refused(job, "refiner.json: damaged")


def test_a_refiner_of_another_size_begins_anew(job, untrained, monkeypatch):
    load(job, monkeypatch, tiny.refining(n_conditioning=11))
    refiner.train(dataclasses.replace(job, config=RefinerConfig(width=8, head_size=2)))
    guide_trainer, trainer = untrained
    assert guide_trainer.of_guide and not trainer.of_guide and trainer.refiner.config.width == 8
    for a, b in zip(tiny.weights(trainer.network), tiny.weights(trainer.refiner.network), strict=True):
        np.testing.assert_array_equal(a, b)  # the average begins as what it follows


def test_a_refiner_without_attention_is_gone_on_from_with_it(job, untrained, monkeypatch):
    gan = tiny.refining(n_conditioning=11, head_size=0)
    load(job, monkeypatch, gan)
    old = tiny.weights(gan.refiner.network)
    refiner.train(job)
    new = tiny.weights(untrained[1].network)
    assert len(new) > len(old)
    assert all(any(a.shape == b.shape and np.array_equal(a, b) for b in new) for a in old)


def test_the_guide_comes_first(job, untrained, monkeypatch):
    """Stopped while it learns, the rest waits; a refiner may have none."""
    folders, saved = [], []
    load(job, monkeypatch)
    monkeypatch.setattr(bundle, "save", lambda *args, **about: saved.append(args[2].refiner))
    monkeypatch.setattr(refiner.loop, "train", lambda trainer, batches, folder, *rest: folders.append(folder) or True)
    assert refiner.train(job) and saved[0].guide
    assert [path.name for path in folders] == ["guide3", "refiner"]
    folders.clear()
    assert refiner.train(dataclasses.replace(job, config=RefinerConfig(width=4, head_size=2, guide_width=0)))
    assert [path.name for path in folders] == ["refiner"] and saved[1].guide is None
    monkeypatch.setattr(refiner.loop, "train", lambda *args: False)
    assert not refiner.train(job) and len(saved) == 2
