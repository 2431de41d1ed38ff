"""A drawn line -> the points that the field takes."""

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the extra app is not installed")

from musika_tf.conditioning import curves  # noqa: E402
from musika_tf.web import drawn_curve  # noqa: E402


def test_a_line_becomes_its_curve():
    xs = np.linspace(0, 1, 101)
    value = ",".join(f"{x:.4f}:{x**2:.4f}" for x in xs)
    curve = curves.parse(drawn_curve.points(value, 60, 0.2, 0.7), "note_density")
    assert len(curve.times) == 12 and curve.times[-1] == 60.0
    np.testing.assert_allclose(curve(60 * xs), 0.2 + 0.5 * xs**2, atol=0.004)


def test_what_goes_back_and_what_is_a_dot():
    text = drawn_curve.points("0:0,0.5:1,0.4:0,0.3:0.5,1:0", 10, 0, 1)
    curve = curves.parse(text, "note_density")
    np.testing.assert_allclose(curve([0, 5, 10]), [0, 1, 0], atol=1e-9)
    assert drawn_curve.points("0.3:0.5", 10, 0, 1) == "0.5" and drawn_curve.points("", 10, 0, 1) == ""
