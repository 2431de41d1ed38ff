"""What users ask for -> channels: what they named follows them, the rest is what the bundle would draw."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
import tensorflow as tf

from musika_tf.conditioning import steering
from musika_tf.conditioning.beat import Beat
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.errors import UserError

RATE = 44_100 / 4096
NAMES = ("tempo", "beat", "note_density", "position", "tag:techno", "tag:slow")


def fitted(names=NAMES):
    """A Conditioner of these signals that has seen 110 .. 150 BPM, densities to 8/s, and words from 0.1 to 0.6."""
    conditioner = Conditioner(names, RATE)
    rng = np.random.default_rng(0)
    columns = {
        "tempo": np.linspace(110, 150, 500)[:, None],
        "beat": rng.uniform(-1, 1, [500, 10]),
        "note_density": np.linspace(0.4, 8, 500)[:, None],
        "position": np.linspace(0, 1, 500)[:, None],
    }
    piece = np.concatenate([columns.get(name, np.linspace(0.1, 0.6, 500)[:, None]) for name in names], axis=1)
    conditioner.fit([piece.astype(np.float32)] * 3, {"note_density": "grid"})
    return conditioner


def metadata(conditioner):
    return {
        "name": "test", "sample_rate": 44_100, "samples_per_latent": 4096, "conditioning": conditioner.metadata(),
    }  # fmt: skip


CONDITIONER = fitted()
METADATA = metadata(CONDITIONER)
POSITIONS = np.arange(-3, 200, dtype=np.int64)
COLUMNS = {"tempo": 0, "beat": slice(1, 11), "note_density": 11, "position": 12, "tag:techno": 13, "tag:slow": 14}


def steer(total_seconds=None, style_seed=5, **settings):
    return steering.steer(settings, METADATA, style_seed, total_seconds)


def test_nothing_asked_for_is_left_to_the_bundle():
    assert steering.steer({}, METADATA, 1) is None
    assert steer(tempo=None, position="", note_density=None) is None


@pytest.mark.parametrize(
    ("settings", "steered"),
    [
        ({"tempo": "132"}, ("tempo", "beat")),
        ({"note_density": "0.3"}, ("note_density",)),
        ({"position": "0.2"}, ("position",)),
        ({"tags": "slow=0.2"}, ("tag:slow",)),
    ],
)
def test_the_rest_is_what_the_bundle_would_draw(settings, steered):
    own = steer(**settings)(POSITIONS)
    drawn = CONDITIONER.draw(5, tf.constant(POSITIONS)).numpy()
    assert own.shape == drawn.shape == (len(POSITIONS), 15) and own.dtype == np.float32
    for name, columns in COLUMNS.items():
        same = np.allclose(own[:, columns], drawn[:, columns], atol=1e-6)
        assert same == (name not in steered), name


def test_values_are_those_asked_for():
    own = steer(tempo="132.5", note_density="0:0.1,10s:0.7", tags="techno=0.5,slow=0.2")(POSITIONS)
    times = (POSITIONS + 0.5) / RATE
    np.testing.assert_array_equal(own[:, 0], np.float32(132.5))
    np.testing.assert_allclose(own[:, 11], np.interp(times, [0, 10], [0.1, 0.7]), atol=1e-6)
    np.testing.assert_allclose(own[:, 13:], [[0.5, 0.2]] * len(own))


def test_clock_is_exact_after_a_month():
    bpm, positions = Fraction(277, 2), [28_000_000, 28_000_001, 28_000_777]
    own = steer(tempo="138.5")(np.array(positions))
    for row, position in zip(own, positions, strict=True):
        seconds = (Fraction(position) + Fraction(1, 2)) * Fraction(4096, 44_100)
        bar = float(seconds * bpm / 60 / 4 % 1)
        np.testing.assert_allclose(row[1], np.cos(2 * np.pi * bar), atol=1e-5)
        np.testing.assert_allclose(row[10], np.sin(2 * np.pi * 16 * bar), atol=1e-4)


def test_a_clock_may_show_another_time_than_the_rest_has():
    asked, times = steer(tempo="120", note_density="0:0.1,60:0.9"), np.array([1.0, 30.0])
    moved = asked.at(times, clock=times + 0.75)
    np.testing.assert_array_equal(moved[:, COLUMNS["beat"]], asked.at(times + 0.75)[:, COLUMNS["beat"]])
    others = [i for i in range(len(moved[0])) if not 1 <= i <= 10]
    np.testing.assert_array_equal(moved[:, others], asked.at(times)[:, others])


def test_any_range_equals_that_of_the_whole():
    asked = steer(60.0, tempo="120", position="plan", note_density="0:0.1,5s:0.8")
    whole = asked(POSITIONS)
    np.testing.assert_array_equal(asked(POSITIONS[50:60]), whole[50:60])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(asked))(POSITIONS), whole)  # as workers get it


def test_a_tag_may_have_a_curve(tmp_path):
    (tmp_path / "d.csv").write_text("0,0.1\n30,0.5\n")
    asked = steer(tags=f"techno={tmp_path / 'd.csv'},slow=0:0.2,10s:0.3")
    assert asked.texts == {"tags": "techno=0:0.1,30:0.5,slow=0:0.2,10:0.3"}
    times = np.array([0.0, 5.0, 15.0, 99.0])
    np.testing.assert_allclose(
        asked.at(times)[:, 13:],
        np.stack([np.interp(times, [0, 30], [0.1, 0.5]), np.interp(times, [0, 10], [0.2, 0.3])], 1),
        atol=1e-6,
    )
    np.testing.assert_array_equal(steer(**asked.texts).at(times), asked.at(times))


def test_drawn_tempo_is_known_and_its_clock_kept():
    asked = steer(note_density="0.5")
    assert asked.bpm == steering.drawn_bpm(METADATA, 5) == float(CONDITIONER.draw_bpm(5))
    assert steering.drawn_bpm({**METADATA, "conditioning": METADATA["conditioning"][2:]}, 5) is None
    np.testing.assert_allclose(
        asked(POSITIONS)[:, 1:11], Beat().parse_user(str(asked.bpm))((POSITIONS + 0.5) / RATE), atol=1e-6
    )
    assert steer(tempo="121").bpm == 121.0


def test_words_left_out_are_in_keeping_with_the_others():
    low, high = (np.full([50, 1], value, np.float32) for value in (0.1, 0.6))
    conditioner = Conditioner(("tag:techno", "tag:slow", "tag:piano"), RATE)
    conditioner.fit([np.concatenate([low, high, high], 1), np.concatenate([high, low, low], 1)])
    own = metadata(conditioner)
    for techno, others in (("0.6", 0.1), ("0.1", 0.6)):
        asked = steering.steer({"tags": f"techno={techno}"}, own, 5)
        np.testing.assert_allclose(asked(POSITIONS)[:, 1:], others, atol=1e-3)
    both = steering.steer({"tags": "techno=0.6,piano=0.6"}, own, 5)(POSITIONS)  # which no piece has
    np.testing.assert_allclose(both[:, [0, 2]], 0.6, rtol=1e-6)
    assert ((both[:, 1] >= 0.1) & (both[:, 1] <= 0.6)).all()


def test_position_is_planned_for_the_length_of_the_piece():
    long = steer(3600.0, position="plan")(np.array([0, 38_750]))[:, 12]
    assert long[0] < 0.01 and long[1] > 0.95
    assert 0.15 <= steer(None, position="plan")(np.array([38_000]))[0, 12] <= 0.85


def test_texts_ask_for_the_same_again(tmp_path):
    (tmp_path / "d.csv").write_text("0,0.1\n30,0.8\n")
    asked = steer(tempo=" 132", note_density=str(tmp_path / "d.csv"), tags="techno=0.3")
    assert steering.SETTINGS == {"tempo": "bpm", "note_density": "note_density", "position": "position", "tags": "tags"}
    assert asked.texts == {"tempo": "132.0", "note_density": "0:0.1,30:0.8", "tags": "techno=0.3"}
    again = steering.steer(asked.texts, METADATA, 5)
    np.testing.assert_array_equal(again(POSITIONS), asked(POSITIONS))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"tempo": "90"}, "--bpm=90: 90 is outside of the range that this model was trained on, 110 to 150 BPM"),
        ({"note_density": "0:0.2,1m:0.01"}, "--note_density=0:0.2,1m:0.01: 0.01 is outside"),
        ({"tags": "techno=0.9"}, "--tags=techno=0.9: 0.9 is outside of .*, 0.1 to 0.6"),
        ({"tags": "ambient=0.5"}, "--tags=ambient=0.5: the model test was not trained for that; it follows --bpm, .*"),
        ({"tags": "techno"}, "--tags=techno: give words with values"),
        ({"position": "end"}, "--position=end"),
    ],
)
def test_refusals(settings, named):
    with pytest.raises(UserError, match=named):
        steer(**settings)


def test_model_that_follows_nothing():
    with pytest.raises(UserError, match="--bpm=120: the model test was not trained for that; it follows nothing"):
        steering.steer({"tempo": "120"}, {**METADATA, "conditioning": []}, 1)


def test_unknown_setting_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="bpm"):
        steering.steer({"bpm": "120"}, METADATA, 1)


def test_clock_without_a_tempo_takes_any():
    own = metadata(fitted(("beat",)))
    asked = steering.steer({"tempo": "90"}, own, 1)
    assert asked.bpm == 90 and asked.texts == {"tempo": "90.0"}
    np.testing.assert_array_equal(asked(POSITIONS), Beat().parse_user("90")((POSITIONS + 0.5) / RATE))


def test_metadata_of_the_first_bundles_is_enough():
    rows = [{key: row[key] for key in ("name", "unit", "channels", "range")} for row in METADATA["conditioning"][:2]]
    asked = steering.steer({"tempo": "132"}, {**METADATA, "conditioning": rows}, 1)
    assert asked(POSITIONS).shape == (len(POSITIONS), 11)
