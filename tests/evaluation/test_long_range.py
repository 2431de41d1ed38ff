"""Pieces heard and folders compared, with stand-ins for the networks."""

import json
from dataclasses import replace

import numpy as np
import pytest

from musika_tf.conditioning.musicnn import Embedding
from musika_tf.evaluation import coherence, long_range, notes

RATE = 44_100
CLEAR = notes.NoteFigures(polyphony=2.0, pitch_low=50.0, pitch_high=70.0, sharpness=0.7, note_rate=3.0)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def piece(name, features, heard=CLEAR):
    return long_range.Piece(name, 60.0, features, -1.0, 8.0, heard)


@pytest.fixture(scope="module")
def reference():
    """Four pieces, each with a character of its own that half of the variance is."""
    return [piece(f"{i}", noise(1, 20, seed=i) + noise(100, 20, seed=10 + i)) for i in range(4)]


@pytest.fixture(scope="module")
def training():
    return np.concatenate([noise(1, 20, seed=i) + noise(50, 20, seed=10 + i) for i in range(20, 40)])


def test_a_piece_is_heard():
    level = 10 ** (-6 / 20 * np.arange(40 * RATE) / RATE / 60)  # 6 dB a minute
    waveform = (0.1 * level[:, None] * np.where(noise(40 * RATE, 2) > 0, 1, -1)).astype(np.float32)
    lengths = []

    def network(audio):
        return Embedding(np.full((3, 200), len(audio)), np.zeros((3, 50)))

    def ear(audio):
        lengths.append(len(audio))
        return notes.Heard(np.full((100, 88), 0.1), np.zeros((100, 88)))

    found = long_range.hear("a.wav", waveform, network, ear)
    assert (found.name, found.seconds) == ("a.wav", 40)
    assert found.features.shape == (3, 200) and found.features[0, 0] == 40 * RATE
    assert found.loudness_slope == pytest.approx(-6, abs=0.01)
    assert found.notes.polyphony == 0 and lengths == [24 * RATE]
    assert long_range.hear("a.wav", waveform, network).notes is None


def test_the_figures_are_those_of_the_modules(reference, training):
    result = long_range.compare(reference[:2], reference, training)
    assert result["scale"] == "training"
    scale = coherence.Scale.of(training)
    scaled = [scale(one.features) for one in reference]
    first = result["reference"]["pieces"][0]
    assert first["similarity"]["10"] == coherence.similarity(scaled[0], 10)
    assert first["floor"] == coherence.floors(scaled)[0]
    assert first["repetition"] == coherence.repetition(scaled[0]).best
    assert (first["loudness_slope"], first["sharpness"]) == (-1, 0.7)
    # The generated folder is measured in the same scale, but its floor is that of its own two pieces.
    same = result["generated"]["pieces"][0]
    assert same["floor"] == coherence.floors(scaled[:2])[0]
    assert {k: v for k, v in same.items() if k != "floor"} == {k: v for k, v in first.items() if k != "floor"}


def test_a_folder_is_summed_up_by_means_and_a_ratio_of_means(reference):
    rows = long_range.compare([], reference)["reference"]["pieces"]
    found = long_range.summary(rows)
    late, early = (np.mean([row["similarity"][lag] for row in rows]) for lag in ("20", "3"))
    floor = np.mean([row["floor"] for row in rows])
    assert found["coherence"]["20"]["mean"] == pytest.approx((late - floor) / (early - floor))
    assert found["coherence"]["20"]["low"] <= found["coherence"]["20"]["mean"] <= found["coherence"]["20"]["high"]
    assert found["shuffled"]["mean"] == pytest.approx(np.mean([row["shuffled"] for row in rows]))
    assert found["similarity"]["20"]["pieces"] == 4
    assert set(found["coherence"]) == {"5", "10", "20", "40", "80"}


def test_copies_are_found_and_held_out_music_is_1(reference, training):
    copy = piece("copy", training[100:140])
    result = long_range.compare([copy, reference[0]], reference, training)
    found, other = result["generated"]["pieces"]
    assert (found["originality"], found["copied"]) == (0, 1)
    assert other["originality"] == pytest.approx(1, abs=0.2)
    assert result["reference"]["summary"]["originality"]["mean"] == pytest.approx(1, abs=0.05)
    assert result["reference"]["summary"]["copied"]["mean"] == pytest.approx(0.05, abs=0.005)


def test_values_are_plain_and_none_where_undefined(reference):
    short = replace(piece("short", noise(12, 20)), notes=None, loudness_slope=None)
    result = json.loads(json.dumps(long_range.compare([short], reference), allow_nan=False))
    assert result["scale"] == "reference"
    (row,) = result["generated"]["pieces"]
    missing = {name for name, value in row.items() if value is None}
    assert missing == {
        *("floor", "repetition", "repetition_chance", "repetition_lag", "repetition_at_lag", "loudness_slope"),
        *("originality", "copied", "polyphony", "pitch_low", "pitch_high", "sharpness", "note_rate"),
    }
    # 12 patches have 9 pairs that are 3 s apart
    assert set(row["similarity"].values()) == {None}
    summary = result["generated"]["summary"]
    assert summary["coherence"]["5"] == {"mean": None, "low": None, "high": None, "pieces": 0}


def test_without_generated_pieces_or_reference(reference):
    assert long_range.compare([], reference)["generated"] == {"pieces": [], "summary": {}}
    with pytest.raises(ValueError, match="reference"):
        long_range.compare(reference, [])


def test_pieces_that_are_all_alike_have_no_coherence(reference):
    alike = [piece(f"{i}", 30 + noise(60, 20, seed=i)) for i in range(3)]
    summary = long_range.compare(alike, reference)["generated"]["summary"]
    assert summary["floor"]["mean"] > 0.95
    assert summary["coherence"]["10"]["mean"] is None and summary["coherence"]["10"]["pieces"] == 3
