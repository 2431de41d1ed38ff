"""The limiter against its own definition: identity, bounds, symmetry, slope."""

import numpy as np
import pytest

from musika_tf.audio.limiter import limit


def test_limiter():
    x = np.linspace(-30, 30, 60_001, dtype=np.float32)
    y = limit(x).numpy()
    quiet = np.abs(x) <= 0.8
    np.testing.assert_array_equal(y[quiet], x[quiet])
    assert (np.diff(y) >= -1e-7).all()
    assert (np.diff(y)[np.abs(x[1:]) < 1.2] > 0).all()
    assert np.abs(y).max() < 1
    np.testing.assert_array_equal(y, -y[::-1])
    # No corner at 0.8: the slope stays 1.
    assert float(limit(0.81) - limit(0.8)) == pytest.approx(0.01, rel=0.01)
