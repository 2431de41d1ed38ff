"""What the flags that steer mean for a model: settings, lengths in bars, and what it can't follow."""

import dataclasses
from fractions import Fraction

import pytest
import soundfile
import tiny
from asking import ask

from musika_tf.errors import UserError
from musika_tf.generate import production
from musika_tf.generate.request import piece_of
from musika_tf.generate.styles import StylePlan
from musika_tf.model import bundle

RATE = 44_100
MOVING = {"note_density": "moving"}


@pytest.fixture
def loaded(steerable):
    return None, bundle.read_metadata(steerable)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ({"seconds": Fraction(237)}, {"position": "body", **MOVING}),
        ({"start": Fraction(60)}, {"position": "body", **MOVING}),
        ({"seconds": None, "out": "-"}, {"position": "body", **MOVING}),
        ({"seconds": Fraction(15), "n_pieces": 2, "previews": True}, {"position": "body", **MOVING}),
        # Songs of a minute: 9 s of beginning and of ending.
        ({"seconds": Fraction(237), "position": "plan"}, {"position": "plan:9,9,237", **MOVING}),
        ({"seconds": Fraction(30), "position": "plan"}, {"position": "plan:4.5,4.5,30", **MOVING}),
        ({"seconds": Fraction(237), "position": "plan:20s,0.5m"}, {"position": "plan:20,30,237", **MOVING}),
        ({"start": Fraction(60), "seconds": Fraction(60), "position": "plan"}, {"position": "plan:9,9,120", **MOVING}),
        ({"start": Fraction(60), "position": "plan:9,9,4m"}, {"position": "plan:9,9,240", **MOVING}),
        ({"seconds": None, "out": "-", "position": "plan"}, {"position": "plan:9,9", **MOVING}),
        (
            {"seconds": Fraction(15), "n_pieces": 2, "previews": True, "position": "plan"},
            {"position": "plan:9,9,237", **MOVING},
        ),
        ({"position": "0.3", "tempo": " 132", "tags": ""}, {"tempo": "132.0", "position": "0.3", **MOVING}),
        ({"loop": True, "seconds": Fraction(16), "tempo": "120"}, {"tempo": "120.0"}),
        (
            {"loop": True, "seconds": Fraction(16), "tempo": "120", "position": "body"},
            {"tempo": "120.0", "position": "body"},
        ),
        ({"bars": 8, "seconds": None, "tempo": "120"}, {"tempo": "120.0", "position": "body", **MOVING}),
        ({"note_density": "moving:0.4"}, {"position": "body", "note_density": "moving:0.4"}),
        ({"loop": True, "seconds": Fraction(16), "tempo": "120", **MOVING}, {"tempo": "120.0", **MOVING}),
    ],
)
def test_settings_are_canonical_and_those_that_nobody_asked_for_are_there(loaded, options, settings):
    assert piece_of(ask(**options), 7, loaded[1]).settings == settings


def test_an_excerpt_of_a_planned_piece_takes_the_plan_that_the_whole_wrote_down(loaded):
    whole = piece_of(ask(seconds=Fraction(60), position="plan"), 7, loaded[1])
    excerpt = piece_of(ask(start=Fraction(21), seconds=Fraction(7), position=whole.settings["position"]), 7, loaded[1])
    assert dataclasses.replace(whole, start_sample=21 * RATE, n_samples=7 * RATE) == excerpt


def test_a_model_without_position_is_asked_for_none(folder):
    assert piece_of(ask(), 7, bundle.read_metadata(folder)).settings == {}


@pytest.mark.parametrize(
    ("bars", "bpm", "n_samples"),
    [
        (64, "128", 5_292_000),
        (1, "120", 88_200),
        (4, "132", 320_727),
        (7, "133.7", 554_136),
        (10_000, "149.9", 706_070_714),
    ],
)
@pytest.mark.parametrize("loop", [False, True])
def test_bars_are_exact(loaded, bars, bpm, n_samples, loop):
    piece = piece_of(ask(seconds=None, bars=bars, tempo=bpm, loop=loop), 7, loaded[1])
    assert n_samples == round(Fraction(bars * 240 * RATE) / Fraction(float(bpm)))
    assert (piece.n_samples, piece.loop_samples) == (n_samples, n_samples if loop else 0)
    assert piece.settings["tempo"] == repr(float(bpm)) and piece.bpm(loaded[1]) == float(bpm)


def test_bars_of_a_drawn_tempo(loaded, folder, tmp_path, capsys, monkeypatch):
    metadata = loaded[1]
    for seed in range(5):
        drawn = float(tiny.steerable().draw_bpm(seed))
        piece = piece_of(ask(seconds=None, bars=16, seed=seed), seed, metadata)
        assert piece.bpm(metadata) == drawn and piece.n_samples == round(16 * 240 / drawn * RATE)
    morph = piece_of(ask(seconds=None, bars=16, style_seed=3, style_to=4), 7, metadata)
    drawn = float(tiny.steerable().draw_bpm(3))
    assert morph.bpm(metadata) == drawn and morph.style == StylePlan.morph(3, 4, 16 * 240 / drawn)
    monkeypatch.setattr(bundle, "load", tiny.load)
    production.run(ask(folder, seconds=None, bars=1, out=str(tmp_path / "a.wav")), None)
    drawn = float(tiny.conditioner().draw_bpm(7))
    assert f"seed 7: 1 bar at {drawn:.2f} BPM\n" in capsys.readouterr().err
    assert soundfile.info(tmp_path / "a.wav").frames == round(240 / drawn * RATE)


@pytest.mark.parametrize("loop", [False, True])
def test_bars_of_a_model_that_saw_no_whole_bpm(loaded, loop):
    rows = [{**row, "range": [127.3, 127.4]} if row["name"] == "tempo" else row for row in loaded[1]["conditioning"]]
    metadata = {**loaded[1], "conditioning": rows}
    for seed in range(5):
        piece = piece_of(ask(seconds=None, bars=8, seed=seed, loop=loop), seed, metadata)
        bpm = piece.bpm(metadata)
        assert 127.29999 <= bpm <= 127.40001 and piece.n_samples == round(8 * 240 / bpm * RATE)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"tempo": "90"}, "--bpm=90: 90 is outside of the range that this model was trained on, 110 to 150 BPM"),
        ({"note_density": "0:0.1,1m:7"}, "--note_density=0:0.1,1m:7: 7 is outside"),
        ({"position": "middle"}, "--position=middle: give plan, plan:INTRO,ENDING"),
        ({"tags": "techno=0.9"}, "--tags=techno=0.9: 0.9 is outside of .* 0.1 to 0.6"),
        ({"tags": "ambient=0.5"}, "--tags=ambient=0.5: the model steerable was not trained for that; it follows --bpm, "
         "--note_density, --position, --tags=techno"),
        ({"seconds": None, "bars": 4, "tempo": "fast"}, "--bpm=fast: give a number of beats per minute, such as 132"),
        ({"loop": True, "seconds": Fraction(30), "tempo": "127"}, "--loop: 30s at 127 BPM are 15.875 bars; take .* or"),
        ({"position": "plan:1m,1m", "seconds": Fraction(90)}, "--position=plan:1m,1m: .* leave nothing of 1m30s"),
        ({"note_density": "none.csv"}, "--note_density=none.csv: can't be read"),
    ],
)  # fmt: skip
def test_what_the_model_cannot_follow_is_named(loaded, options, named):
    with pytest.raises(UserError, match="^" + named) as error:
        piece_of(ask(**options), 7, loaded[1])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"seconds": None, "bars": 4}, "--bars=4: the model piano has no beat; say the time with --length"),
        ({"click": True}, "--click: the model piano has no beat"),
        (
            {"tempo": "120"},
            "--bpm=120: the model piano was not trained for that; it follows --note_density, --position",
        ),
    ],
)
def test_a_model_without_a_beat(loaded, options, named):
    rows = [row for row in loaded[1]["conditioning"] if row["name"] in ("note_density", "position")]
    metadata = {**loaded[1], "name": "piano", "conditioning": rows}
    with pytest.raises(UserError, match="^" + named):
        piece_of(ask(**options), 7, metadata)
    assert piece_of(ask(loop=True), 7, metadata).settings == {}  # and no tempo to nudge
