"""Twenty visitors at once for a minute: each is answered or told to wait, and the process grows no larger."""

import pytest


@pytest.mark.slow
def test_twenty_visitors_for_a_minute(folder):
    pytest.importorskip("httpx", reason="the extra app is not installed")
    from benchmarks import app

    result = app.measure(str(folder), clients=20, seconds=60)
    assert result["broken"] == 0, result
    assert result["answered"] > 50 and result["left"] > 20 and result["refused"] > 5, result
    assert result["end_mb"] < 1.1 * result["early_mb"], result
