"""docs/your-own-model.md: its commands, on ten small files, with a small model in place of the one that ships.

What a step writes, the next one reads; the hub is one on loopback, and the other machine an empty folder with an empty
cache. Only sizes differ from what the page says, see SMOKE.
"""

import json
import os
import re
import shlex
import shutil
import subprocess

import numpy as np
import pages
import pytest
import soundfile
import warm
from paths import ROOT

from musika_tf import shipped
from musika_tf.conditioning import tags
from musika_tf.model.metadata import read_metadata

pytest.importorskip("huggingface_hub")

import hub_server  # noqa: E402

PAGE = pages.read(ROOT / "docs/your-own-model.md")
SMOKE = {
    r"--init_from=\S+": "--init_from=start",
    r"flags/mini\.flags": "flags/smoke.flags",
    r"--gan_steps=\d+": "--gan_steps=2",
    r"--refiner_steps=\d+": "--flagfile=flags/smoke.flags --refiner_steps=2 --refiner_guide_steps=2",
    r"--length=1m\b": "--length=2s",
    r"--pieces=\d+ --seconds=\d+": "--pieces=1 --seconds=24",
    r"musika-tf push\b": "musika-tf push --samples=1",
}
ONCE = ["pip install", "pip install", "hf auth login"]  # what a test can't: others' packages, and an account
RATE = 44_100
SIGNALS = "tags,position"  # of the model that the page starts from
SCALE = ("name", "unit", "mean", "deviation")
FILES = {
    "music": ("16 bit.wav", "24 bit.wav", "float.wav", "a.flac", "b.ogg", "c.mp3", "d.aiff", "mono.au"),
    "held_out": ("e.wav", "48 kHz.flac"),
}
ENCODINGS = {"24 bit.wav": "PCM_24", "float.wav": "FLOAT"}


def blocks(*words):
    """The texts of the page's blocks of shell, those whose fence says these words after `sh`."""
    return [block.text for block in PAGE.blocks if block.words == ("sh", *words)]


def smoke(text):
    """A block with the sizes of SMOKE."""
    for pattern, small in SMOKE.items():
        text = re.sub(pattern, small, text)
    return text


def test_all_of_the_page_is_run_but_what_is_done_once():
    (once,) = blocks("once")
    assert len(once.splitlines()) == len(ONCE) and all(map(str.startswith, once.splitlines(), ONCE))
    assert len(PAGE.blocks) == 1 + len(blocks()) + len(blocks("elsewhere"))
    text = "\n".join(blocks() + blocks("elsewhere"))
    assert all(re.search(pattern, text) for pattern in SMOKE)
    programs = re.findall(r"^(?:python|musika-tf) (\w+)", text, re.MULTILINE)
    assert programs == [
        "encode",
        "encode",
        "train_gan",
        "train_refiner",
        "generate",
        "evaluate",
        "push",
        "pull",
        "generate",
    ]


def beat(seconds, seed, rate):
    """Some bars of a kick, a chord and a hiss, each seed's own: float32 `[samples, 2]`."""
    rng = np.random.default_rng(seed)
    time = np.arange(seconds * rate) / rate
    since_beat = time % (60 / rng.uniform(115, 155))
    kick = 0.5 * np.sin(2 * np.pi * 60 * since_beat) * np.exp(-12 * since_beat)
    chord = sum(0.05 * np.sin(2 * np.pi * f * time) for f in rng.uniform(150, 900, size=3))
    hiss = 0.02 * rng.standard_normal((len(time), 2)) * np.exp(-20 * since_beat)[:, None]
    return (hiss + (kick + chord)[:, None]).astype(np.float32)


def record(folder):
    """Ten files in ordinary formats, 25 s each, where the page has them."""
    for i, path in enumerate(folder / place / name for place, names in FILES.items() for name in names):
        path.parent.mkdir(exist_ok=True)
        rate = 48_000 if "48 kHz" in path.name else RATE
        music = beat(25, i, rate)
        music = music[:, 0] if "mono" in path.name else music
        soundfile.write(path, music, rate, subtype=ENCODINGS.get(path.name))


def save_start(folder):
    """A model of the sizes of the smoke preset, with the signals of the one that the page starts from."""
    import tiny

    from musika_tf.conditioning import signals
    from musika_tf.conditioning.conditioner import Conditioner
    from musika_tf.config import GanConfig
    from musika_tf.gan.model import Gan
    from musika_tf.model import bundle
    from musika_tf.model.loading import load_autoencoder

    autoencoder = load_autoencoder(shipped.default_autoencoder())
    names = tuple(signal.name for signal in signals.parse(SIGNALS))
    conditioner = Conditioner(names, autoencoder.config.latents_per_second)
    seen = np.random.default_rng(0).uniform(size=(2, 300, len(names))).astype(np.float32)
    conditioner.fit(list(seen), {name: "musicnn" for name in names if name.startswith(tags.PREFIX)})
    config = tiny.preset(ROOT / "flags/smoke.flags", GanConfig)
    gan = Gan.create(config, autoencoder.config.latent_channels, conditioner.n_channels)
    bundle.save(folder, autoencoder, gan, conditioner, name="start", steps=0, licence="MIT")


class Machine:
    """A working directory with the repository's programs, a bash that runs blocks there, and a cache of its own."""

    def __init__(self, folder, hub):
        self.folder = folder
        folder.mkdir()
        for path in [*ROOT.glob("*.py"), ROOT / "flags"]:
            (folder / path.name).symlink_to(path)
        self._command("python", *warm.python())
        self._command("musika-tf", *warm.python(), "-c", warm.MUSIKA_TF)
        self._environment = os.environ | {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": hub.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(folder / "home"),
            "HF_TOKEN": hub_server.TOKEN,
            "MUSIKA_TF_CACHE": str(folder / "cache"),
        }

    def _command(self, name, *words):
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        path.chmod(0o755)

    def run(self, text):
        """Runs a block; what it printed."""
        command = [shutil.which("bash"), "-euo", "pipefail", "-c", smoke(text)]
        done = subprocess.run(command, cwd=self.folder, env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(not tags.installed(), reason="what tags need (pip install --no-deps musicnn) is missing")
def test_from_ten_files_to_a_model_that_was_shared(tmp_path):
    with hub_server.Hub() as hub:
        here = Machine(tmp_path / "here", hub)
        record(here.folder)
        save_start(here.folder / "start")
        look, encode, train, refine, listen, share = blocks()
        said = here.run(look)
        assert all(name in said for name in FILES["music"]) and "0 left out" in said
        assert not (here.folder / "latents").exists()

        here.run(encode)
        encoded = sorted((here.folder / "latents/music").glob("*.npz"))
        assert len(encoded) == len(FILES["music"])
        with np.load(encoded[0]) as data:
            assert data["conditioning_tags"].shape == (len(data["latents"]), 50) and "conditioning_position" in data

        here.run(train)
        start, made = (read_metadata(here.folder / path) for path in ("start", "checkpoints/mine/bundle"))
        assert [made[key] for key in ("name", "steps", "licence")] == ["mine", 2, "CC0-1.0"]
        assert made["gan_config"] == start["gan_config"]
        for row, known in zip(made["conditioning"], start["conditioning"], strict=True):
            assert [row[key] for key in SCALE] == [known[key] for key in SCALE]
        assert len(made["conditioning"][0]["pieces"]) == len(FILES["music"])  # what styles draw is this music's
        assert list((here.folder / "checkpoints/mine/gan/previews").glob("*.wav"))

        here.run(refine)
        refined = read_metadata(here.folder / "checkpoints/mine/bundle")
        assert refined.pop("refiner_steps") == 2 and refined.pop("refiner_config")["width"] == 8
        assert refined == made

        here.run(listen)
        mine, _ = soundfile.read(here.folder / "mine.wav")
        assert mine.shape == (2 * RATE, 2) and np.abs(mine).max() > 0
        report = json.loads((here.folder / "report/report.json").read_text())
        assert [(row["kind"], row["songs"]) for row in report["sets"]] == [("generated", 1), ("reference", 2)]
        assert report["left_out"] == [] and (here.folder / "report/report.html").is_file()

        here.run(share)
        pushed = hub.files("you/mine")[1]
        assert {"README.md", "NOTICE", "samples/seed-1.flac", "saved_model.pb"} <= set(pushed)
        assert b"Ten recordings of mine" in pushed["README.md"]

        elsewhere = Machine(tmp_path / "elsewhere", hub)
        (text,) = blocks("elsewhere")
        elsewhere.run(text)
        assert (elsewhere.folder / "again.wav").read_bytes() == (here.folder / "mine.wav").read_bytes()
