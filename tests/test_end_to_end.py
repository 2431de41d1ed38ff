"""The whole chain as a user types it: audio -> autoencoder -> latents -> GAN -> music."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf
import warm
from comments import read_comment, read_piece
from paths import ROOT

import musika_tf
from musika_tf.audio import resampling
from musika_tf.generate import piece
from musika_tf.generate.styles import StylePlan
from musika_tf.model.metadata import read_metadata

RATE = 44_100
SAMPLES = pathlib.Path("/usr/share/sonic-pi/samples")


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory):
    """What a notebook leaves to the programs that it starts, and what others' projects want of Keras."""
    warm.python()  # in an environment of its own
    home = tmp_path_factory.mktemp("home")
    (home / ".keras").mkdir()
    keras = {"floatx": "float16", "epsilon": 1e-7, "backend": "jax", "image_data_format": "channels_first"}
    (home / ".keras" / "keras.json").write_text(json.dumps(keras))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("KERAS_BACKEND", "torch")
        patch.setenv("TF_USE_LEGACY_KERAS", "1")
        patch.setenv("MPLBACKEND", "module://of_a_notebook.backend_inline")
        yield


SEEN = set()


def run(program, *flags, status=0):
    """Runs a program of the repository; its output, or where it ends with another status, the failure with it.

    The first time it imports TensorFlow by itself.
    """
    command = warm.command(program, f"--flagfile={ROOT / 'flags/smoke.flags'}", *flags)
    if program not in SEEN:
        command = [sys.executable, *command[len(warm.python()) :]]
        SEEN.add(program)
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == status, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def beat(bpm, seconds, seed):
    """A decaying thump on every beat over a quiet chord, float32 `[samples, 2]`."""
    rng = np.random.default_rng(seed)
    time = np.arange(seconds * RATE) / RATE
    since_beat = time % (60 / bpm)
    kick = 0.5 * np.sin(2 * np.pi * 60 * since_beat) * np.exp(-12 * since_beat)
    chord = sum(0.05 * np.sin(2 * np.pi * f * time) for f in rng.uniform(150, 900, size=3))
    noise = 0.02 * rng.standard_normal((len(time), 2)) * np.exp(-40 * ((since_beat + 30 / bpm) % (60 / bpm)))[:, None]
    return (noise + (kick + chord)[:, None]).astype(np.float32)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Rendered techno where Debian's samples are installed, otherwise three synthetic beats."""
    folder = tmp_path_factory.mktemp("corpus")
    if (SAMPLES / "bd_haus.flac").is_file():
        command = [
            sys.executable,
            ROOT / "tools/render_corpus.py",
            "--kind=techno",
            "--minutes=4",
            f"--out_dir={folder}",
        ]
        subprocess.run([*map(str, command), "--format=wav"], check=True, capture_output=True, cwd=ROOT)
        return folder / "train"
    for i, bpm in enumerate((120, 132, 144)):
        soundfile.write(folder / f"{i}.wav", beat(bpm, 60, i), RATE)
        (folder / f"{i}.json").write_text(json.dumps({"bpm": bpm, "first_beat_seconds": 0.0}))
    return folder


def scalars(directory):
    """All TensorBoard scalars of a run: dict of name -> list of values in the order of steps."""
    values = {}
    for path in sorted(pathlib.Path(directory).glob("summaries/events*")):
        for record in tf.data.TFRecordDataset(str(path)):
            for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value:
                values.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    return values


@pytest.fixture(scope="module")
def beats(tmp_path_factory):
    """Three synthetic beats, one of them at 48 kHz."""
    folder = tmp_path_factory.mktemp("beats")
    for i, (bpm, rate) in enumerate(((120, RATE), (132, 48_000), (144, RATE))):
        soundfile.write(folder / f"{i}.wav", resampling.resample(beat(bpm, 40, i), RATE, rate), rate)
        (folder / f"{i}.json").write_text(json.dumps({"bpm": bpm, "first_beat_seconds": 0.0}))
    return folder


@pytest.mark.slow
def test_the_papers_variant_at_tiny_width(beats, tmp_path):
    widths = "--ae_width=8 --ae_level1_size=16 --ae_batch_size=4 --gan_width=8 --gan_critic_width=8 --gan_batch_size=4"
    preset = (f"--flagfile={ROOT / 'flags/paper22k.flags'}", *widths.split(), "--save_every=1000")
    place, conditioning = f"--checkpoint_dir={tmp_path}", "--conditioning=tempo,beat"
    run("train_ae.py", *preset, "--phase=all", f"--audio_dir={beats}", place, f"--cache_dir={tmp_path / 'cache'}")
    previews = sorted(tmp_path.glob("phase4/previews/*.wav"))
    assert previews and {soundfile.info(path).samplerate for path in previews} == {22_050}
    assert {soundfile.info(path).samplerate for path in (tmp_path / "cache").iterdir()} == {22_050}
    assert ",48000," in (tmp_path / "audio.csv").read_text() and "-> 22050" in (tmp_path / "audio.csv").read_text()
    run("encode.py", *preset, f"--audio_dir={beats}", f"--out_dir={tmp_path / 'latents'}", place, conditioning)
    with np.load(tmp_path / "latents" / "1.wav.npz") as data:
        assert (data["n_samples"], data["sample_rate"]) == (40 * 22_050, 22_050)
        assert data["latents"].shape == (-(-40 * 22_050 // 2048), 128)
    run("train_gan.py", *preset, f"--latents_dir={tmp_path / 'latents'}", place, conditioning)
    made = f"--bundle_dir={tmp_path / 'bundle'}", f"--out={tmp_path / 'loop.wav'}"
    run("generate.py", *preset, *made, "--bars=4", "--bpm=130", "--loop")
    waveform, rate = soundfile.read(tmp_path / "loop.wav")
    assert rate == 22_050 and waveform.shape == (round(16 * 60 / 130 * rate), 2) and np.abs(waveform).max() > 0
    metadata = json.loads((tmp_path / "bundle" / "metadata.json").read_text())
    assert (metadata["sample_rate"], metadata["samples_per_latent"], metadata["latent_size"]) == (22_050, 2048, 128)


@pytest.mark.long
@pytest.mark.both
def test_from_a_folder_of_audio_to_new_music(corpus, tmp_path):
    checkpoints, latents, song = tmp_path / "checkpoints", tmp_path / "latents", tmp_path / "song.wav"
    run("train_ae.py", "--phase=all", f"--audio_dir={corpus}", f"--checkpoint_dir={checkpoints}")
    for phase in (1, 2, 3, 4):
        losses = scalars(checkpoints / f"phase{phase}")
        assert len(losses["loss"]) >= 2 and all(np.isfinite(v).all() for v in losses.values()), phase
        assert (checkpoints / f"phase{phase}" / "effective.flags").is_file()
        assert any((checkpoints / f"phase{phase}" / "previews").glob("*.png"))
        if phase in (1, 3):  # they start as principal components, where a start from noise would come to after hours
            first, last = np.mean(losses["loss"][:5]), np.mean(losses["loss"][-5:])
            assert last < first < 1.5, (phase, losses["loss"])
    codec, music = musika_tf.load(checkpoints / "autoencoder"), 0.1 * np.ones([RATE, 2], np.float32)
    assert codec.decode(codec.encode(music, RATE)).shape == (11 * 4096, 2) and codec.signals == {}

    encode = ("encode.py", f"--audio_dir={corpus}", f"--out_dir={latents}", f"--checkpoint_dir={checkpoints}")
    run(*encode, "--conditioning=tempo,beat")
    tracks = [p for p in sorted(corpus.iterdir()) if p.suffix == ".wav"]
    for track in tracks:
        with np.load(latents / (track.name + ".npz")) as data:
            n_samples = soundfile.info(track).frames
            assert data["n_samples"] == n_samples and data["sample_rate"] == RATE
            assert data["latents"].shape == (-(-n_samples // 4096), 128)
            assert data["conditioning_beat"].shape == (len(data["latents"]), 10)
    before = {p: p.stat().st_mtime_ns for p in latents.iterdir()}
    (corpus / "broken.wav").write_bytes(b"RIFF and nothing else")
    again = run(*encode, "--conditioning=tempo,beat", "--strict", status=2)
    assert again.count("done before") == len(tracks) and "broken.wav" in again
    assert before == {p: p.stat().st_mtime_ns for p in latents.iterdir()}

    train = ("train_gan.py", f"--latents_dir={latents}", f"--checkpoint_dir={checkpoints}", "--conditioning=tempo,beat")
    run(*train)
    assert all(np.isfinite(v).all() for v in scalars(checkpoints / "gan").values())

    out = run("generate.py", f"--bundle_dir={checkpoints / 'bundle'}", "--length=23s", "--seed=7", f"--out={song}")
    assert "times faster than real time" in out
    waveform, rate = soundfile.read(song)
    assert waveform.shape == (23 * RATE, 2) and rate == RATE
    assert 0 < np.abs(waveform).max() < 1
    assert read_piece(read_comment(song)) == piece.Piece(7, StylePlan.constant(7), 0, 23 * RATE)

    tuned = tmp_path / "tuned"
    run(*train[:2], f"--checkpoint_dir={tuned}", f"--init_from={checkpoints / 'bundle'}", "--gan_steps=2")
    assert [row["name"] for row in read_metadata(tuned / "bundle")["conditioning"]] == ["tempo", "beat"]
