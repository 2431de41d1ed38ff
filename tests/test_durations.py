from fractions import Fraction

import pytest

from musika_tf import durations
from musika_tf.errors import UserError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3m57s", 237),
        ("23s", 23),
        ("1h", 3600),
        ("90", 90),
        ("1h2m3.5s", Fraction("3723.5")),
        ("1h30", 3630),
        ("2m", 120),
        ("0.1", Fraction(1, 10)),
        ("1.5h", 5400),
        (" 3M57S ", 237),
        ("0h0m1s", 1),
    ],
)
def test_parse(text, seconds):
    assert durations.parse(text) == seconds


def test_parse_is_exact():
    # 0.1 as a float is a little more: an hour of 44,100 samples a second would feel it.
    assert durations.parse("1h0.1s") * 44_100 == 158_764_410
    assert durations.parse("3m57s") * 44_100 == 10_451_700


@pytest.mark.parametrize(
    "text", ["0", "0s", "0h0m0s", "abc", "", "-3", "3 minutes", "m", "1s2m", "1e3", "inf", "nan", "1:30", "3m57sx"]
)
def test_parse_names_the_flag_and_what_would_work(text):
    with pytest.raises(UserError, match="^--long=.*3m57s.*seconds.$") as error:
        durations.parse(text, flag="long")
    assert f"--long={text}:" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("1h2m3s", 3723),
        ("1:02:03", 3723),
        ("0:30", 30),
        ("90:00.5", Fraction("5400.5")),
        ("12", 12),
    ],
)
def test_parse_time(text, seconds):
    assert durations.parse_time(text, "--start") == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", "1:2:3:4", ":30", "1:", "inf", "1e3"])
def test_parse_time_names_where_it_stands(text):
    with pytest.raises(UserError, match="^--start: .* is no time; write 1h2m3s, 1:02:03 or 90 .seconds.$"):
        durations.parse_time(text, "--start")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(237, "3m57s"), (23.2, "23s"), (3600, "1h"), (3661, "1h1m1s"), (59.6, "1m"), (0.2, "0s"), (7200.4, "2h")],
)
def test_spoken(seconds, text):
    assert durations.spoken(seconds) == text


@pytest.mark.parametrize("seconds", [1, 59, 60, 61, 3599, 3600, 86_399])
def test_what_is_spoken_is_parsed(seconds):
    assert durations.parse(durations.spoken(seconds)) == seconds


@pytest.mark.parametrize("text", ["9" * 16, "9" * 400 + "h", f"{10**15}.1"])
def test_more_than_any_float_of_seconds_can_count_is_refused(text):
    for parse in (durations.parse, lambda text, flag: durations.parse_time(text, f"--{flag}")):
        with pytest.raises(UserError, match="^--long: longer than 10.15 seconds"):
            parse(text, "long")
    assert durations.parse("9" * 15) == 10**15 - 1


def test_more_digits_than_python_reads_are_no_duration():
    with pytest.raises(UserError, match="^--long=9*: give a duration above 0"):
        durations.parse("9" * 5000, "long")
