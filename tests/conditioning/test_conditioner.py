import numpy as np
import pytest
import tensorflow as tf

from musika_tf.conditioning import tempo
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.conditioning.signals import Beat, Tempo
from musika_tf.errors import UserError

RATE = 10.0  # latents per second


def pieces(bpms=(110.0, 120.0, 160.0)):
    """Tempo and clock of pieces of 40 latents, as encode.py stores them."""
    times = (np.arange(40) + 0.5) / RATE
    grids = [{"bpm": bpm, "first_beat_seconds": 0.05} for bpm in bpms]
    return [np.concatenate([Tempo().from_grid(g, times), Beat().from_grid(g, times)], axis=1) for g in grids]


@pytest.fixture
def conditioner():
    conditioner = Conditioner(["tempo", "beat"], RATE)
    conditioner.fit(pieces())
    return conditioner


def test_scale_standardises_the_training_set(conditioner):
    assert conditioner.n_channels == 11
    every = np.concatenate(pieces())
    scaled = conditioner.scale(every).numpy()
    np.testing.assert_allclose(scaled.mean(axis=0), np.zeros(11), atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), np.ones(11), atol=1e-3)
    np.testing.assert_allclose(scaled, (every - every.mean(axis=0)) / every.std(axis=0), atol=1e-3)


def test_signal_that_never_changes_is_scaled_to_zero():
    conditioner = Conditioner(["tempo"], RATE)
    conditioner.fit([np.full([9, 1], 120, np.float32)])
    np.testing.assert_array_equal(conditioner.scale(np.full([2, 1], 120, np.float32)), np.zeros([2, 1]))


def test_without_signals_there_is_nothing_to_fit_or_scale():
    conditioner = Conditioner([], RATE)
    conditioner.fit([np.zeros([5, 0], np.float32)])
    assert conditioner.scale(tf.zeros([5, 0])).shape == [5, 0]
    assert conditioner.metadata() == []


def test_times_are_those_of_the_latents_centres(conditioner):
    times = conditioner.times(tf.constant([0, 1, -1, 10**12], tf.int64))
    np.testing.assert_allclose(times, [0.05, 0.15, -0.05, 10**11 + 0.05], rtol=1e-15)


def test_draw_is_one_tempo_in_the_trained_range_and_its_clock(conditioner):
    positions = tf.range(-20, 30, dtype=tf.int64)
    bpms = []
    for style_seed in range(40):
        drawn = conditioner.draw(style_seed, positions).numpy()
        assert drawn.shape == (50, 11)
        assert (drawn[:, 0] == drawn[0, 0]).all()
        np.testing.assert_array_equal(drawn[:, 1:], Beat().from_bpm(drawn[0, 0], conditioner.times(positions)))
        bpms.append(float(drawn[0, 0]))
    assert min(bpms) >= 110 and max(bpms) <= 160
    assert len(set(bpms)) > 12
    assert np.mean(bpms) == pytest.approx(135, abs=9)  # five standard errors of a spread of 11
    assert all(bpm == round(bpm) for bpm in bpms)


@pytest.mark.parametrize(
    ("low", "high", "whole"),
    [(127.3, 127.4, ()), (127.6, 127.9, ()), (127.3, 128.9, (128,)), (110.2, 159.7, range(111, 160))],
)
def test_a_drawn_tempo_lies_in_the_range_and_is_whole_where_it_can_be(low, high, whole):
    low, high = tf.constant(low), tf.constant(high)
    drawn = [float(tempo.drawn(seed, low, high)) for seed in range(50)]
    assert min(drawn) >= float(low) and max(drawn) <= float(high)
    if whole:
        assert set(drawn) <= set(whole)


def test_draw_of_a_range_equals_that_of_a_longer_one(conditioner):
    whole = conditioner.draw(3, tf.range(-20, 30, dtype=tf.int64)).numpy()
    np.testing.assert_array_equal(conditioner.draw(3, tf.range(5, 9, dtype=tf.int64)), whole[25:29])


def test_tempo_is_found_after_another_signal():
    conditioner = Conditioner(["beat", "tempo"], RATE)
    conditioner.fit([np.roll(piece, -1, axis=1) for piece in pieces((150.0, 154.0))])
    assert 150 <= float(conditioner.draw_bpm(1)) <= 154


def test_metadata_names_units_and_ranges(conditioner):
    tempo, beat = conditioner.metadata()
    mean, deviation = tempo.pop("mean"), tempo.pop("deviation")
    assert tempo == {"name": "tempo", "unit": "BPM", "channels": 1, "range": [110.0, 160.0], "extractor": None}
    assert (mean, deviation) == (pytest.approx(130), pytest.approx(np.std([110, 120, 160])))
    assert (beat["name"], beat["channels"]) == ("beat", 10)
    assert (beat["beats_per_bar"], beat["first_downbeat_seconds"]) == (4, 0.0)
    assert beat["range"] == pytest.approx([-1, 1], abs=0.01)


def test_signals_learn_their_units_from_the_pieces():
    conditioner = Conditioner(["note_density", "position"], RATE)
    pieces = [np.stack([np.full(n, n / 10), np.linspace(0, 1, n)], axis=1).astype(np.float32) for n in (20, 40, 60)]
    conditioner.fit(pieces, {"note_density": "madmom", "position": "length"})
    density, position = conditioner.metadata()
    assert density["full_scale"] == pytest.approx(6.0)
    assert density["range"] == pytest.approx([1 / 3, 1])
    assert density["extractor"] == "madmom"
    assert position["typical_seconds"] == 4.0
    units = conditioner.to_units(pieces[0])
    np.testing.assert_allclose(units[:, 0], 1 / 3, rtol=1e-6)
    np.testing.assert_array_equal(units[:, 1], pieces[0][:, 1])
    every = np.concatenate([conditioner.to_units(piece) for piece in pieces])
    np.testing.assert_allclose(conditioner.scale(every).numpy().std(axis=0), [1, 1], atol=1e-4)


def test_fine_tuning_learns_ranges_and_words_but_neither_units_nor_scale():
    names = ["note_density", "tag:rock", "position"]
    rng = np.random.default_rng(0)
    first = (rng.random([2, 200, 3]) * [9.0, 1.0, 1.0]).astype(np.float32)
    own = [np.full([100, 3], [2.0, 0.75, 0.5], np.float32), np.full([100, 3], [4.0, 0.25, 0.5], np.float32)]
    conditioner = Conditioner(names, RATE)
    conditioner.fit(list(first), {"note_density": "madmom"})
    before = conditioner.state()
    conditioner.adapt(own)
    after = conditioner.state()
    assert after["mean"] == before["mean"] and after["deviation"] == before["deviation"]
    density, rock, position = after["signals"]
    assert density["full_scale"] == before["signals"][0]["full_scale"] and density["extractor"] == "madmom"
    np.testing.assert_allclose(density["range"], np.array([2, 4]) / density["full_scale"], rtol=1e-6)
    assert rock["range"] == [0.25, 0.75] and rock["pieces"] == [0.75, 0.25]
    assert position["typical_seconds"] == 100 / RATE


def test_units_and_extractors_come_back_from_the_metadata():
    conditioner = Conditioner(["note_density", "tempo"], RATE)
    conditioner.fit([np.full([9, 2], 5, np.float32)], {"note_density": "librosa", "tempo": "grid"})
    other = Conditioner(["note_density", "tempo"], RATE)
    other.restore(conditioner.metadata())
    assert other.signals == conditioner.signals
    assert other.extractors == conditioner.extractors
    other.check_extractors({"note_density": "librosa", "tempo": "grid"}, "--latents_dir=x")
    with pytest.raises(UserError, match="--latents_dir=x: tempo by tempocnn, but the model learned it from grid"):
        other.check_extractors({"note_density": "librosa", "tempo": "tempocnn"}, "--latents_dir=x")


def test_first_bundles_say_no_extractor_and_take_any(conditioner):
    rows = [{key: row[key] for key in ("name", "unit", "channels", "range")} for row in conditioner.metadata()]
    other = Conditioner(["tempo", "beat"], RATE)
    other.restore(rows)
    other.check_extractors({"tempo": "tempocnn", "beat": "madmom"}, "--latents_dir=x")


def test_survives_a_checkpoint(conditioner, tmp_path):
    path = tf.train.Checkpoint(c=conditioner).write(str(tmp_path / "ck"))
    other = Conditioner(["tempo", "beat"], RATE)
    tf.train.Checkpoint(c=other).read(path).assert_existing_objects_matched()
    assert other.metadata() == conditioner.metadata()
    np.testing.assert_array_equal(other.scale(pieces()[0]), conditioner.scale(pieces()[0]))
