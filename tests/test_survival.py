"""Trainings that are killed, run out of disk or meet NaN, as a user would: by the programs and in graphs."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from paths import ROOT

N_STEPS, SAVE_EVERY = 12, 3
FLAGS = (
    f"--flagfile={ROOT / 'flags/smoke.flags'}",
    "--ae_width=16",
    "--ae_batch_size=2",
    f"--ae_steps={','.join(4 * [str(N_STEPS)])}",
    "--ae_critic_start=0.3",
    "--gan_r1_every=2",
    f"--gan_steps={N_STEPS}",
    f"--save_every={SAVE_EVERY}",
)
PHASES = "phase1", "phase2", "phase3", "phase4"
PROGRAMS = dict.fromkeys(PHASES, "train_ae.py") | {"gan": "train_gan.py"}

pytestmark = pytest.mark.slow


def start(program, *flags, **settings):
    command = [sys.executable, ROOT / program, *FLAGS, *map(str, flags)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=os.environ, **pipes, **settings)


def run(program, *flags, status=0, **settings):
    process = start(program, *flags, **settings)
    output, _ = process.communicate(timeout=1800)
    assert process.returncode == status, output[-4000:]
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with audio, for latents and for checkpoints of trainings that nothing interrupts."""
    folder = tmp_path_factory.mktemp("unbroken")
    (folder / "audio").mkdir()
    time = np.arange(30 * 44_100) / 44_100
    noise = np.random.default_rng(0).standard_normal([len(time), 2])
    music = 0.3 * np.sin(2 * np.pi * 110 * time)[:, None] + 0.1 * noise * np.exp(-8 * (time % 0.5))[:, None]
    soundfile.write(folder / "audio" / "a.wav", music, 44_100)
    return folder


def paths_of(what, folder, checkpoints):
    data = "latents" if what == "gan" else "audio"
    phase = [] if what == "gan" else [f"--phase={what[-1]}"]
    return [f"--{data}_dir={folder / data}", f"--checkpoint_dir={checkpoints}", *phase]


def train_before(what, folder):
    """Trains what `what` starts from, and encodes for the GAN, where that isn't done yet."""
    for earlier in [phase for phase in PHASES if what == "gan" or phase < what]:
        train(earlier, folder)
    if what == "gan" and not (folder / "latents").is_dir():
        paths = f"--audio_dir={folder / 'audio'}", f"--checkpoint_dir={folder / 'checkpoints'}"
        run("encode.py", *paths, f"--out_dir={folder / 'latents'}")


def train(what, folder):
    """Trains without an interruption, saving but at the end: how often doesn't matter to the weights."""
    if not (folder / "checkpoints" / what).is_dir():
        train_before(what, folder)
        run(PROGRAMS[what], *paths_of(what, folder, folder / "checkpoints"), "--save_every=1000")


def learnt(directory):
    """Every number of the newest checkpoint, as bytes by name."""
    reader = tf.train.load_checkpoint(str(directory))
    names = set(reader.get_variable_to_shape_map()) - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    return {name: np.asarray(reader.get_tensor(name)).tobytes() for name in names if "save_counter" not in name}


def kill_after_a_while(process, directory, rng):
    """Waits for a random checkpoint and a random moment after it, and kills; the checkpoint's number."""
    number, deadline = rng.randrange(0, N_STEPS - SAVE_EVERY, SAVE_EVERY), time.monotonic() + 1800
    while not (directory / f"ckpt-{number}.index").is_file():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()[0][-4000:]
        time.sleep(0.002)
    time.sleep(rng.uniform(0, 1))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    return number


@pytest.mark.parametrize("what", PROGRAMS)
def test_killed_and_resumed_equals_unbroken_bit_for_bit(what, folder, tmp_path):
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown where it fails
    checkpoints = tmp_path / "checkpoints"
    train_before(what, folder)
    if what != "phase1":
        others = [name for name in PROGRAMS if name >= what or name == "gan"] if what != "gan" else ["gan"]
        shutil.copytree(folder / "checkpoints", checkpoints, ignore=shutil.ignore_patterns(*others, "bundle"))
    paths = paths_of(what, folder, checkpoints)
    number = kill_after_a_while(start(PROGRAMS[what], *paths), checkpoints / what, random.Random(seed))
    output = run(PROGRAMS[what], *paths)
    assert "resumed at step" in output, (number, output[-2000:])
    assert not list((checkpoints / what).glob("*temp*"))
    train(what, folder)
    expected, resumed = learnt(folder / "checkpoints" / what), learnt(checkpoints / what)
    assert len(expected) > 50
    assert set(resumed) == set(expected)
    assert [name for name in sorted(expected) if resumed[name] != expected[name]] == []


def test_a_full_disk_costs_nothing_that_was_saved(folder, tmp_path):
    checkpoints = tmp_path / "checkpoints"
    paths = paths_of("phase1", folder, checkpoints)
    kill_after_a_while(start("train_ae.py", *paths), checkpoints / "phase1", random.Random(0))
    size = max(path.stat().st_size for path in (checkpoints / "phase1").glob("ckpt-*"))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 1000, size - 1000))

    output = run("train_ae.py", *paths, status=2, preexec_fn=limit)
    last = output.strip().splitlines()[-1]
    assert last.startswith(f"train_ae.py: {checkpoints / 'phase1'}: step ")
    assert "can't be saved (File too large); make room: " in last and "Traceback" not in output
    run("train_ae.py", *paths)
    train("phase1", folder)
    assert learnt(checkpoints / "phase1") == learnt(folder / "checkpoints" / "phase1")


def test_the_best_gan_can_be_exported_from_a_complete_training(folder, tmp_path):
    train("gan", folder)
    checkpoints = tmp_path / "checkpoints"
    shutil.copytree(folder / "checkpoints", checkpoints)
    run("train_gan.py", *paths_of("gan", folder, checkpoints), "--export=best")
    record = json.loads((checkpoints / "gan" / "best" / "best.json").read_text())
    metadata = json.loads((checkpoints / "bundle" / "metadata.json").read_text())
    assert metadata["steps"] == record["step"]
