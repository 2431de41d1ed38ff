"""What the laws of generation sound like: the model that ships, measured on its waveforms."""

import numpy as np
import pytest
import tiny

from musika_tf import bundle
from musika_tf.pipeline import generation, loops
from musika_tf.pipeline.piece import Piece
from musika_tf.pipeline.styles import StylePlan

RATE = 44_100
HOUR = 3600 * RATE


@pytest.fixture(scope="module")
def model():
    return bundle.load(tiny.ROOT / "models" / "techno-mini")


def render(model, seed, start, n_samples, **options):
    piece = loops.closed(model[1], Piece(seed, StylePlan.constant(seed), start, n_samples, **options))
    return np.concatenate(list(generation.waveforms(*model, piece)))


def decibels(waveform):
    return 10 * np.log10(np.mean(waveform**2))


@pytest.mark.parametrize("seed", [1, 2])
def test_minute_60_is_as_loud_as_minute_1(model, seed):
    first, last = (render(model, seed, start, 30 * RATE) for start in (0, HOUR - 30 * RATE))
    assert decibels(first) == pytest.approx(decibels(last), abs=3)
    assert -30 < decibels(first) < -6
    assert np.abs(first - last).max() > 0.1


def test_an_excerpt_of_an_hour_equals_that_of_a_longer_one(model):
    long = render(model, 3, HOUR - 12_345, 20 * RATE)
    short = render(model, 3, HOUR + 5 * RATE, 2 * RATE)
    begin = 12_345 + 5 * RATE
    np.testing.assert_allclose(short, long[begin : begin + 2 * RATE], atol=1e-4)


def seam_ratio(waveform, seams, reach=2000):
    """Mean over seams of the step there, over the mean step nearby."""
    steps = np.abs(np.diff(waveform, axis=0)).mean(axis=1)
    return np.mean([steps[seam - 1] / steps[seam - reach : seam + reach].mean() for seam in seams])


def test_windows_meet_without_a_click(model):
    metadata = model[1]
    window = metadata["window"] * metadata["samples_per_latent"]
    waveform = render(model, 4, 0, 12 * window)
    seams = np.arange(1, 12) * window
    elsewhere = np.concatenate([seams + shift for shift in range(50_000, 450_000, 25_013)])
    spread = np.std([seam_ratio(waveform, elsewhere[i::16]) for i in range(16)])
    assert seam_ratio(waveform, seams) < seam_ratio(waveform, elsewhere) + 4 * spread


@pytest.mark.parametrize("seconds", [8, 30])
def test_a_loop_has_no_seam(model, seconds):
    ratios, powers = [], []
    for seed in (1, 2, 3):
        loop = render(model, seed, 0, seconds * RATE, loop_samples=seconds * RATE)
        twice = np.concatenate([loop, loop])
        ratios.append(seam_ratio(twice, [len(loop)]))
        powers.append(decibels(loop[-RATE:]) - decibels(loop))
    assert np.mean(ratios) < 2
    assert np.abs(powers).max() < 6
