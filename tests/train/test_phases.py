"""The four phases: what each trains, what it starts from, and that an interrupted one goes on as if it had not been."""

import dataclasses
import functools
import shutil

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tiny
from interrupted import numbered

from musika_tf.autoencoder import checkpoints as stored
from musika_tf.autoencoder import contrast
from musika_tf.autoencoder.contrast import Contrast
from musika_tf.autoencoder.critic import SpectrogramCritic
from musika_tf.autoencoder.trainer import TRAINED, AutoencoderTrainer
from musika_tf.config import AutoencoderTraining
from musika_tf.errors import UserError
from musika_tf.train import phases
from musika_tf.training import checkpoints, loop

NETWORKS = {"encoder1", "decoder1", "encoder2", "decoder2"}
TRAINING = AutoencoderTraining(batch_size=2, steps=(4, 4, 4, 4), critic_width=2, critic_start=0.0)


pytestmark = pytest.mark.usefixtures("eagerly")


def make_trainer(phase, seed=0, **changes):
    tf.keras.utils.set_random_seed(seed)
    training = AutoencoderTraining(**{**vars(TRAINING), **changes})
    return AutoencoderTrainer(tiny.autoencoder(seed=seed), training, phase, SpectrogramCritic(training.critic_width))


def waveforms(trainer, seed=0):
    return tf.constant(0.2 * tiny.normal(2, trainer.crop_samples, seed=seed))


def changes(networks, act):
    """For each network, whether each of its trainable weights moved while `act` ran."""
    before = {name: [v.numpy() for v in network.trainable_variables] for name, network in networks.items()}
    act()
    return {
        name: [not np.array_equal(a, v) for a, v in zip(before[name], network.trainable_variables, strict=True)]
        for name, network in networks.items()
    }


def kernels_of_critic(moved, trainer):
    """What `changes` says of the critic's kernels; the hinge pulls at the last biases from both sides alike."""
    variables = trainer.critic.trainable_variables if trainer.critic is not None else []
    return [m for m, v in zip(moved.get("critic", []), variables, strict=True) if len(v.shape) == 4]


# What a phase trains


WAVEFORM_TERMS = {"spectral", "frequency", "delay", "consistency", "adversarial", "features"}


@pytest.mark.parametrize(
    ("phase", "trained", "terms"),
    [
        (1, {"encoder1", "decoder1"}, {"magnitude"}),
        (2, {"decoder1"}, {"magnitude", *WAVEFORM_TERMS}),
        (3, {"encoder2", "decoder2"}, {"latent", "magnitude"}),
        (4, {"decoder2"}, {"latent", "magnitude", *WAVEFORM_TERMS}),
    ],
)
def test_phase_trains_what_it_should_and_nothing_else(phase, trained, terms):
    trainer = make_trainer(phase)
    networks, scalars = trainer.networks, {}
    moved = changes(networks, lambda: scalars.update(trainer.step(waveforms(trainer))))
    decoder1 = trainer.autoencoder.decoder1
    unreached = [decoder1.v1, decoder1.v0, decoder1.phase_out] if phase == 1 else []  # phase is phase 2's business
    unreached = {id(v) for layer in unreached for v in layer.weights}
    for name in NETWORKS:
        reached = [name in trained and id(v) not in unreached for v in networks[name].trainable_variables]
        assert moved[name] == reached, name
    assert ("critic" in moved) == (phase in (2, 4))
    assert kernels_of_critic(moved, trainer) in ([], [True] * 10)
    assert set(scalars) == terms | {"loss"} | ({"critic"} if "critic" in moved else set())
    assert all(np.isfinite(value) for value in scalars.values())
    assert int(trainer.step_count) == 1


def test_loss_is_the_weighted_sum_of_its_terms():
    weights = {
        "magnitude": 3.0,
        "latent": 0.5,
        "spectral": 0.25,
        "consistency": 7.0,
        "frequency": 1.5,
        "delay": 0.75,
        "adversarial": 2.0,
        "features": 0.125,
    }
    trainer = make_trainer(4, **{f"{'feature' if k == 'features' else k}_weight": v for k, v in weights.items()})
    scalars = trainer.step(waveforms(trainer))
    expected = sum(weights[name] * float(value) for name, value in scalars.items() if name in weights)
    assert float(scalars["loss"]) == pytest.approx(expected, rel=1e-5)


NO_LOSS = {
    f"{'feature' if name == 'features' else name}_weight": 0.0 for name in ("magnitude", "latent", *WAVEFORM_TERMS)
}


@pytest.mark.parametrize("weight", ["magnitude_weight", "adversarial_weight", None])
def test_phase_4_learns_through_decoder_1(weight):
    trainer = make_trainer(4, **{**NO_LOSS, **({weight: 1.0} if weight else {})})
    moved = changes(trainer.networks, lambda: trainer.step(waveforms(trainer)))
    assert any(moved["decoder2"]) == (weight is not None)
    assert not any(moved["decoder1"])


def test_phase_3_learns_through_decoder_1():
    trainer = make_trainer(3, **{**NO_LOSS, "magnitude_weight": 1.0})
    moved = changes(trainer.networks, lambda: trainer.step(waveforms(trainer)))
    assert all(moved["encoder2"])
    assert all(moved["decoder2"])


def test_critic_joins_at_its_start():
    trainer = make_trainer(2, critic_start=0.25)  # of four steps
    critic, waveform = {"critic": trainer.critic}, waveforms(trainer)
    assert not any(changes(critic, lambda: trainer.step(waveform))["critic"])
    assert all(kernels_of_critic(changes(critic, lambda: trainer.step(waveform)), trainer))


def test_crops_hold_whole_windows():
    trainer = make_trainer(1, crop_windows=3)
    assert trainer.crop_samples == (3 * 64 - 1) * 32 + 128


def test_finish_puts_the_average_into_the_networks():
    trainer = make_trainer(3)
    for average in trainer.average.averages:
        average.assign(tf.fill(average.shape, 7.0))
    trainer.finish()
    for name, network in trainer.networks.items():
        assert all((v == 7.0).all() for v in tiny.weights(network)) == (name in TRAINED[3])


# Going on


def everything(trainer):
    """All that a run has learnt: weights (the critic's too), their average and the optimisers' moments."""
    optimisers = [trainer.optimiser] + ([trainer.critic_optimiser] if trainer.critic is not None else [])
    others = [*trainer.average.averages, *[v for optimiser in optimisers for v in optimiser.variables]]
    return tiny.weights(*trainer.networks.values()) + [v.numpy() for v in others]


@pytest.mark.long
def test_interrupted_and_resumed_equals_unbroken(tmp_path):
    trainer = make_trainer(2, critic_start=0.25)
    batch = functools.partial(waveforms, trainer)
    assert loop.train(trainer, numbered(batch), tmp_path / "unbroken", save_every=100)
    expected = everything(trainer)
    trainer = make_trainer(2, critic_start=0.25)
    assert not loop.train(trainer, numbered(batch, interrupt_at=1), tmp_path / "broken", save_every=100)
    assert int(trainer.step_count) == 2
    halfway = everything(trainer)
    trainer = make_trainer(2, critic_start=0.25)
    for network in trainer.networks.values():
        tiny.scramble(network, seed=99)  # whatever the new process starts with
    assert loop.train(trainer, numbered(batch), tmp_path / "broken", save_every=100)
    assert int(trainer.step_count) == 4
    resumed = everything(trainer)
    assert len(resumed) == len(expected)
    for a, b in zip(resumed, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(halfway, expected, strict=True))


# A folder of phases


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setattr(phases.Autoencoder, "create", tiny.autoencoder)  # the one that is built already
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", 0.1 * tiny.normal(44_100, 2), 44_100)
    return phases.Job(tiny.AUTOENCODER, TRAINING, [tmp_path / "audio" / "a.wav"], str(tmp_path / "ck"), save_every=100)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Function of a phase to a folder with a checkpoint of it whose averaged weights are all the phase's number."""

    @functools.cache
    def saved(phase):
        folder = tmp_path_factory.mktemp(f"phase{phase}")
        trainer = make_trainer(phase)
        for average in trainer.average.averages:
            average.assign(tf.fill(average.shape, float(phase)))
        loop.Checkpoints(trainer, folder).save(1)
        return folder

    return saved


@pytest.fixture
def save_phase(job, saved):
    """Function that puts a checkpoint of a phase into the job's folder."""
    return lambda phase: shutil.copytree(saved(phase), job.directory(phase))


@pytest.mark.parametrize(
    ("there", "phase", "missing"), [((), 2, 1), ((), 3, 1), ((1,), 3, 2), ((1, 2), 4, 3), ((), 4, 1)]
)
def test_missing_phase_is_named(job, save_phase, there, phase, missing):
    for earlier in there:
        save_phase(earlier)
    with pytest.raises(
        UserError, match=f"phase {phase} starts from phase {missing}.*phase{missing}.*--phase={missing} first"
    ):
        phases.train_phase(job, phase)
    assert not job.directory(phase).exists()


def test_load_takes_each_network_from_the_last_phase_that_trained_it(job, save_phase, caplog):
    phases._keep_config(job)
    for phase in (1, 2, 3, 4):
        save_phase(phase)
    loaded = stored.load(job.checkpoint_dir)
    assert loaded.config == job.config
    for name, phase in {"encoder1": 1, "decoder1": 2, "encoder2": 3, "decoder2": 4}.items():
        for weight in tiny.weights(loaded.networks[name]):
            np.testing.assert_array_equal(weight, np.full(weight.shape, phase))
    assert not caplog.records


def test_load_does_without_phases_2_and_4_and_says_so(job, save_phase, caplog):
    phases._keep_config(job)
    for phase in (1, 3):
        save_phase(phase)
    loaded = stored.load(job.checkpoint_dir)
    for name, phase in {"encoder1": 1, "decoder1": 1, "encoder2": 3, "decoder2": 3}.items():
        for weight in tiny.weights(loaded.networks[name]):
            np.testing.assert_array_equal(weight, np.full(weight.shape, phase))
    assert ["phase 2" in r.getMessage() or "phase 4" in r.getMessage() for r in caplog.records] == [True, True]


@pytest.mark.parametrize(("there", "missing"), [((), 1), ((1, 2), 3)])
def test_load_names_the_missing_phase(job, save_phase, there, missing):
    phases._keep_config(job)
    for phase in there:
        save_phase(phase)
    with pytest.raises(UserError, match=f"phase {missing} is missing in .*phase{missing}"):
        stored.load(job.checkpoint_dir)


@pytest.mark.parametrize("damaged", ["ckpt-1.index", "ckpt-1.data-00000-of-00001", "best"])
def test_load_names_a_damaged_phase(job, save_phase, damaged):
    phases._keep_config(job)
    for phase in (1, 3):
        save_phase(phase)
    directory = job.directory(1)
    if damaged == "best":
        (directory / "best").mkdir()
        (directory / "best" / "best.json").write_text('{"checkpoint": "ckpt-7", "exported": true}')
    else:
        (directory / damaged).write_bytes((directory / damaged).read_bytes()[:9])
    with pytest.raises(UserError, match="phase1/.*ckpt-[17]: damaged .*; train phase 1 again in another") as error:
        stored.load(job.checkpoint_dir)
    assert "\n" not in str(error.value)


def test_load_of_a_folder_without_an_autoencoder(tmp_path):
    with pytest.raises(UserError, match=f"{tmp_path}: no autoencoder here"):
        stored.load(tmp_path)


@pytest.mark.parametrize("content", ["{", "[1]", '{"width": 98}', '{"depth": 3}', "[" * 100_000])
def test_damaged_sizes_are_named(tmp_path, content):
    (tmp_path / "autoencoder.json").write_text(content)
    with pytest.raises(UserError, match="autoencoder.json: damaged"):
        stored.load(tmp_path)


def test_another_size_is_refused(job):
    phases._keep_config(job)
    other = phases.Job(**{**vars(job), "config": tiny.AutoencoderConfig(width=16, hop_length=32, latent_size=6)})
    with pytest.raises(UserError, match="another size"):
        phases.train_phase(other, 1)


# Fine-tuning


def given(job, value):
    """`job` with an autoencoder to fine-tune whose weights are all `value`."""

    def initial():
        autoencoder = tiny.autoencoder()
        for v in (v for network in autoencoder.networks.values() for v in network.weights):
            v.assign(tf.fill(v.shape, float(value)))
        return autoencoder

    return dataclasses.replace(job, initial=initial)


def test_fine_tuning_starts_from_what_was_given_where_no_phase_is_there(job, save_phase):
    phases._keep_config(job)
    phases._keep_initial(given(job, 7))
    phases._keep_initial(given(job, 8))  # a resumed run: what was given first counts
    save_phase(2)
    loaded = stored.load(job.checkpoint_dir)
    for name, value in {"encoder1": 7, "decoder1": 2, "encoder2": 7, "decoder2": 7}.items():
        for weight in tiny.weights(loaded.networks[name]):
            np.testing.assert_array_equal(weight, np.full(weight.shape, value))


def test_any_phase_can_be_fine_tuned_at_once(job, monkeypatch):
    started = []

    def train(trainer, *_):
        started.append({name: tiny.weights(network) for name, network in trainer.networks.items()})

    monkeypatch.setattr(phases.loop, "train", train)
    phases.train_phase(given(job, 7), 4)
    for name in NETWORKS:
        assert all((weight == 7).all() for weight in started[0][name])


# The contrast of what decoder 2 makes


def some_contrast(factor):
    return Contrast(factor, (0.25,) * tiny.AUTOENCODER.level1_size)


@pytest.mark.parametrize("complete", [True, False])
def test_phase_4_ends_with_the_contrast(job, save_phase, monkeypatch, complete):
    for phase in (1, 2, 3):
        save_phase(phase)

    def train(trainer, *_):
        save_phase(4)
        return complete

    monkeypatch.setattr(phases.loop, "train", train)
    assert phases.train_phase(job, 4) == complete
    assert (job.directory(4) / "contrast.json").is_file() == complete
    if complete:
        loaded = stored.load(job.checkpoint_dir)
        assert loaded.contrast.factor == TRAINING.contrast == 1.1
        spectra = list(phases._some_spectra(job, 4, "contrast"))
        assert len(spectra) == TRAINING.steps[3] and spectra[0].shape[0] == TRAINING.batch_size
        assert loaded.contrast.centre == Contrast.measured(1.1, loaded, spectra).centre


def test_a_factor_of_1_is_no_contrast(job, save_phase):
    phases._keep_config(job)
    for phase in (1, 2, 3, 4):
        save_phase(phase)
    contrast.write(some_contrast(1.1), job.directory(4))  # of an earlier end
    phases._keep_contrast(dataclasses.replace(job, training=dataclasses.replace(TRAINING, contrast=1.0)))
    assert stored.load(job.checkpoint_dir).contrast is None


def test_what_is_fine_tuned_brings_its_contrast_until_phase_4_has_its_own(job, save_phase):
    phases._keep_config(job)
    initial = dataclasses.replace(given(job, 7).initial(), contrast=some_contrast(1.3))
    phases._keep_initial(dataclasses.replace(job, initial=lambda: initial))
    save_phase(2)
    assert stored.load(job.checkpoint_dir).contrast == some_contrast(1.3)  # decoder 2 is as it was
    save_phase(4)
    assert stored.load(job.checkpoint_dir).contrast is None
    contrast.write(some_contrast(1.2), job.directory(4))
    assert stored.load(job.checkpoint_dir).contrast == some_contrast(1.2)
    shutil.rmtree(job.directory(4))
    save_phase(3)  # trains decoder 2 as well
    assert stored.load(job.checkpoint_dir).contrast is None


def test_phase_4_starts_from_the_weights_without_the_contrast_of_what_was_given(job, monkeypatch):
    started = []
    initial = dataclasses.replace(given(job, 7).initial(), contrast=some_contrast(1.3))
    monkeypatch.setattr(phases.loop, "train", lambda trainer, *_: started.append(trainer.autoencoder))
    phases.train_phase(dataclasses.replace(job, initial=lambda: initial), 4)
    assert started[0].contrast is None and all((w == 7).all() for w in tiny.weights(started[0].decoder2))


def test_fine_tuning_another_size_is_refused(job):
    other = dataclasses.replace(job, initial=lambda: phases.Autoencoder(tiny.AutoencoderConfig(), *[None] * 4))
    with pytest.raises(UserError, match="--init_from: an autoencoder of another size"):
        phases.train_phase(other, 2)


# Steps that are not finite


def skipped_step(trainer):
    """What a step with a NaN in its batch leaves of `trainer`, and what was there before it."""
    trainer.step(waveforms(trainer))
    before = everything(trainer)
    trainer.step(tf.concat([waveforms(trainer)[:1], np.nan * waveforms(trainer)[1:]], axis=0))
    return before, everything(trainer)


@pytest.mark.parametrize("phase", [1, 2])
def test_a_batch_with_nan_is_skipped(phase):
    trainer = make_trainer(phase)  # phase 2 with the critic, whose spectral normalisation moves weights by itself
    before, after = skipped_step(trainer)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(trainer.guard["skipped"]) == 1
    assert int(trainer.step_count) == 2


@pytest.mark.slow
@pytest.mark.parametrize("phase", [2, 3])
def test_a_batch_with_nan_is_skipped_in_a_graph(phase):
    tf.config.run_functions_eagerly(False)
    before, after = skipped_step(make_trainer(phase))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


# The best


@pytest.mark.parametrize(("phase", "name"), [(1, "magnitude"), pytest.param(4, "frechet", marks=pytest.mark.long)])
def test_assessment_is_that_of_the_averaged_weights(job, phase, name):
    trainer = make_trainer(phase)
    assess = phases.assessment.assessor(trainer, phases.dataset.Collection(job.paths[:1], 44_100))
    as_trained, before = assess(), tiny.weights(*trainer.networks.values())
    assert set(as_trained) == {f"averaged/{name}"}
    assert 0 < as_trained[f"averaged/{name}"] < np.inf
    for average in trainer.average.averages:
        average.assign(1.5 * average)
    other = assess()
    for a, b in zip(before, tiny.weights(*trainer.networks.values()), strict=True):
        np.testing.assert_array_equal(a, b)
    assert other != as_trained
    trainer.finish()
    assert assess() == other


@pytest.mark.long
def test_later_phases_take_the_best_where_it_was_exported(job):
    phases._keep_config(job)
    trainer = make_trainer(1)
    saved = checkpoints.Checkpoints(trainer, job.directory(1))
    for step in (1, 2):
        for average in trainer.average.averages:
            average.assign(tf.fill(average.shape, float(step)))
        saved.offer(saved.save(step), step, "averaged/magnitude", float(step))
    for which, value in (("best", 1), ("last", 2)):
        checkpoints.export(job.directory(1), which)
        autoencoder = tiny.autoencoder()
        stored.restore_trained(autoencoder, job.directory(1), 1)
        assert all((v.numpy() == value).all() for v in autoencoder.encoder1.trainable_variables)
