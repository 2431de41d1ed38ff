"""The grammar of curves: what is read, what it is worth in between, and what is refused by name."""

import numpy as np
import pytest

from musika_tf.conditioning import curves, signals
from musika_tf.errors import UserError


def at(text, *seconds):
    return curves.parse(text, "note_density")(np.array(seconds)).tolist()


@pytest.mark.parametrize(("text", "value"), [("0.45", 0.45), (" 1 ", 1.0), ("-3e-1", -0.3), (".5", 0.5)])
def test_a_number_is_constant(text, value):
    assert at(text, -5, 0, 1e9) == [value] * 3


def test_points_are_joined_by_lines_and_held_beyond():
    curve = "0:0.1,30s:0.8,1m:0.2"
    assert at(curve, 0, 15, 30, 45, 60) == pytest.approx([0.1, 0.45, 0.8, 0.5, 0.2])
    assert at(curve, -100, 61, 1e7) == pytest.approx([0.1, 0.2, 0.2])


@pytest.mark.parametrize("text", ["10:1,1m30s:3", "10s:1, 90:3", "0h:1,1h:2", "0m10s:1,1m30.0s:3"])
def test_times_are_durations(text):
    last = curves.parse(text, "x").times[-1]
    assert last == (3600 if "h" in text else 90)


def test_held_before_a_first_point_that_is_not_at_the_beginning():
    assert at("10s:2,20s:4", 0, 10, 15) == [2, 2, 3]


@pytest.mark.parametrize("content", ["0,0.1\n30,0.8\n1m,0.2\n", "time,value\r\n0,0.1\r\n30s,0.8\r\n60,0.2\r\n\r\n"])
def test_csv_is_the_same_curve(tmp_path, content):
    path = tmp_path / "density.csv"
    path.write_text(content, newline="")
    curve = curves.parse(str(path), "note_density")
    assert curve.times.tolist() == [0, 30, 60]
    assert curve.values.tolist() == [0.1, 0.8, 0.2]


@pytest.mark.parametrize("text", ["0.45", "0:0.1,30s:0.8,1m:0.2", "0.001:1e-7,1h1m1.125s:123456.789"])
def test_canonical_text_is_the_same_curve(text):
    curve = curves.parse(text, "x")
    again = curves.parse(curve.text, "x")
    np.testing.assert_array_equal(again.times, curve.times)
    np.testing.assert_array_equal(again.values, curve.values)
    assert " " not in curve.text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "give a number, points such as"),
        ("loud", "give a number, points such as"),
        ("nan", "'nan' is no number"),
        ("inf", "'inf' is no number"),
        ("0:0.1,30s", "give a number, points such as"),
        ("0:0.1,", "give a number, points such as"),
        ("0:0.1,30s:loud", "'loud' is no number"),
        ("0:0.1,30s:", "'' is no number"),
        ("0:0.1,30x:0.5", "'30x' is no time"),
        ("-5:0.1,30s:0.5", "'-5' is no time"),
        ("0:0.1,1m:0.5,30s:0.2", "times must ascend, but 30s follows 1m"),
        ("0:0.1,0s:0.5", "times must ascend, but 0s follows 0"),
        ("0:nan,1:0", "'nan' is no number"),
        ("missing.csv", "can't be read"),
        ("0:1," + "9" * 400 + ":2", "is no time"),
        ("0:1," + "9" * 5000 + ":2", "is no time"),
    ],
)
def test_malformed_text_is_named(text, named):
    with pytest.raises(UserError) as error:
        curves.parse(text, "note_density")
    assert str(error.value).startswith(f"--note_density={text}: ")
    assert named in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "no rows"),
        (b"time,value\n", "no rows"),
        (b"0,0.1,7\n", "row 1 has 3 cells"),
        (b"0,0.1\n30\n", "row 2 has 1 cells"),
        (b"0,0.1\n30,high\n", "'high' is no number"),
        (b"0,0.1\nlater,1\n", "'later' is no time"),
        (b"30,1\n0,2\n", "times must ascend"),
        (b"\xff\xfe\x00\x81", "can't be read"),
    ],
)
def test_malformed_csv_is_named(tmp_path, content, named):
    path = tmp_path / "curve.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        curves.parse(str(path), "position")
    assert str(path) in str(error.value) and named in str(error.value)
    assert "\n" not in str(error.value)


def test_one_channel_is_a_column_of_float32():
    column = curves.one_channel("0:0,10:1", signals.find("position"), None)(np.array([0.0, 5.0]))
    assert column.dtype == np.float32
    assert column.tolist() == [[0.0], [0.5]]


def test_a_name_that_no_file_can_have_is_named_in_one_line():
    with pytest.raises(UserError, match=r"^--x=a\\x00\.csv: can't be read \(embedded null byte\)"):
        curves.parse("a\0.csv", "x")
