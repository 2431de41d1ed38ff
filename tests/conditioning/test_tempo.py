"""Tempo by hand, off clicks, and as users ask for it."""

import logging

import clicks
import numpy as np
import pytest

from musika_tf.conditioning import signal, tempo
from musika_tf.conditioning.signal import Span
from musika_tf.conditioning.tempo import Tempo
from musika_tf.errors import UserError

needs_tempocnn = pytest.mark.skipif(not tempo.installed(), reason="the extra tempo (tempocnn) is missing")
SPAN = Span(*(np.array([v], np.float32) for v in (135, 10, 110.2, 159.7)))


def test_from_grid_is_constant():
    signal = Tempo().from_grid({"bpm": 132.5, "first_beat_seconds": 0.1}, np.arange(5) / 10)
    assert signal.dtype == np.float32
    np.testing.assert_array_equal(signal, np.full([5, 1], 132.5))


# Estimates


def test_peak_lies_between_the_classes():
    distribution = np.zeros(256)
    distribution[[101, 102, 103]] = 0.2, 0.4, 0.3  # 131, 132, 133 BPM; the parabola's top is 1/6 above the middle
    bpm, confidence = tempo.peak(distribution)
    assert bpm == pytest.approx(132 + 1 / 6)
    assert confidence == pytest.approx(0.9)


def test_confidence_is_the_share_around_the_peak():
    distribution = np.full(256, 0.5 / 256)
    distribution[70] += 0.5  # 100 BPM; four classes on each side count
    assert tempo.peak(distribution) == pytest.approx((100.0, 0.5 + 9 * 0.5 / 256))


@pytest.mark.parametrize("best", [0, 255])
def test_peak_at_the_end_stays_in_range(best):
    distribution = np.zeros(256)
    distribution[best] = 1
    assert 30 <= tempo.peak(distribution)[0] <= 285


def test_steady_tempo_leaves_out_missed_beats():
    beats = np.delete(np.arange(40) * 0.5 + 0.003 * (-1.0) ** np.arange(40), [7, 20])
    bpm, confidence = tempo.steady_tempo(np.diff(beats))
    assert bpm == pytest.approx(120, abs=0.3)
    assert confidence == pytest.approx(35 / 37)


def test_too_few_beats_are_refused():
    with pytest.raises(UserError, match="no beats to be heard"):
        tempo.steady_tempo([1.0])


@pytest.mark.parametrize("estimator", ["librosa", pytest.param("tempocnn", marks=needs_tempocnn)])
def test_tempo_of_clicks(estimator):
    waveform = clicks.clicks(np.arange(0.2, 29.5, 60 / 132), 30, hertz=200.0)
    bpm, confidence = tempo.estimate(waveform, estimator)
    assert bpm == pytest.approx(132, abs=1)
    assert confidence > tempo.LEAST_CONFIDENCE


@needs_tempocnn
def test_piece_of_many_tempi_is_not_clear():
    parts = [clicks.clicks(np.arange(0, 12, 60 / bpm), 12, hertz=200.0) for bpm in (75, 90, 108, 130, 156)]
    assert Tempo().extract(np.concatenate(parts), np.zeros(3)).confidence < Tempo().least_confidence


@needs_tempocnn
@pytest.mark.parametrize("seconds", [0.001, 0.01, 0.1, 1, 3, 11.8])
def test_short_pieces_have_a_tempo_too(seconds):
    waveform = clicks.clicks(np.arange(0, seconds, 60 / 132), seconds, hertz=200.0)
    bpm, confidence = tempo.estimate(waveform, "tempocnn")
    assert 30 <= bpm <= 285 and 0 < confidence <= 1
    if seconds < 1:
        assert confidence < tempo.LEAST_CONFIDENCE
    if seconds > 10:
        assert bpm == pytest.approx(132, abs=1)


@pytest.mark.filterwarnings("ignore:n_fft")
@pytest.mark.parametrize("n_samples", [1, 100, 441, 4410])
def test_librosa_refuses_the_shortest_pieces(n_samples):
    with pytest.raises(UserError, match="no beats to be heard"):
        tempo.estimate(clicks.clicks([0.0], 1)[:n_samples], "librosa")


def test_extract_says_by_whom(monkeypatch):
    monkeypatch.setattr(tempo, "installed", lambda: False)
    monkeypatch.setitem(tempo.ESTIMATORS, "librosa", lambda waveform: (99.5, 0.7))
    extracted = Tempo().extract(np.zeros([9, 2], np.float32), np.zeros(4))
    assert (extracted.extractor, extracted.confidence) == ("librosa", 0.7)
    assert extracted.stored.dtype == np.float32
    np.testing.assert_array_equal(extracted.stored, np.full([4, 1], 99.5))


def test_librosa_stands_in_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(tempo, "installed", lambda: False)
    signal.warn_once.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert [Tempo().extractor() for _ in range(3)] == ["librosa"] * 3
    assert len(caplog.records) == 1 and "extra tempo" in caplog.text


# What users ask for


def test_users_give_one_number_in_the_trained_range():
    values = Tempo().parse_user("132.5", SPAN)(np.arange(3.0))
    assert values.dtype == np.float32 and values.tolist() == [[132.5]] * 3
    for edge in ("110.2", "159.7"):  # which float32 stores a little off
        assert Tempo().parse_user(edge, SPAN)(np.zeros(1)).shape == (1, 1)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("90", "--bpm=90: 90 is outside of the range that this model was trained on, 110.2 to 159.7 BPM"),
        ("160", "110.2 to 159.7 BPM"),
        ("0:120,1m:130", "give one number"),
        ("fast", "--bpm=fast"),
    ],
)
def test_other_tempi_are_refused(text, named):
    with pytest.raises(UserError) as error:
        Tempo().parse_user(text, SPAN)(np.zeros(1))
    assert named in str(error.value)
