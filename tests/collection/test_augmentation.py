"""Augmented crops: what is drawn, against what the drawing says."""

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.collection import augmentation

CROP, BATCH = 4000, 4
LENGTH = augmentation.source_samples(CROP)
RATE = 44_100


def batches(first=0):
    """Endless batches whose content is a function of their number."""
    numbers = tf.data.Dataset.range(first, 10**6)
    seeds = numbers.map(lambda i: tf.random.stateless_normal([BATCH, LENGTH, 2], tf.stack([i, 5]), alg="philox"))
    return seeds.map(lambda x: 0.1 * x)


def made(n, first=0, part=(0, 1)):
    crops = augmentation.augmented(batches(first), CROP, 3, first, part)
    return [batch.numpy() for batch in crops.take(n)]


def test_a_run_that_is_resumed_sees_the_same_crops():
    whole = made(4)
    assert whole[0].shape == (BATCH, CROP) and whole[0].dtype == np.float32
    np.testing.assert_array_equal(np.stack(whole[2:]), np.stack(made(2, first=2)))
    assert not np.array_equal(whole[0], whole[1])


def test_each_change_happens_about_as_often_as_it_should(monkeypatch):
    counts = {"_resampled": 0, "_equalised": 0}
    for name in counts:
        original = getattr(augmentation, name)

        def counted(x, amount, *rest, name=name, original=original):
            counts[name] += np.ndim(amount) > 0 or amount != 1.0
            return original(x, amount, *rest)

        monkeypatch.setattr(augmentation, name, counted)
    waveform = 0.1 * tiny.normal(LENGTH, 2)
    for i in range(200):
        augmentation._changed(waveform, CROP, np.random.default_rng([0, i]))
    assert 70 < counts["_resampled"] < 130 and 35 < counts["_equalised"] < 90


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_speed_transposes(speed):
    tone = np.sin(2 * np.pi * 1000 * np.arange(LENGTH) / RATE).astype(np.float32)
    crop = augmentation._resampled(tone, speed, CROP)
    assert len(crop) == CROP
    peak = np.argmax(np.abs(np.fft.rfft(crop * np.hanning(CROP)))) * RATE / CROP
    assert peak == pytest.approx(1000 * speed, abs=RATE / CROP)


def test_an_equaliser_without_gain_changes_nothing_and_one_with_gain_that_much():
    x = tiny.normal(CROP)
    np.testing.assert_allclose(augmentation._equalised(x, np.zeros(6)), x, atol=1e-5)
    np.testing.assert_allclose(augmentation._equalised(x, np.full(6, 20.0)), 10 * x, rtol=1e-3, atol=1e-3)


def test_no_peak_rises_above_full_scale():
    loud = np.sign(tiny.normal(BATCH, CROP)).astype(np.float32)
    mixed = augmentation._overlaid(loud, np.random.default_rng(1))
    assert np.abs(mixed).max() <= 1.0 + 1e-6
    assert any(not np.array_equal(a, b) for a, b in zip(mixed, loud, strict=True))


def test_mixed_down_is_the_mean_of_both_sides():
    x = tiny.normal(2, 10, 2)
    (y,) = augmentation.mixed_down(tf.data.Dataset.from_tensors(x))
    np.testing.assert_allclose(y, x.mean(axis=2), atol=1e-6)
