"""Which values programs take where nobody gave any, and that they say so."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import warm

from musika_tf import shipped
from musika_tf.config import AutoencoderConfig, from_dict
from musika_tf.model import loading
from musika_tf.model.metadata import read_metadata

# Every program has flags of its own, so each runs in a process of its own.
TAKE = """
import importlib, sys
from absl import flags
from musika_tf.programs import cli, flagfiles
program = importlib.import_module(f"musika_tf.programs.{sys.argv[1]}")
flags.FLAGS(flagfiles.expanded(sys.argv[1:]))
"""
SHOW = "{}\nprint([flags.FLAGS[name].value for name in {}])"


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def take(program, arguments, names, call="program._take_defaults()"):
    """What a program says of its defaults (standard output and error), and the values of its flags after it."""
    done = warm.run("-c", TAKE + SHOW.format(call, names), program, *arguments, cwd=".")
    assert done.returncode == 0, done.stderr
    *said, values = done.stdout.splitlines()
    return said, done.stderr.splitlines(), eval(values)


def autoencoder_in(folder):
    folder.mkdir(parents=True)
    (folder / "autoencoder.json").write_text("{}")


@pytest.mark.parametrize("own", [False, True])
def test_encode_takes_ones_own_autoencoder_or_the_one_that_ships(own, empty_folder):
    (empty_folder / "my music").mkdir()
    if own:
        autoencoder_in(empty_folder / "checkpoints/musika")
    said, _, values = take("encode", ["--audio_dir=my music/"], ["bundle_dir", "out_dir"])
    model = "--checkpoint_dir=checkpoints/musika" if own else "--bundle_dir=models/music-ae"
    assert said == [f"defaults: {model} --out_dir=latents/my music"]
    assert values == [None if own else str(shipped.default_autoencoder()), "latents/my music"]


def test_encode_takes_the_autoencoder_that_ships_where_a_preset_names_a_training_to_come():
    arguments, names = ["--flagfile=flags/techno.flags", "--audio_dir=music"], ["bundle_dir", "checkpoint_dir"]
    said, _, values = take("encode", arguments, names)
    assert said == ["defaults: --bundle_dir=models/music-ae --out_dir=latents/music"]
    assert values == [str(shipped.default_autoencoder()), "checkpoints/techno"]
    _, _, values = take("encode", [*arguments, "--checkpoint_dir=mine"], names)  # whoever names one wants that one
    assert values == [None, "mine"]
    autoencoder_in(Path("checkpoints/techno"))
    _, _, values = take("encode", arguments, names)
    assert values == [None, "checkpoints/techno"]


def test_encode_names_the_latents_of_one_file_after_its_folder(empty_folder):
    (empty_folder / "songs").mkdir()
    (empty_folder / "songs/a.wav").write_bytes(b"")
    said, _, values = take("encode", ["--audio_dir=songs/a.wav", "--checkpoint_dir=mine"], ["bundle_dir"])
    assert said == ["defaults: --out_dir=latents/songs"] and values == [None]


def test_encode_says_nothing_of_what_was_given():
    given = ["--audio_dir=songs", "--bundle_dir=models/techno", "--out_dir=there"]
    said, _, values = take("encode", given, ["bundle_dir", "out_dir"])
    assert said == [] and values == [str(shipped.default_model()), "there"]


@pytest.mark.parametrize(
    ("folders", "taken"),
    [(["music"], "music"), (["songs"], "songs"), (["music", "songs"], "music"), ([], None), (["a", "b"], None)],
)
def test_train_gan_takes_the_latents_that_are_there(folders, taken, empty_folder):
    for folder in folders:
        (empty_folder / "latents" / folder).mkdir(parents=True)
    if taken:
        said, _, values = take("train_gan", [], ["latents_dir"], "cli.take_latents()")
        assert said == [f"defaults: --checkpoint_dir=checkpoints/musika --latents_dir=latents/{taken}"]
        assert values == [f"latents/{taken}"]
        return
    done = warm.run("-c", TAKE + "cli.take_latents()", "train_gan", cwd=".")
    last = done.stderr.splitlines()[-1]
    assert "UserError: --latents_dir is missing" in last and all(f"latents/{name}" in last for name in folders)


TUNED = "--init_from=models/music-ae (phase 2 fine-tunes the shipped autoencoder: checkpoints/musika holds none)"


@pytest.mark.parametrize(
    ("given", "own", "note"),
    [
        (["--phase=2"], False, TUNED),
        (["--phase=2"], True, ""),
        (["--phase=1"], False, ""),
        ([], False, ""),
        (["--phase=2", "--init_from=mine"], False, ""),
    ],
)
def test_a_later_phase_in_a_new_folder_fine_tunes_the_shipped_autoencoder(given, own, note, empty_folder):
    if own:
        autoencoder_in(empty_folder / "checkpoints/musika")
    said, _, values = take("train_ae", given, ["init_from"])
    assert said == [f"defaults: --checkpoint_dir=checkpoints/musika {note}".rstrip()]
    assert values == [str(shipped.default_autoencoder()) if note else "mine" if len(given) == 2 else None]


def test_sizes_are_those_of_what_is_fine_tuned():
    given = ["--flagfile=flags/smoke.flags", f"--init_from={shipped.default_model()}"]
    said, _, values = take("train_ae", given, ["ae_width"], "print(program._sizes('new').width)")
    assert said == ["the autoencoder has the sizes of models/techno, in place of the flags'", "128"]
    assert values == [128]  # which are the flags that are kept beside the checkpoint
    said, _, _ = take("train_ae", ["--flagfile=flags/smoke.flags"], [], "print(program._sizes('new').width)")
    assert said == ["24"]


def test_a_gan_has_the_sizes_and_signals_of_what_it_starts_from():
    given = ["--flagfile=flags/smoke.flags", f"--init_from={shipped.default_model()}"]
    call = "print(program._sizes().width)"
    said, _, values = take("train_gan", given, ["gan_width", "gan_noise_values", "conditioning"], call)
    assert said == ["the GAN has the sizes of models/techno, in place of the flags'", "32"]
    assert values == [32, 1, "tempo,beat,position"]
    said, _, values = take("train_gan", [given[1], "--conditioning=tempo"], ["gan_width", "conditioning"], call)
    assert said == ["32"] and values == [32, "tempo"]  # whose refusal names techno's
    done = warm.run("-c", TAKE + call, "train_gan", f"--init_from={shipped.default_autoencoder()}", cwd=".")
    assert "an autoencoder without a GAN; leave --init_from out" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("own", [False, True])
def test_generate_plays_ones_own_model_or_the_one_that_ships(own, empty_folder):
    if own:
        (empty_folder / "checkpoints/musika/bundle").mkdir(parents=True)
    name = "checkpoints/musika/bundle" if own else "models/techno"
    call = "production.run = lambda asked, *_: print(asked.model); cli.start_tensorflow = str; program.main(None)"
    call = f"from musika_tf.generate import production; {call}"
    said, _, _ = take("generate", ["--length=1"], [], call)
    assert said[0] == f"defaults: --bundle_dir={name}" and said[1].endswith(name)
    said, errors, _ = take("generate", ["--length=1", "--out=-"], [], call)
    assert len(said) == 1 and errors == [f"defaults: --bundle_dir={name}"]  # a stream is audio and nothing else
    said, _, _ = take("generate", ["--length=1", "--bundle_dir=models/techno"], [], call)
    assert said == [str(shipped.default_model())]


def run(program, *arguments):
    done = warm.run(program, *arguments, cwd=".")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done


def noise(folder, seconds):
    folder.mkdir()
    samples = np.random.default_rng(0).standard_normal((seconds * 44_100, 2)) / 10
    soundfile.write(folder / "noise.wav", samples, 44_100)


@pytest.mark.long
def test_a_folder_of_music_is_all_that_the_chain_needs(empty_folder):
    """The shipped autoencoder encodes, a new GAN of other sizes learns, and what it makes is played."""
    noise(empty_folder / "music", 40)
    done = run("encode.py", "--audio_dir=music")
    assert done.stdout.splitlines()[0] == "defaults: --bundle_dir=models/music-ae --out_dir=latents/music"

    done = run("train_gan.py", "--flagfile=flags/smoke.flags", "--gan_steps=3")
    assert "defaults: --checkpoint_dir=checkpoints/musika --latents_dir=latents/music" in done.stdout
    assert "the autoencoder is that of models/music-ae, which made the latents" in done.stderr
    run("train_gan.py", "--gan_steps=4")  # goes on, with sizes and latents as before
    done = run("train_refiner.py", "--flagfile=flags/smoke.flags", "--refiner_steps=3")
    assert "defaults: --checkpoint_dir=checkpoints/musika --latents_dir=latents/music" in done.stdout
    run("train_refiner.py", "--refiner_steps=4")

    done = run("generate.py", "--length=2s", "--seed=3")
    assert done.stdout.splitlines()[0] == "defaults: --bundle_dir=checkpoints/musika/bundle"
    assert soundfile.info(empty_folder / "musika-3.wav").frames == 2 * 44_100

    made, given = read_metadata("checkpoints/musika/bundle"), read_metadata(shipped.default_autoencoder())
    assert made["steps"] == 4 and made["gan_config"]["width"] == 8
    assert made["refiner_steps"] == 4 and made["refiner_config"]["width"] == 8
    assert made["autoencoder_id"] == given["autoencoder_id"]
    assert from_dict(AutoencoderConfig, made["autoencoder_config"]) == from_dict(
        AutoencoderConfig, given["autoencoder_config"]
    )


@pytest.mark.long
def test_the_shipped_autoencoder_is_fine_tuned_and_its_latents_stay(empty_folder):
    noise(empty_folder / "music", 3)
    steps = ("--phase=2", "--ae_steps=1,1,1,1", "--ae_batch_size=1", "--ae_critic_width=2")
    done = run("train_ae.py", "--audio_dir=music", *steps)
    assert f"defaults: --checkpoint_dir=checkpoints/musika {TUNED}" in done.stdout
    run("train_ae.py", "--phase=2")  # which is complete: sizes and all are read back

    tuned = loading.load_autoencoder("checkpoints/musika")
    given = loading.load_autoencoder(shipped.default_autoencoder())
    assert tuned.identity() == given.identity()
    pairs = zip(tuned.decoder1.get_weights(), given.decoder1.get_weights(), strict=True)
    assert max(np.abs(a - b).max() for a, b in pairs) > 0
