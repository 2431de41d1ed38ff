"""What the GAN's training refuses before it begins. (That it trains: tests/test_end_to_end.py.)"""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.config import GanTraining
from musika_tf.errors import UserError
from musika_tf.gan.model import Standardiser
from musika_tf.model import bundle
from musika_tf.train import gan
from musika_tf.training import loop

METADATA = [{"name": "tempo", "extractor": "grid"}, {"name": "beat"}]  # the first bundles name no extractor


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job whose networks are built already; to train it is to fail."""
    monkeypatch.setattr(gan, "autoencoder_of_latents", lambda folder, model_id: folder)
    monkeypatch.setattr(gan, "load_autoencoder", lambda path: tiny.autoencoder())
    monkeypatch.setattr(gan.Gan, "create", lambda config, size, k, *_: tiny.gan(config, size, k))
    monkeypatch.setattr(loop, "train", lambda *args: pytest.fail("trained all the same"))
    write_latents(tmp_path / "latents", tiny.autoencoder().identity())
    folder = tmp_path / "checkpoints"
    return gan.Job(tiny.GAN, GanTraining(), str(tmp_path / "latents"), str(folder), save_every=10)


@pytest.fixture
def unbuilt(monkeypatch):
    """The job's networks are not there, for what is refused without a look at them."""
    monkeypatch.setattr(gan.Gan, "create", lambda *_: None)


def write_latents(folder, model_id, **more):
    folder.mkdir()
    n = tiny.GAN.critic_window
    signals = {"conditioning_tempo": np.full([n, 1], 120, np.float32), "conditioning_beat": tiny.normal(n, 10)} | more
    np.savez(folder / "a.npz", latents=tiny.normal(n, tiny.AUTOENCODER.latent_channels), model_id=model_id, **signals)


def refused(job, message, **changes):
    with pytest.raises(UserError, match=message) as error:
        gan.train(dataclasses.replace(job, **changes))
    assert "\n" not in str(error.value)


def test_latents_of_another_autoencoder(job, unbuilt, tmp_path):
    write_latents(tmp_path / "others", "0123456789ab")
    own = tiny.autoencoder().identity()
    refused(
        job, f"--latents_dir=.*others: latents of model 0123456789ab, .*{own}", latents_dir=str(tmp_path / "others")
    )
    assert not list((tmp_path / "checkpoints").rglob("*"))


def test_bundle_dir_that_holds_something_else(job, tmp_path):
    (tmp_path / "music").mkdir()
    refused(job, "--bundle_dir=.*music: exists and is no bundle", bundle_dir=str(tmp_path / "music"))


def test_too_short_latents(job):
    refused(job, "--latents_dir=.*none of 256 latents", config=dataclasses.replace(tiny.GAN, window=128))


@pytest.mark.parametrize(
    "changes",
    [{"config": dataclasses.replace(tiny.GAN, width=8)}, {"signals": ("tempo",)}],
    ids=["size", "conditioning"],
)
def test_folder_of_another_gan(job, unbuilt, changes):
    gan._keep_config(job, tiny.conditioner())
    before = (job.directory / "gan.json").read_text()
    refused(job, "--checkpoint_dir=.*another size or conditioning", **changes)
    assert (job.directory / "gan.json").read_text() == before
    gan._check_config(job)  # its own it takes
    stored = json.loads(before)
    del stored["noise_values"]  # as of a training that began before this was known
    (job.directory / "gan.json").write_text(json.dumps(stored))
    gan._check_config(job)
    for nothing in ("{}", "[]", "null"):  # says no sizes at all
        (job.directory / "gan.json").write_text(nothing)
        refused(job, "--checkpoint_dir=.*another size or conditioning")
    (job.directory / "gan.json").write_text(before[:-5])
    refused(job, "gan.json: damaged")


@pytest.fixture
def under_way(job, monkeypatch):
    """A job that was trained before on tempi around 120; each further run gives its conditioner."""
    job, ran = dataclasses.replace(job, signals=("tempo", "beat")), []
    monkeypatch.setattr(loop, "train", lambda *args: True)
    monkeypatch.setattr(bundle, "save", lambda folder, autoencoder, gan, conditioner, *_, **__: ran.append(conditioner))

    def run(**changes):
        gan.train(dataclasses.replace(job, **changes))
        return ran[-1]

    first = run()
    (job.directory / "ckpt-5.index").touch()
    (job.directory / "checkpoint").write_text('model_checkpoint_path: "ckpt-5"\n')
    return job, run, first


def test_a_resumed_training_keeps_the_scale_of_its_signals(under_way, tmp_path):
    job, run, first = under_way
    more = {"conditioning_tempo": np.full([tiny.GAN.critic_window, 1], 160, np.float32)}
    write_latents(tmp_path / "more", tiny.autoencoder().identity(), **more)
    again = run(latents_dir=str(tmp_path / "more"))
    assert again is not first and again.state() == first.state()
    assert first.metadata()[0]["range"] == [120.0, 120.0]


def test_a_resumed_training_refuses_signals_of_another_extractor(under_way, tmp_path):
    job, run, _ = under_way
    write_latents(tmp_path / "heard", tiny.autoencoder().identity(), extractor_tempo="tempocnn")
    refused(job, "tempo by tempocnn, but the model learned it from grid", latents_dir=str(tmp_path / "heard"))


@pytest.mark.parametrize("change", [lambda s: s[:-9], lambda s: s.replace('"mean"', '"m"'), lambda s: "[]"])
def test_a_scale_that_is_damaged_is_named(under_way, change):
    job, run, _ = under_way
    path = job.directory / "conditioning.json"
    path.write_text(change(path.read_text()))
    refused(job, "conditioning.json: damaged")


@pytest.mark.parametrize("there", [False, True])
def test_nothing_to_fine_tune(job, tmp_path, there):
    if there:
        (tmp_path / "start").mkdir()
    refused(job, "--init_from=.*start: neither a bundle nor a folder", init_from=str(tmp_path / "start"))


@pytest.mark.long
def test_a_resumed_training_keeps_the_scale_of_its_latents(job, monkeypatch):
    fitted = []
    monkeypatch.setattr(loop, "train", lambda *args: True)
    monkeypatch.setattr(bundle, "save", lambda *_, **__: None)
    monkeypatch.setattr(Standardiser, "fit", lambda self, *statistics: fitted.append(statistics))
    job = dataclasses.replace(job, training=GanTraining(standardise=True, emphasis=1.0))
    gan.train(job)
    built, fresh = (deviation for _, deviation in fitted)  # tiny.gan has one of its own
    assert (fresh / fresh.mean()).std() > 0.1  # each number by what it moves
    (job.directory / "ckpt-5.index").touch()
    (job.directory / "checkpoint").write_text('model_checkpoint_path: "ckpt-5"\n')
    gan.train(job)
    np.testing.assert_array_equal([deviation for _, deviation in fitted[2:]], [built])  # the checkpoint has it


@pytest.fixture
def start(tmp_path, monkeypatch):
    """A bundle to fine-tune from, with tempo and beat."""
    folder = tmp_path / "start"
    folder.mkdir()
    configs = {"autoencoder_config": tiny.AUTOENCODER, "gan_config": tiny.GAN}
    about = {name: dataclasses.asdict(config) for name, config in configs.items()}
    about |= {"name": "start", "format_version": 2, "sample_rate": 44_100, "samples_per_latent": 512, "latent_size": 12}
    about |= {"window": tiny.GAN.window, "has_critic": True, "autoencoder_id": "0123456789ab"}
    about["conditioning"] = tiny.conditioner().metadata()
    (folder / "metadata.json").write_text(json.dumps(about))
    conditioner = tiny.conditioner()
    conditioner.restore(METADATA)
    networks = tiny.autoencoder(), tiny.gan(n_conditioning=11), conditioner, {"conditioning": METADATA}
    monkeypatch.setattr(bundle, "load_networks", lambda path, policy: networks)
    return str(folder)


def test_fine_tuning_with_other_signals(job, start):
    refused(job, "--init_from=.*start: its --conditioning is 'tempo,beat'", init_from=start)


def test_fine_tuning_with_signals_of_another_extractor(job, start, tmp_path):
    heard = tmp_path / "heard"
    write_latents(heard, tiny.autoencoder().identity(), extractor_tempo="tempocnn", extractor_beat="madmom")
    refused(
        job,
        "--latents_dir=.*heard: tempo by tempocnn, but the model learned it from grid",
        init_from=start,
        signals=("tempo", "beat"),
        latents_dir=str(heard),
    )


@pytest.mark.long
def test_mixed_signals_reach_the_trainer_in_their_units(job, tmp_path, monkeypatch):
    seen = []
    names = ("note_density", "tag:slow", "position")
    n = tiny.GAN.critic_window
    write_latents(
        tmp_path / "mixed",
        tiny.autoencoder().identity(),
        conditioning_note_density=np.linspace(0, 10, n, dtype=np.float32)[:, None],
        extractor_note_density="madmom",
        conditioning_tags=np.tile(np.linspace(0, 1, n, dtype=np.float32)[:, None], 50),
        conditioning_position=np.linspace(0, 1, n, dtype=np.float32)[:, None],
    )
    monkeypatch.setattr(loop, "train", lambda trainer, batches, *args: seen.append(next(iter(batches(0)))[1].numpy()))
    monkeypatch.setattr(
        bundle, "save", lambda folder, autoencoder, gan, conditioner, *args, **about: seen.append(conditioner)
    )
    gan.train(dataclasses.replace(job, signals=names, latents_dir=str(tmp_path / "mixed")))
    batch, conditioner = seen
    rows = conditioner.metadata()
    assert [row["name"] for row in rows] == list(names)
    assert rows[0]["full_scale"] == pytest.approx(9.9) and rows[0]["extractor"] == "madmom"
    units = batch[0] * conditioner.deviation + conditioner.mean
    np.testing.assert_allclose(units[:, 0], np.minimum(np.linspace(0, 10, n) / 9.9, 1), atol=1e-5)
    np.testing.assert_allclose(units[:, 1:], np.linspace(0, 1, n)[:, None] * [1, 1], atol=1e-5)


def test_fine_tuning_at_another_size(job, start):
    wider = dataclasses.replace(tiny.GAN, width=8)
    refused(job, "--init_from=.*start: a GAN of another size", init_from=start, signals=("tempo", "beat"), config=wider)


def test_fine_tuning_keeps_scale_and_weights(job, start, monkeypatch):
    seen = []

    def train(trainer, batches, *args):
        latents, conditioning = next(iter(batches(0)))
        seen.append((trainer, latents.numpy(), conditioning.numpy()))
        return False

    monkeypatch.setattr(loop, "train", train)
    monkeypatch.setattr(bundle, "save", lambda *args, **about: seen.append(about))
    assert not gan.train(dataclasses.replace(job, init_from=start, signals=("tempo", "beat")))
    (trainer, latents, conditioning), about = seen
    expected = tiny.gan(n_conditioning=11)
    np.testing.assert_array_equal(trainer.gan.standardiser.mean, expected.standardiser.mean)  # not fitted anew
    assert latents.shape == (32, tiny.GAN.critic_window, 12)
    scaled = (120 - tiny.conditioner().mean[0]) / tiny.conditioner().deviation[0]
    np.testing.assert_allclose(conditioning[..., 0], np.full(conditioning.shape[:2], scaled), rtol=1e-5)
    assert about == {"name": "checkpoints", "steps": 0}


def test_a_refiner_that_learned_other_music_is_pointed_out(job, start, monkeypatch, caplog):
    monkeypatch.setattr(loop, "train", lambda *args: True)
    monkeypatch.setattr(bundle, "save", lambda *args, **about: None)
    tuning = dataclasses.replace(job, init_from=start, signals=("tempo", "beat"))
    for network, expected in ((tiny.gan(n_conditioning=11), 0), (tiny.refining(n_conditioning=11), 1)):
        found = tiny.autoencoder(), network, tiny.conditioner(), {"conditioning": METADATA}
        monkeypatch.setattr(bundle, "load_networks", lambda path, policy, found=found: found)
        gan.train(tuning)
        said = [r.getMessage() for r in caplog.records if "refiner" in r.getMessage()]
        assert len(said) == expected
    assert f"train_refiner.py --latents_dir={job.latents_dir} --checkpoint_dir={job.checkpoint_dir}" in said[0]
    assert said[0].startswith(f"{job.target}: its refiner is that of {start}")


def test_a_model_is_named_after_the_folder_that_the_user_named(job, monkeypatch):
    names = []
    monkeypatch.setattr(loop, "train", lambda *args: True)
    monkeypatch.setattr(bundle, "save", lambda *args, **about: names.append(about["name"]))
    folder = job.checkpoint_dir
    for given in ({"checkpoint_dir": f"{folder}/"}, {"bundle_dir": f"{folder}/mine"}, {"about": {"name": "asked for"}}):
        gan.train(dataclasses.replace(job, **given))
    assert names == ["checkpoints", "mine", "asked for"]


def test_generated_latents_are_assessed_and_an_alarm_is_raised(job, monkeypatch, caplog):
    seen = []

    def train(trainer, batches, directory, save_every, preview, assess):
        seen.append(assess())
        for v in trainer.gan.averaged.trainable_variables:
            v.assign(tf.zeros_like(v))  # it now makes one thing only
        seen.append(assess())
        assert not caplog.records  # as every GAN at its beginning
        trainer.step_count.assign(trainer.n_steps)
        seen.append(assess())

    monkeypatch.setattr(loop, "train", train)
    monkeypatch.setattr(bundle, "save", lambda *args, **about: None)
    gan.train(job)
    first, collapsed, again = seen
    assert set(first) == {"frechet", "nearest", "spread"}
    assert all(np.isfinite(list(first.values())))
    assert collapsed == again
    assert collapsed["spread"] == 0 < first["spread"]
    (warning,) = [r.getMessage() for r in caplog.records if "collapsed" in r.getMessage()]
    assert warning.startswith("step 2000000: the GAN has collapsed")


def test_a_best_that_is_not_there_is_not_exported(job, monkeypatch):
    monkeypatch.setattr(loop, "train", lambda *args: True)
    refused(job, "--export=best: .*gan holds no best checkpoint", export="best")
