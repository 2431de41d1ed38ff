"""The programs from outside: bad input is one line that names it, and nothing is left half-written."""

import dataclasses
import json
import os
import platform
import shlex
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tiny
from absl import flags
from absl.testing import flagsaver
from paths import ROOT
from warm import command, run

from musika_tf import processor
from musika_tf.config import AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining, RefinerConfig
from musika_tf.errors import UserError
from musika_tf.programs import cli, settings

SMOKE = f"--flagfile={ROOT / 'flags/smoke.flags'}"
MODEL = "--bundle_dir=models/techno"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A working directory with the repository's flags, models and tests in it, and nothing that a program wrote."""
    folder = tmp_path_factory.mktemp("place")
    for name in ("flags", "models", "tests"):
        (folder / name).symlink_to(ROOT / name)
    return folder


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    noise = np.random.default_rng(0).standard_normal((2 * 44_100, 2)) / 10
    soundfile.write(folder / "noise.wav", noise, 44_100)
    return folder


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "broken.wav").write_bytes(b"RIFF and nothing else")
    return tmp_path


CASES = {
    "preset": (["train_ae.py", "--flagfile=flags/none.flags"], ["flags/none.flags", "flags/mini.flags"]),
    "argument": (["generate.py", "song.wav"], ["song.wav"]),
    "no audio_dir": (["train_ae.py", SMOKE], ["--audio_dir"]),
    "no such folder": (["train_ae.py", SMOKE, "--audio_dir=none/such"], ["none/such"]),
    "no audio": (["train_ae.py", SMOKE, "--audio_dir=flags"], ["flags: no audio", "WAV"]),
    "no latents_dir": (["train_gan.py", SMOKE], ["--latents_dir"]),
    "nothing to refine": (["train_refiner.py", SMOKE, "--latents_dir=flags"], ["holds no bundle", "train_gan.py"]),
    "an autoencoder to refine": (
        ["train_refiner.py", SMOKE, "--latents_dir=flags", "--init_from=models/music-ae"],
        ["encodes and decodes", "train_gan"],
    ),
    "no latents": (["train_gan.py", SMOKE, "--latents_dir=flags"], ["--latents_dir=flags"]),
    "signal": (["encode.py", "--audio_dir=x", "--out_dir=y", "--conditioning=mood"], ["mood", "tempo"]),
    "no number": (["generate.py", "--seed=many"], ["--seed=many"]),
    "no finite number": (["generate.py", "--truncation=nan"], ["--truncation=nan: give a finite number"]),
    "no such choice": (["train_ae.py", "--phase=5"], ["--phase=5", "1|2|3|4|all"]),
    "no such flag": (["train_ae.py", "--phases=5"], ["phases"]),
    "flagfile of bytes": (
        ["train_ae.py", "--flagfile=docs/figures/techno.png"],
        ["--flagfile=docs/figures/techno.png: no such preset", "flags/mini.flags"],
    ),
    "sizes": (["train_ae.py", SMOKE, "--audio_dir=x", "--ae_width=98"], ["--ae_width=98: give a multiple of 4"]),
    "line's end": (["generate.py", "--length=1\n2\x1b[2J"], ["--length=1\\n2\\x1b[2J:"]),
    "endless seconds": (["generate.py", f"--length={'9' * 400}"], ["--length: longer than 10^15 seconds"]),
    "length 0": (["generate.py", "--length=0"], ["--length=0", "3m57s"]),
    "length abc": (["generate.py", "--length=abc"], ["--length=abc", "3m57s"]),
    "start": (["generate.py", "--start=soon"], ["--start: 'soon' is no time", "1h2m3s"]),
    "start too far": (["generate.py", "--start=99999999999h"], ["--start, --length: beyond 2^53 samples"]),
    "too long": (["generate.py", "--length=99999999999h"], ["--start, --length: beyond 2^53 samples", "make less"]),
    "long out": (["generate.py", "--length=1", f"--out={'o' * 300}.wav"], ["o" * 300, "File name too long"]),
    "long out of a folder": (["generate.py", f"--out={'o' * 300}/a.wav"], ["o" * 300, "there is no folder"]),
    "long audio_dir": (["train_ae.py", SMOKE, f"--audio_dir={'a' * 300}"], ["a" * 300 + ": ", "File name too long"]),
    "long latents_dir": (
        ["train_gan.py", SMOKE, f"--latents_dir={'a' * 300}"],
        ["a" * 300 + ": "],
    ),
    "endless file": (["generate.py", "--length=inf", "--out=a.wav"], ["--length=inf", "--out -"]),
    "endless loop": (["generate.py", "--length=inf", "--out=-", "--loop"], ["--loop"]),
    "short loop": (["generate.py", "--length=0.5s", "--loop"], ["--loop", "1s is the least"]),
    "style file": (["generate.py", "--style_file=none.json"], ["--style_file=none.json", "No such file"]),
    "style_over": (["generate.py", "--style_over=5m"], ["--style_over", "--style_to"]),
    "several": (["generate.py", "--num_pieces=2", "--out=a.wav"], ["--out=a.wav", "{seed}"]),
    "bpm": (["generate.py", "--bpm=60"], ["--bpm=60: 60 is outside of the range", "BPM"]),
    "density": (["generate.py", "--note_density=0.5"], ["--note_density=0.5", "techno", "it follows --bpm"]),
    "no cache_dir": (["train_ae.py", "--audio_dir=x", "--cache_dir="], ["--cache_dir=: no path", "leave the flag out"]),
    "no bundle_dir": (["encode.py", "--audio_dir=x", "--bundle_dir="], ["--bundle_dir=: no path"]),
    "no out": (["generate.py", "--length=1", "--out="], ["--out=: no path"]),
    "bars and length": (["generate.py", "--bars=4", "--length=inf"], ["--bars=4", "leave out --length"]),
    "no whole bars": (["generate.py", "--loop", "--length=30", "--bpm=127"], ["--loop: 30s at 127 BPM", "--bars=16"]),
    "no bundle": (["generate.py", "--length=1", "--bundle_dir=tests"], ["--bundle_dir=tests"]),
    "no model": (["evaluate.py", "--bundle=tests"], ["--bundle=tests: no bundle"]),
    "an autoencoder": (
        ["generate.py", "--bundle_dir=models/music-ae", "--length=1"],
        ["encodes and decodes", "train_gan"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_named_in_one_line(case, place):
    line, named = CASES[case]
    before = sorted(place.iterdir())
    done = run(*line, cwd=place)
    lines = done.stderr.strip().splitlines()
    assert done.returncode != 0
    assert len(lines) == 1 and all(text in lines[0] for text in named), done.stderr
    assert sorted(place.iterdir()) == before


def test_a_missing_phase_is_named(audio, tmp_path):
    config = tiny.preset("flags/smoke.flags", AutoencoderConfig)
    # In a new folder phase 2 fine-tunes.
    (tmp_path / "autoencoder.json").write_text(json.dumps(dataclasses.asdict(config)))
    done = run("train_ae.py", SMOKE, "--phase=2", f"--audio_dir={audio}", f"--checkpoint_dir={tmp_path}")
    assert done.returncode != 0
    assert "phase 2 starts from phase 1" in done.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "phase2").exists()


def test_a_file_in_place_of_a_folder_is_named(audio, tmp_path):
    (tmp_path / "file").write_text("kept")
    done = run("train_ae.py", SMOKE, "--phase=1", f"--audio_dir={audio}", f"--checkpoint_dir={tmp_path / 'file'}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"{tmp_path / 'file'}: can't be used (File exists)" in done.stderr
    assert (tmp_path / "file").read_text() == "kept"


def test_unreadable_audio_is_named(broken, tmp_path):
    done = run("train_ae.py", SMOKE, "--phase=1", f"--audio_dir={broken}", f"--checkpoint_dir={tmp_path / 'c'}")
    assert done.returncode != 0 and "broken.wav" in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.fixture
def mixed(audio, broken):
    os.link(audio / "noise.wav", broken / "noise.wav")
    soundfile.write(broken / "silence.wav", np.zeros([44_100, 2]), 44_100)
    return broken


def test_strict_training_stops_before_it_begins(mixed, tmp_path):
    line = ("train_ae.py", SMOKE, "--phase=1", f"--audio_dir={mixed}", f"--checkpoint_dir={tmp_path / 'c'}")
    done = run(*line, "--strict", f"--table={tmp_path / 't.csv'}")
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and "--strict: 2 files of --audio_dir=" in last and "digital silence" in last
    assert not (tmp_path / "c").exists() and len((tmp_path / "t.csv").read_text().splitlines()) == 4
    assert "1 file used, 2s; 2 left out" in done.stdout


@pytest.mark.long
def test_dry_run_of_training_tells_what_it_will_take_and_writes_nothing(mixed, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    done = run(
        "train_ae.py", SMOKE, "--phase=1", f"--audio_dir={mixed}", f"--checkpoint_dir={tmp_path / 'c'}", "--dry_run"
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:4]] == ["file", "broken.wav", "noise.wav", "silence.wav"]
    assert lines[4:6] == ["1 file used, 2s; 2 left out", "1 batches of 4 crops of 0.76 s are as much audio as there is"]
    assert lines[6].startswith("phase 1: 60 steps of ") and lines[7].endswith("on this machine")
    assert sorted(tmp_path.rglob("*")) == before


SLOW_TO_IMPORT = "tensorflow", "keras", "librosa", "matplotlib", "scipy"


@pytest.mark.parametrize("line", [*(f"{path.name} --help" for path in ROOT.glob("*.py")), "generate.py --length=0"])
def test_help_and_errors_wait_for_no_import(line):
    command = [sys.executable, "-X", "importtime", *line.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    imported = {entry.split("|")[-1].strip() for entry in done.stderr.splitlines() if entry.startswith("import time:")}
    assert "musika_tf.programs.cli" in imported and imported.isdisjoint(SLOW_TO_IMPORT)
    assert "flags:" in done.stdout if "--help" in line else "--length=0: give a duration" in done.stderr


PROGRAMS = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("", "benchmarks", "tools", "musika_tf/**")
    for path in ROOT.glob(f"{folder}/*.py".removeprefix("/"))
    if '__name__ == "__main__"' in path.read_text()
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_importing_a_program_does_not_import_tensorflow(program):
    """Only `cli.start_tensorflow` does, which keeps TensorFlow's notices off stderr."""
    code = f"import sys; sys.path.append('tools'); import {program}; assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


WHAT_IS_LOOKED_THROUGH = """
import gc
from musika_tf.programs import cli
cli.start_rendering(threads=0)
print(gc.isenabled(), gc.get_freeze_count() > 10 * len(gc.get_objects()))
"""


def test_what_programs_import_is_looked_through_for_garbage_no_more():
    """Python's collector took a quarter of the import, and half a second at the end."""
    done = subprocess.run([sys.executable, "-c", WHAT_IS_LOOKED_THROUGH], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == ["True", "True"], done.stderr


PARSE_ALL = """
import importlib, sys
sys.path.insert(0, ".")
importlib.import_module(sys.argv[1])
from absl import flags
from absl.testing import flagsaver
from musika_tf.programs import cli, settings
from musika_tf.config import AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining, RefinerConfig
for path in sys.argv[2:]:
    with flagsaver.flagsaver():
        flags.FLAGS(["program", f"--flagfile={path}"])
        configs = AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining, RefinerConfig
        print([settings.config(c) for c in configs])
assert "tensorflow" not in sys.modules
"""


@pytest.mark.parametrize("program", ["train_ae", "encode", "train_gan", "train_refiner", "generate"])
def test_every_program_takes_every_preset(program):
    line = [sys.executable, "-c", PARSE_ALL, program, *map(str, tiny.PRESETS)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    configs = (AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining, RefinerConfig)
    assert len(tiny.PRESETS) >= 3
    assert done.stdout.splitlines() == [str([tiny.preset(path, c) for c in configs]) for path in tiny.PRESETS]


def test_presets_are_what_they_say():
    for config_class in (AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining):
        assert tiny.preset("flags/reference.flags", config_class) == config_class()
    mini = tiny.preset("flags/mini.flags", AutoencoderConfig), tiny.preset("flags/mini.flags", GanConfig)
    assert (mini[0].width, mini[1].width, mini[1].patch_critic, mini[1].noise_values) == (128, 32, True, 8)
    assert mini == tuple(tiny.preset("flags/music.flags", type(config)) for config in mini)
    one_value = dataclasses.replace(mini[1], noise_values=1)  # as techno was trained
    assert (mini[0], one_value) == tuple(tiny.preset("flags/techno.flags", type(config)) for config in mini)
    wider = dataclasses.replace(mini[1], width=48)
    contrasting = dataclasses.replace(wider, critic_contrast=True)
    for flagfile, gan in (("flags/piano.flags", wider), ("flags/misc.flags", contrasting)):
        assert (mini[0], gan) == tuple(tiny.preset(flagfile, type(config)) for config in mini)


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--ae_steps=1,2,3", "--ae_steps=1,2,3: give 4 numbers"),
        ("--ae_steps=1,2,3,x", "--ae_steps=1,2,3,x: give 4 numbers"),
        ("--ae_steps=1,2,3,4.5", "--ae_steps=1,2,3,4.5: give 4 numbers"),
        ("--ae_learning_rates=", "--ae_learning_rates=: give 4 numbers"),
    ],
)
def test_lists_of_numbers(flag, message):
    with flagsaver.flagsaver():
        flags.FLAGS(["test", flag], known_only=True)
        with pytest.raises(UserError, match=message):
            settings.config(AutoencoderTraining)
    with flagsaver.flagsaver():
        flags.FLAGS(
            ["test", "--ae_steps=1,2,3,4", "--ae_learning_rates=1e-3,2,3,4", "--nogan_r1_control"], known_only=True
        )
        training = settings.config(AutoencoderTraining)
        assert training.steps == (1, 2, 3, 4) and training.learning_rates == (0.001, 2.0, 3.0, 4.0)
        assert settings.config(GanTraining).r1_control is False


def test_effective_flags_run_the_same_again(tmp_path):
    script = (
        "import sys; from absl import flags\n"
        "from musika_tf.config import GanConfig; from musika_tf.programs import cli, settings\n"
        "flags.FLAGS(sys.argv); settings.save_flags(sys.argv[-1] if sys.argv[-1][0] != '-' else '.')\n"
        "print(settings.config(GanConfig))"
    )
    first = run("-c", script, SMOKE, "--gan_width=12", "--conditioning=tempo,beat", tmp_path, check=True)
    saved = tmp_path / "effective.flags"
    assert "--conditioning=tempo,beat" in saved.read_text().splitlines()
    again = run("-c", script, f"--flagfile={saved}", tmp_path / "again", check=True)
    assert "width=12" in first.stdout and again.stdout == first.stdout
    assert (tmp_path / "again" / "effective.flags").read_text() == saved.read_text()


@flagsaver.flagsaver
def test_a_home_in_any_path_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    cli._parse(["x.py", "--checkpoint_dir=~/c", "--init_from=~", "--latents_dir=a~/~", "--licence=~", "--audio_dir=b~"])
    values = flags.FLAGS.checkpoint_dir, flags.FLAGS.init_from, flags.FLAGS.latents_dir, flags.FLAGS.audio_dir
    assert values == (f"{tmp_path}/c", str(tmp_path), "a~/~", "b~")
    assert flags.FLAGS.licence == "~" and flags.FLAGS.cache_dir is None


TEXT_FLAGS = """
import importlib, sys
from absl import flags
from musika_tf.programs import cli, settings
importlib.import_module(f"musika_tf.programs.{sys.argv[1]}")
modules = flags.FLAGS.flags_by_module_dict()
for flag in [flag for module in modules if module.startswith("musika_tf") for flag in modules[module]]:
    if flag.flag_type() == "string" and any(word in flag.help for word in ("folder", "file", "bundle")):
        print(flag.name, settings.is_path(flag.name))
"""
NO_PATHS = {"name", "note_density", "runner"}


@pytest.mark.parametrize("program", [path.stem for path in ROOT.glob("*.py")])
def test_flags_that_speak_of_files_are_known_as_paths(program):
    done = run("-c", TEXT_FLAGS, program, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert len(rows) > 5 and {name for name, is_path in rows if is_path == "False"} <= NO_PATHS


# Standard output


def in_shell(flags, redirection, cwd):
    line = f"{shlex.join(command('generate.py', '--length=1', '--seed=7', MODEL))} {flags} {redirection}"
    return subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=cwd, capture_output=True, text=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "| true"])
def test_reports_that_nobody_takes_stop_no_work(tmp_path, redirection):
    done = in_shell("--num_pieces=2 --out='{seed}.wav'", redirection, tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["7.wav", "8.wav"]
    full = "standard output: can't be written (No space left on device); the work goes on"
    reports = [line for line in done.stderr.splitlines() if line and "times real time" not in line]
    assert reports == [full] * (redirection == ">/dev/full")


STDERR = ["2>/dev/full", "2>&-", "2> >(exit)"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("redirection", STDERR)
def test_standard_error_that_nobody_takes_stops_no_generation(tmp_path, redirection):
    done = in_shell("--num_pieces=2 --click --out='{seed}.wav'", redirection, tmp_path)
    assert done.returncode == 0
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == ["7.wav", "8.wav"]
    assert [line.split(":")[0] for line in done.stdout.splitlines()][-2:] == ["7.wav", "8.wav"]


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("redirection", STDERR)
def test_standard_error_that_nobody_takes_stops_no_encoding(mixed, tmp_path, redirection):
    line = command("encode.py", f"--audio_dir={mixed}", f"--out_dir={tmp_path}/latents", MODEL)
    done = subprocess.run(["bash", "-c", f"{shlex.join(line)} {redirection}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert sorted(path.name for path in (tmp_path / "latents").rglob("*.npz")) == ["noise.wav.npz", "silence.wav.npz"]


def test_a_stream_into_closed_output_is_one_line(tmp_path):
    done = in_shell("--out=-", ">&-", tmp_path)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "--out=-: standard output can't be written (Bad file descriptor)" in done.stderr
    assert os.listdir(tmp_path) == []


# Resuming


@pytest.fixture
def stored(tmp_path):
    """A folder with the flags of a training: sizes and a switch that are not the defaults."""
    lines = [
        "--ae_width=24",
        "--ae_steps=1,2,3,4",
        "--gan_patch_critic",
        f"--audio_dir={tmp_path}",
        "--threads=1",
        "--strategy=multi_worker",
        "--precision=mixed_bfloat16",
        "--gone=1",
    ]
    (tmp_path / settings.EFFECTIVE).write_text("\n".join(lines) + "\n")
    return tmp_path


@flagsaver.flagsaver
def test_a_resumed_run_takes_its_flags_from_beside_the_checkpoint(stored):
    flags.FLAGS(["train_ae.py", "--ae_steps=5,6,7,8", "--nogan_standardise"], known_only=True)
    settings.read_back([stored / "not there", stored])
    assert settings.config(AutoencoderConfig).width == 24 and settings.config(GanConfig).patch_critic
    assert flags.FLAGS.audio_dir == str(stored)
    assert settings.config(AutoencoderTraining).steps == (5, 6, 7, 8)  # what is given counts
    assert flags.FLAGS.precision == "mixed_bfloat16"
    assert flags.FLAGS.threads == 0 and flags.FLAGS.strategy == "none"  # of the run, not of the training


def test_speed_modes_are_those_of_the_library():
    from musika_tf.training import devices, precision  # imports TensorFlow, which programs don't before they run

    precisions = {*precision.POLICIES, *processor.PRECISIONS}
    for name, values, default in (
        ("precision", precisions, "float32"),
        ("strategy", set(devices.STRATEGIES), devices.STRATEGIES[0]),
    ):
        assert set(flags.FLAGS[name].parser.enum_values) == values and flags.FLAGS[name].default == default


@pytest.mark.parametrize("precision", ["bfloat16", "mixed_bfloat16"])
@flagsaver.flagsaver
def test_training_names_its_own_bfloat16(precision):
    flags.FLAGS(["train_gan.py", f"--precision={precision}"], known_only=True)
    if precision == "mixed_bfloat16":
        assert settings.training_precision() == precision
        return
    with pytest.raises(UserError, match="--precision=bfloat16: is for generate.py; .*mixed_bfloat16"):
        settings.training_precision()


@pytest.mark.parametrize("name", ["music ", " music", "m [1]", "*", "M\udce9xico", "Grüße", "a=b", '"a', "#"])
@flagsaver.flagsaver
def test_any_folder_is_read_back_from_any_working_directory(tmp_path, monkeypatch, name):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    flags.FLAGS(["train_ae.py", f"--audio_dir={name}"], known_only=True)
    settings.save_flags(tmp_path)
    flags.FLAGS.unparse_flags()
    flags.FLAGS["audio_dir"].unparse()
    flags.FLAGS(["train_ae.py"], known_only=True)
    monkeypatch.chdir("/")
    settings.read_back([tmp_path])
    assert flags.FLAGS.audio_dir == str(tmp_path / name)


@flagsaver.flagsaver
def test_a_new_run_has_nothing_to_read_back(tmp_path):
    before = settings.effective_flags()
    settings.read_back([tmp_path])
    assert settings.effective_flags() == before


@flagsaver.flagsaver
def test_damaged_flags_are_named(tmp_path):
    (tmp_path / settings.EFFECTIVE).write_text("--ae_width=wide\n")
    with pytest.raises(UserError, match="effective.flags: damaged .*wide.*delete it"):
        settings.read_back([tmp_path])


def test_programs_resume_without_their_flagfile(stored):
    (stored / "phase2").mkdir()
    text = (stored / settings.EFFECTIVE).read_text().replace(f"--audio_dir={stored}", "--audio_dir=music")
    (stored / "phase2" / settings.EFFECTIVE).write_text(text)
    done = run("train_ae.py", f"--checkpoint_dir={stored}")
    expected = f"--audio_dir=music: no such file or folder; the name is from {stored}/phase2/effective.flags: give"
    assert done.returncode == 2 and expected in done.stderr
    assert "--audio_dir" in run("train_ae.py", f"--checkpoint_dir={stored}", "--phase=1").stderr


@pytest.mark.parametrize(
    ("start", "machine", "given", "expected"),
    [
        ("start_training", "x86_64", None, "1"),
        ("start_training", "x86_64", "0", "0"),
        ("start_training", "aarch64", None, None),
        ("start_tensorflow", "x86_64", None, None),
    ],
)
def test_training_takes_onednn_on_x86_unless_told_otherwise(monkeypatch, start, machine, given, expected):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", given or "")
    if given is None:
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(cli, "start_rendering", lambda threads: found.append(os.environ.get("TF_ENABLE_ONEDNN_OPTS")))
    found = []
    getattr(cli, start)()
    assert found == [expected]
