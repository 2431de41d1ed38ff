"""The figures of benchmarks/precision.py."""

import numpy as np
import pytest
import tiny

from benchmarks import precision


def test_differences_are_decibels_below_the_whole():
    expected = tiny.normal(20_000, 2)
    assert precision.difference(1.01 * expected, expected) == {
        "difference": pytest.approx(-40.0, abs=0.01),
        "largest": pytest.approx(20 * np.log10(0.01 * np.abs(expected).max() / expected.std()), abs=0.05),
        "magnitudes": pytest.approx(-40.0, abs=0.01),
    }
    turned = precision.difference(-expected, expected)  # what only phase tells has the same magnitudes
    assert turned["difference"] == pytest.approx(20 * np.log10(2), abs=0.01) and turned["magnitudes"] < -200


def test_a_table_has_a_row_for_each_model():
    row = {"what": "tiny", "float32": [2.0, 1.0, 3.0], "bfloat16": [1.0, 1.0, 1.0], "times": [2.0, 1.0, 3.0]}
    row |= {"difference": -35.04, "largest": -20.0, "magnitudes": -37.0}
    last = precision.table([row]).splitlines()[-1]
    assert last == "| tiny | 2.00 (1.00 to 3.00) | 1.00 (1.00 to 1.00) | 2.00 (1.00 to 3.00) | -35.0 | -20.0 | -37.0 |"
