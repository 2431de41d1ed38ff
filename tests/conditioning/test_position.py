"""Where in the song: read off a length, planned for a piece of any length, and held where nobody plans."""

import clicks
import numpy as np
import pytest

from musika_tf.conditioning.position import ENDING, INTRO, Position
from musika_tf.conditioning.signal import Span
from musika_tf.errors import UserError

SONG = Position(typical_seconds=200.0)  # a beginning and an ending of 30 s each, a body of 140 s


def at(text, total, *seconds):
    values = SONG.parse_user(text, None, total)(np.array(seconds, np.float64))
    assert values.dtype == np.float32 and values.shape == (len(seconds), 1)
    return values[:, 0].tolist()


def test_from_audio_is_the_share_of_the_length():
    waveform = np.zeros([4096 * 20, 2], np.float32)
    signal = Position().extract(waveform, clicks.times(20 * 4096 / 44_100)).stored
    np.testing.assert_allclose(signal[:, 0], (np.arange(20) + 0.5) / 20, atol=1e-6)
    assert Position().extractor() == "length"


def test_last_latent_whose_centre_lies_beyond_the_end_is_at_the_end():
    signal = Position().extract(np.zeros([4096 * 2 + 1, 2], np.float32), (np.arange(3) + 0.5) * 4096 / 44_100).stored
    assert signal[-1, 0] == 1.0


def test_plan_of_a_typical_song_is_a_straight_line():
    assert at("plan", 200.0, 0, 50, 100, 199) == pytest.approx([0, 0.25, 0.5, 0.995], abs=1e-6)


def test_plan_of_a_short_piece_is_a_straight_line_too():
    assert at("plan", 20.0, 0, 5, 10, 20) == pytest.approx([0, 0.25, 0.5, 1], abs=1e-6)


def test_plan_of_a_long_piece_stretches_the_body_alone():
    hour = at("plan", 3600.0, 0, 15, 30, 1800, 3570, 3585, 3600)
    assert hour == pytest.approx([0, INTRO / 2, INTRO, 0.5, ENDING, (ENDING + 1) / 2, 1], abs=1e-6)


def test_plan_without_end_goes_back_and_forth_through_the_body():
    assert at("plan", None, 0, 30, 170, 310, 450) == pytest.approx([0, INTRO, ENDING, INTRO, ENDING], abs=1e-6)
    assert at("plan", None, 30 + 280 * 10**6 + 70)[0] == pytest.approx(0.5, abs=1e-5)  # nine years on
    values = np.array(at("plan", None, *np.arange(40, 5000, 0.5)))
    assert values.min() >= INTRO - 1e-6 and values.max() <= ENDING + 1e-6
    assert np.abs(np.diff(values)).max() <= 0.5 / 200 + 1e-6  # at a song's own speed, never a jump


def test_plan_with_its_own_beginning_and_ending():
    assert at("plan:20s,1m", 300.0, 20, 240, 270) == pytest.approx([INTRO, ENDING, (1 + ENDING) / 2], abs=1e-6)
    assert at("plan:20s,1m", None, 10, 20) == pytest.approx([INTRO / 2, INTRO], abs=1e-6)


def test_an_excerpt_can_ask_for_the_plan_of_the_whole():
    assert SONG.parse_user("plan", None, 300.0).text == "plan:30,30,300"
    assert at("plan:30,30,300", 90.0, 15, 270, 285) == pytest.approx([INTRO / 2, ENDING, (1 + ENDING) / 2], abs=1e-6)
    assert SONG.parse_user("plan:0.1s,1m").text == "plan:0.1,60"


def test_body_begins_in_the_middle_and_stays_there():
    assert at("body", None, 0, 70, 140, 280) == pytest.approx([0.5, ENDING, 0.5, 0.5], abs=1e-6)
    assert at("body", 60.0, 0) == [0.5]


def test_curves_and_numbers():
    assert at("0.25", None, 0, 1e6) == [0.25, 0.25]
    assert at("0:0,10s:1", None, 5) == [0.5]


def test_before_the_piece_nothing_has_begun():
    assert at("plan", 200.0, -5) == [0.0]
    assert at("plan", None, -5) == [0.0]


@pytest.mark.parametrize("text", ["plan", "plan:20s,30s", "body", "0:0.1,60:0.9"])
def test_text_asks_for_the_same_again(text):
    times = np.linspace(0, 400, 50)
    function = SONG.parse_user(text, None, 400.0)
    np.testing.assert_array_equal(SONG.parse_user(function.text, None, 400.0)(times), function(times))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("planned", "give plan, plan:INTRO,ENDING (as plan:20s,30s), body, a number"),
        ("plan:20s", "two durations"),
        ("plan:20s,soon", "soon"),
        ("plan:1,2,3,4", "give two durations, as plan:20s,30s, or three"),
        ("plan:20s,30s,50s", "leave nothing of 50s"),
        ("plan:2m,2m", "leave nothing of 3m20s"),
        ("1.5", "1.5 is outside of what there is, 0 to 1"),
    ],
)
def test_malformed_positions_are_named(text, named):
    with pytest.raises(UserError) as error:
        SONG.parse_user(text, None, 200.0)
    assert str(error.value).startswith("--position=") and named in str(error.value)
    assert "\n" not in str(error.value)


def test_trained_range_binds_curves():
    span = Span(*(np.array([v], np.float32) for v in (0.5, 0.2, 0.1, 0.9)))
    with pytest.raises(UserError, match="0.95 is outside of .* 0.1 to 0.9"):
        SONG.parse_user("0.95", span)


@pytest.mark.parametrize("text", ["0", "1", "0:0,1m:1", "0.0001"])
def test_ends_of_the_song_belong_to_a_range_that_comes_near_them(text):
    span = Span(*(np.array([v], np.float32) for v in (0.5, 0.3, 0.0002665, 0.9995)))
    np.testing.assert_array_equal(SONG.parse_user(text, span)(np.arange(90.0)), SONG.parse_user(text)(np.arange(90.0)))


@pytest.mark.parametrize("text", ["-0.01", "1.01"])
def test_beyond_the_song_there_is_nothing(text):
    span = Span(*(np.array([v], np.float32) for v in (0.5, 0.3, 0.0002665, 0.9995)))
    with pytest.raises(UserError, match="outside of .* 0 to 1"):
        SONG.parse_user(text, span)


def test_typical_length_is_the_median_and_survives_the_metadata():
    fitted = Position().fitted([np.zeros([n, 1]) for n in (100, 2000, 300)], 10.0)
    assert fitted.typical_seconds == 30.0
    assert Position().restored(fitted.facts()) == fitted
    assert Position().restored({}) == Position()
