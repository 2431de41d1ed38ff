"""TensorFlow's import."""

import gc

import pytest

from musika_tf import native


@pytest.mark.parametrize("is_on", [True, False])
def test_the_collector_is_as_before(is_on):
    before = gc.isenabled()
    try:
        (gc.enable if is_on else gc.disable)()
        with pytest.raises(ImportError), native.no_collector():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() == is_on
    finally:
        (gc.enable if before else gc.disable)()
