"""Plans of style: what they weigh when, and how bad files are named."""

import json

import numpy as np
import pytest
from comments import read_style

from musika_tf.errors import UserError
from musika_tf.generate import styles
from musika_tf.generate.styles import StylePlan

HALF = 0.5**0.5


def read(tmp_path, keyframes):
    path = tmp_path / "plan.json"
    path.write_text(keyframes if isinstance(keyframes, str) else json.dumps(keyframes))
    return styles.read(path)


def test_constant():
    plan = StylePlan.constant(-7)
    assert plan.seeds == (-7,)
    np.testing.assert_array_equal(plan.weights(np.array([0.0, 1e9])), [[1.0]])


def test_morph_by_hand():
    plan = StylePlan.morph(7, 9, 10.0)
    assert plan.seeds == (7, 9)
    weights = plan.weights(np.array([-1, 0, 2.5, 5, 10, 11]))
    np.testing.assert_allclose(weights, [[1, 0], [1, 0], [0.75, 0.25], [0.5, 0.5], [0, 1], [0, 1]])
    assert weights.dtype == np.float32


def test_in_a_loop_a_morph_comes_back():
    plan = StylePlan.morph(7, 9, 10.0, loop=True)
    weights = plan.weights(np.array([0, 2.5, 5, 7.5, 10]), period=10.0)
    np.testing.assert_allclose(weights[:, 1], [0, 0.5, 1, 0.5, 0])


def test_file(tmp_path):
    plan = read(
        tmp_path,
        [
            {"time": 0, "style": 7},
            {"time": "0:30", "style": {"7": 3, "9": 4}},
            {"time": "1m", "style": "9"},
            {"time": 90.5, "style": {"9": 0, "-3": 1}},
        ],
    )
    assert plan.seeds == (7, 9, -3)
    weights = plan.weights(np.array([0, 30, 45, 60, 90.5]))
    # A keyframe of large weights is no louder than one of small ones.
    np.testing.assert_allclose(weights, [[1, 0, 0], [0.6, 0.8, 0], [0.3, 0.9, 0], [0, 1, 0], [0, 0, 1]], atol=1e-6)


@pytest.mark.parametrize(
    "plan", [StylePlan.constant(2**62), StylePlan.morph(1, -2, 0.1), StylePlan(((1.5, ((3, 0.1), (4, 0.7))),))]
)
def test_text_is_inverted(plan):
    assert " " not in plan.text()
    assert read_style(plan.text()) == plan


@pytest.mark.parametrize(
    ("keyframes", "message"),
    [
        ("[", "no JSON"),
        ({}, "not a list of keyframes"),
        ([], "not a list of keyframes"),
        ([7], 'keyframe 1: needs "time" and "style"'),
        ([{"time": 0}], 'keyframe 1: needs "time" and "style"'),
        ([{"time": 0, "style": 1, "volume": 3}], 'keyframe 1: needs "time" and "style" and nothing else'),
        ([{"time": "soon", "style": 1}], "keyframe 1: 'soon' is no time"),
        ([{"time": -1, "style": 1}], 'keyframe 1: "time" is -1'),
        ([{"time": None, "style": 1}], 'keyframe 1: "time" is null'),
        ('[{"time": NaN, "style": 1}]', 'keyframe 1: "time" is NaN'),
        ([{"time": 0, "style": 1.5}], "keyframe 1: 1.5 is no style"),
        ([{"time": 0, "style": True}], "keyframe 1: true is no style"),
        ([{"time": 0, "style": "calm"}], 'keyframe 1: "calm" is no style'),
        ([{"time": 0, "style": [7]}], r"keyframe 1: \[7\] is no style"),
        ([{"time": 0, "style": 2**63}], "keyframe 1: .* is no style"),
        ([{"time": 0, "style": {}}], "keyframe 1: no style has a weight above 0"),
        ([{"time": 0, "style": {"1": 0}}], "keyframe 1: no style has a weight above 0"),
        ([{"time": 0, "style": {"1": -1}}], "keyframe 1: weight -1"),
        ([{"time": 0, "style": {"1": "much"}}], 'keyframe 1: weight "much"'),
        ([{"time": 0, "style": {"1": 1, "01": 1}}], "keyframe 1: names a seed twice"),
        ([{"time": 10**400, "style": 1}], 'keyframe 1: "time" is 10*; write seconds'),
        ([{"time": 0, "style": {"1": 10**400}}], "keyframe 1: weight 10*; write a number"),
        ([{"time": "9" * 400, "style": 1}], "keyframe 1: longer than"),
        ("[" * 100_000, "no JSON .too many brackets within brackets"),
        ('[{"time": 0, "style": ' + "[" * 900 + "]" * 900 + "}]", "keyframe 1: .* is no style"),
        ([{"time": 5, "style": 1}, {"time": 5, "style": 2}], "keyframe 2: its time is not after"),
    ],
)
def test_bad_files_are_named_in_one_line(tmp_path, keyframes, message):
    with pytest.raises(UserError, match=f"^--style_file=.*plan.json(:|, ) ?{message}") as error:
        read(tmp_path, keyframes)
    assert "\n" not in str(error.value)


def test_missing_file(tmp_path):
    with pytest.raises(UserError, match="--style_file=.*none.json: can't be read .No such file"):
        styles.read(tmp_path / "none.json")


@pytest.mark.parametrize("scale", [1e-310, 1e-200, 1.0, 1e200, 1e307])
def test_weights_of_any_size_are_proportions(scale):
    plan = StylePlan(((0.0, ((7, 3 * scale), (9, 4 * scale))),))
    np.testing.assert_allclose(plan.weights(np.zeros(1)), [[0.6, 0.8]], rtol=1e-6)
