"""Rounds of new processes, and what TensorFlow's trace says of a run."""

from types import SimpleNamespace

import pytest

from benchmarks import operations, startup

SOUND = "generate.py --out=-: a second of sound"


def test_rows_are_medians_of_rounds_and_of_differences_within_them():
    rounds = {("", startup.TENSORFLOW): [(3.0, 2.0), (9.0, 4.0), (4.0, 3.0)], ("a", SOUND): [(5, 3), (9, 6), (7, 3.5)]}
    plain, sound = startup.rows_of(rounds)
    assert plain == {"checkout": "", "what": "import tensorflow", "cpu": [3.0, 2.0, 4.0], "wall": [4.0, 3.0, 9.0]}
    assert sound["cpu"] == [3.5, 3, 6] and sound["beyond"] == [1.0, 0.5, 2.0]
    lines = startup.table([plain, sound]).splitlines()
    assert lines[2] == "| import tensorflow | 3.00 (2.00 to 4.00) | 4.00 (3.00 to 9.00) |  |"
    assert lines[3].endswith("| 1.00 (0.50 to 2.00) |") and "checkout" not in lines[0]
    assert "checkout" in startup.table([plain, sound, sound | {"checkout": "b"}]).splitlines()[0]


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("_MklNativeConv2D", "convolutions and matrix products"),
        ("IRFFT", "Fourier transform"),
        ("Sin", "sin, cos, exp, sigmoid and the like"),
        ("StridedSlice", "copies"),
        ("AddV2", "sums, products and the rest"),
    ],
)
def test_shares_of_kinds_are_of_the_operations_time(operation, kind):
    def node(label, micros):
        return SimpleNamespace(timeline_label=label, op_start_rel_micros=5, op_end_rel_micros=5 + micros)

    nodes = [node(f"a/b = {operation}(x, y)", 3e6), node("[MemCpy]", 9e6), node("c = Mul(x)", 1e6)]
    found = operations.seconds_by_kind(SimpleNamespace(dev_stats=[SimpleNamespace(node_stats=nodes)]))
    shares = {row["what"]: row["share"] for row in operations.shares([found])}
    assert shares[kind] == pytest.approx(1.0 if operation == "AddV2" else 0.75) and sum(shares.values()) == 1.0
