"""Whatever a user may type or a file may say: a valid result, or a UserError in one line that names where it stands."""

import json
import math
import string
from fractions import Fraction

import numpy as np
import tiny
from comments import read_style
from fuzz.law import result_or_line
from hypothesis import example, given
from hypothesis import strategies as st

from musika_tf import durations
from musika_tf.conditioning import curves, signals, steering, tags
from musika_tf.conditioning.position import Position
from musika_tf.errors import UserError
from musika_tf.generate import styles

# Anything at all, and what looks nearly right.
ODD = st.text(max_size=30)
NUMBERS = st.one_of(
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(["9" * 400, "9" * 5000, "1e400", "0." + "0" * 400 + "1"]),
)
TIMES = st.one_of(
    NUMBERS,
    st.lists(st.tuples(NUMBERS, st.sampled_from(["h", "m", "s", ":", ""])).map("".join), max_size=4).map("".join),
)
POINTS = st.lists(st.tuples(TIMES, NUMBERS).map(":".join), max_size=5).map(",".join)
TEXTS = st.one_of(ODD, NUMBERS, TIMES, POINTS, st.text("0123456789.:,hms-e \n\t%_", max_size=30))
SECONDS = np.array([-1.0, 0.0, 3.5, 1e9])


@given(TEXTS)
@example("9" * 5000)
@example("9" * 400 + "h")
@example("٣m")
def test_durations(text):
    seconds = result_or_line("--long", durations.parse, text, "long")
    if seconds is not None:
        assert isinstance(seconds, Fraction) and seconds > 0 and math.isfinite(float(seconds))
        again = durations.parse(durations.spoken(seconds)) if seconds >= 1 else round(seconds)
        assert abs(again - seconds) <= Fraction(1, 2)
    time = result_or_line("plan.json", durations.parse_time, text, "plan.json")
    assert time is None or time >= 0
    assert seconds is None or time == seconds  # what is a duration is a time, too


@given(TEXTS)
@example("\0.csv")
@example("0:1,1e-400:2")
def test_curves(text):
    curve = result_or_line("--note_density", curves.parse, text, "note_density")
    if curve is not None:
        assert np.isfinite(curve.values).all() and (np.diff(curve.times) > 0).all()
        assert np.isfinite(curve(SECONDS)).all()
        np.testing.assert_array_equal(curves.parse(curve.text, "x")(SECONDS), curve(SECONDS))


@given(st.one_of(st.binary(max_size=60), st.lists(st.lists(TEXTS, max_size=3).map(",".join)).map("\n".join)))
@example(b'0,1\n"30\n",2')
@example(b"0,1\0")
@example("0," + "1" * 200_000)
def test_curve_files(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "curve.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    curve = result_or_line(str(path), curves.parse, str(path), "position")
    assert curve is None or np.isfinite(curve(SECONDS)).all()


@given(
    st.one_of(TEXTS, st.lists(TIMES, max_size=4).map(lambda parts: "plan:" + ",".join(parts))),
    st.sampled_from([None, 237.0]),
)
@example("plan:1,1," + "9" * 400, None)
def test_positions(text, total):
    follow = result_or_line("--position", Position().parse_user, text, None, total)
    if follow is not None:
        values = follow(SECONDS)
        assert values.shape == (4, 1) and (values >= 0).all() and (values <= 1).all()


@given(
    st.one_of(
        TEXTS, st.lists(st.tuples(st.sampled_from(["techno", "no vocals", "a"]), TEXTS).map("=".join)).map(",".join)
    )
)
def test_tags(text):
    words = result_or_line("--tags", tags.parse_words, text)
    for word, value in (words or {}).items():
        assert word and value


@given(st.one_of(ODD, st.lists(st.sampled_from([*signals.NAMES, "tag:techno", "tag:", "tag:x"])).map(",".join)))
def test_conditioning(text):
    found = result_or_line("--conditioning", signals.parse, text)
    assert found is None or len({signal.name for signal in found}) == len(found)


METADATA = {
    "name": "tiny",
    "sample_rate": 44_100,
    "samples_per_latent": 4096,
    "conditioning": tiny.steerable().metadata(),
}
SETTINGS = st.dictionaries(st.sampled_from(sorted(steering.SETTINGS)), TEXTS, max_size=2)


@given(SETTINGS)
def test_steering(settings):
    steer = result_or_line("--", steering.steer, settings, METADATA, 7, 237.0)
    if steer is not None:
        assert np.isfinite(steer.at(SECONDS)).all()


# Keyframes and comments

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ODD, st.just(10**400), TIMES),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD, inner, max_size=3)),
    max_leaves=6,
)
WEIGHTS = st.one_of(st.floats(0, allow_nan=False), st.integers(0, 10**310), JSON)
SEEDS = st.one_of(st.integers(), st.integers(-5, 5), JSON)
BLENDS = st.one_of(SEEDS, st.dictionaries(st.integers().map(str), WEIGHTS, max_size=3))
KEYFRAMES = st.lists(
    st.fixed_dictionaries({"time": st.one_of(st.integers(0, 9), TIMES, JSON), "style": BLENDS}), max_size=3
)
PLANS = st.one_of(JSON, KEYFRAMES).map(json.dumps)


def check_plan(plan):
    weights = plan.weights(SECONDS)
    assert np.isfinite(weights).all()
    np.testing.assert_allclose(plan.weights([plan.keyframes[0][0]]).max(), 1.0, atol=0.5)  # one of unit norm
    np.testing.assert_array_equal(read_style(plan.text()).weights(SECONDS)[0], weights[0])


@given(st.one_of(PLANS, ODD))
@example('[{"time": 0, "style": {"1": 1e-200, "2": 2e-200}}]')
@example('[{"time": 0, "style": {"1": 1e200}}]')
@example('[{"time": 1e308, "style": {"1": 1' + "0" * 400 + "}}]")
@example("[" * 100_000)
@example('[{"time": 0, "style": ' + "[" * 900 + "]" * 900 + "}]")
def test_keyframes(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "plan.json"
    path.write_text(text, encoding="utf-8", errors="replace")
    plan = result_or_line(f"--style_file={path}", styles.read, path)
    if plan is not None:
        check_plan(plan)


@given(st.one_of(st.binary(max_size=40), PLANS.map(str.encode)))
def test_keyframes_of_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.json"
    path.write_bytes(content)
    result_or_line(f"--style_file={path}", styles.read, path)


@given(st.text(string.printable + "\0\x1b\u2028\ud800é★", max_size=40))
def test_a_user_error_is_one_line_of_printable_characters(text):
    assert str(UserError(text)).isprintable()
    assert text.isprintable() <= (str(UserError(text)) == text)
