"""A folder of audio -> a folder of latents: what a file holds, what is skipped, and what goes wrong."""

import json

import numpy as np
import pytest
import soundfile
import tiny

from musika_tf.conditioning import signals
from musika_tf.errors import UserError
from musika_tf.gan import data
from musika_tf.pipeline import collection
from musika_tf.pipeline.signal_path import SignalPath

PER_LATENT = tiny.AUTOENCODER.samples_per_latent
LENGTHS = {"b.wav": 3 * PER_LATENT, "sub/a.flac": 2 * PER_LATENT + 1, "sub/deeper/c.wav": 7}


@pytest.fixture
def audio(tmp_path):
    folder = tmp_path / "audio"
    for number, (name, n_samples) in enumerate(LENGTHS.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * tiny.normal(n_samples, 2, seed=number), 44_100)
        path.with_suffix(".json").write_text(json.dumps({"bpm": 120 + number, "first_beat_seconds": 0.01, "key": "A"}))
    return folder


def encode(waveform):
    return SignalPath(tiny.autoencoder()).encode(waveform)


def run(audio, tmp_path, model_id="abc", names="", encode=encode):
    lines = []
    failures = collection.encode_collection(
        audio, tmp_path / "latents", encode, model_id, tiny.AUTOENCODER, signals.parse(names), lines.append
    )
    return failures, lines


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_a_file_holds(audio, tmp_path):
    failures, lines = run(audio, tmp_path, names="tempo,beat")
    assert not failures
    assert lines == ["b.wav: 3 latents", "sub/a.flac: 3 latents", "sub/deeper/c.wav: 1 latents"]
    assert files(tmp_path / "latents") == ["b.wav.npz", "sub/a.flac.npz", "sub/deeper/c.wav.npz"]
    for number, (name, n_samples) in enumerate(LENGTHS.items()):
        held = data.read_latents(tmp_path / "latents" / f"{name}.npz")
        assert set(held) == {
            "latents", "n_samples", "sample_rate", "source", "model_id", "conditioning_tempo", "conditioning_beat",
        }  # fmt: skip
        waveform, _ = soundfile.read(audio / name, dtype="float32")
        assert held["latents"].dtype == np.float32
        np.testing.assert_array_equal(held["latents"], encode(waveform))
        assert (held["n_samples"], held["sample_rate"]) == (n_samples, 44_100)
        assert (str(held["source"]), held["model_id"]) == (name, "abc")
        n_latents = -(-n_samples // PER_LATENT)
        np.testing.assert_array_equal(held["conditioning_tempo"], np.full([n_latents, 1], 120 + number))
        seconds = (np.arange(n_latents) + 0.5) * PER_LATENT / 44_100  # at the latents' centres
        bars = (seconds - 0.01) * (120 + number) / 60 / 4
        np.testing.assert_allclose(held["conditioning_beat"][:, 0], np.cos(2 * np.pi * bars), atol=1e-5)


def test_other_rates_and_mono_are_encoded_as_44100_stereo(tmp_path):
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", 0.1 * tiny.normal(4000), 22_050)
    run(tmp_path / "audio", tmp_path)
    held = data.read_latents(tmp_path / "latents" / "a.wav.npz")
    assert (held["n_samples"], held["sample_rate"]) == (8000, 44_100)
    assert len(held["latents"]) == -(-8000 // PER_LATENT)
    half = tiny.AUTOENCODER.latent_size
    np.testing.assert_array_equal(held["latents"][:, :half], held["latents"][:, half:])


def test_one_file_is_a_collection(audio, tmp_path):
    assert run(audio / "sub" / "a.flac", tmp_path) == ([], ["a.flac: 3 latents"])


def test_what_is_done_is_skipped(audio, tmp_path):
    run(audio, tmp_path)
    before = {name: (tmp_path / "latents" / name).stat().st_mtime_ns for name in files(tmp_path / "latents")}
    (tmp_path / "latents" / "b.wav.npz").unlink()
    calls = []
    failures, lines = run(audio, tmp_path, encode=lambda waveform: calls.append(len(waveform)) or encode(waveform))
    assert not failures
    assert lines == ["b.wav: 3 latents", "sub/a.flac: done before", "sub/deeper/c.wav: done before"]
    assert calls == [3 * PER_LATENT]
    del before["b.wav.npz"]
    assert before == {name: (tmp_path / "latents" / name).stat().st_mtime_ns for name in before}


def test_encoding_is_repeatable(audio, tmp_path):
    run(audio, tmp_path)
    first = {name: (tmp_path / "latents" / name).read_bytes() for name in files(tmp_path / "latents")}
    (tmp_path / "again").mkdir()
    run(audio, tmp_path / "again")
    assert {name: (tmp_path / "again" / "latents" / name).read_bytes() for name in first} == first


def test_a_signal_that_is_missing_is_added(audio, tmp_path):
    run(audio, tmp_path)
    _, lines = run(audio, tmp_path, names="tempo")
    assert lines[0] == "b.wav: 3 latents"
    assert "conditioning_tempo" in data.read_latents(tmp_path / "latents" / "b.wav.npz")
    assert run(audio, tmp_path, names="tempo")[1][0] == "b.wav: done before"


def test_latents_of_another_model_are_left_alone(audio, tmp_path):
    run(audio, tmp_path)
    before = {name: (tmp_path / "latents" / name).read_bytes() for name in files(tmp_path / "latents")}
    with pytest.raises(UserError, match="b.wav.npz: latents of model abc, this is def; .*--out_dir"):
        run(audio, tmp_path, model_id="def")
    assert {name: (tmp_path / "latents" / name).read_bytes() for name in files(tmp_path / "latents")} == before


@pytest.mark.parametrize("content", [b"", b"RIFF and nothing else", b"text"])
def test_unreadable_file_is_named_and_the_others_are_encoded(audio, tmp_path, content):
    (audio / "broken.wav").write_bytes(content)
    failures, lines = run(audio, tmp_path)
    assert len(failures) == 1 and "broken.wav" in failures[0] and "\n" not in failures[0]
    assert failures[0] in lines
    assert files(tmp_path / "latents") == ["b.wav.npz", "sub/a.flac.npz", "sub/deeper/c.wav.npz"]


def test_file_without_samples_is_named(audio, tmp_path):
    soundfile.write(audio / "empty.wav", np.zeros([0, 2]), 44_100)
    failures, _ = run(audio, tmp_path)
    assert len(failures) == 1 and "empty.wav: no samples" in failures[0]


@pytest.mark.parametrize("grid", [None, "{", "[]", '{"bpm": 120}', '{"bpm": "fast", "first_beat_seconds": 0}'])
def test_missing_grid_is_named(audio, tmp_path, grid):
    path = audio / "b.json"
    path.unlink()
    if grid is not None:
        path.write_text(grid)
    failures, _ = run(audio, tmp_path, names="tempo")
    assert len(failures) == 1 and "b.json" in failures[0] and "first_beat_seconds" in failures[0]
    assert "b.wav.npz" not in files(tmp_path / "latents")


def test_interrupted_encoding_leaves_nothing_half_written(audio, tmp_path):
    def stopped(waveform):
        if len(waveform) == 2 * PER_LATENT + 1:
            raise KeyboardInterrupt
        return encode(waveform)

    with pytest.raises(KeyboardInterrupt):
        run(audio, tmp_path, encode=stopped)
    assert files(tmp_path / "latents") == ["b.wav.npz"]


def test_out_dir_that_cannot_be_written_is_named(audio, tmp_path):
    (tmp_path / "latents").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="latents.*--out_dir"):
        run(audio, tmp_path)


def test_folder_without_audio_is_named(tmp_path):
    (tmp_path / "audio").mkdir()
    with pytest.raises(UserError, match=f"{tmp_path}/audio: no audio"):
        run(tmp_path / "audio", tmp_path)
