"""MusiCNN against the numbers of its author's own graph (tests/evaluation/musicnn_expected.npz).

The fixture was made once from the wheel's `.meta` graph and weights, run by a TensorFlow 1 session, with
log-mel patches by librosa from `signal()`, hop 62 frames.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from musika_tf.conditioning import musicnn
from musika_tf.errors import UserError

SAMPLE_RATE = 44_100


def signal(seconds=6.5):
    """Kicks at 120 BPM, a swelling chord and hats in opposite phase: float32 `[samples, 2]`."""
    n = int(seconds * SAMPLE_RATE)
    t = np.arange(n) / SAMPLE_RATE
    beat = t % 0.5
    kick = np.exp(-beat * 12) * np.sin(2 * np.pi * (55 * beat + 9 * (1 - np.exp(-beat * 30))))
    swell = 0.1 * (1 + np.sin(2 * np.pi * 0.4 * t))
    chord = sum(np.sin(2 * np.pi * f * t) for f in (220, 277.18, 329.63)) * swell
    hats = np.random.RandomState(0).randn(n) * 0.2 * np.exp(-((t + 0.25) % 0.5) * 30)
    return np.stack([0.6 * kick + chord + hats, 0.6 * kick + 0.5 * chord - 0.5 * hats], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def network():
    if importlib.util.find_spec("musicnn") is None:
        pytest.skip("needs the weights: pip install --no-deps musicnn")
    return musicnn.MusiCNN.load()


def test_equals_the_authors_graph(network):
    with np.load(Path(__file__).with_name("musicnn_expected.npz")) as expected:
        actual = network(signal())
        np.testing.assert_allclose(actual.features, expected["features"], atol=1e-4)
        np.testing.assert_allclose(actual.tags, expected["tags"], atol=1e-4)


def test_hears_techno_in_kicks(network):
    tags = network(signal()).tags.mean(axis=0)
    assert len(network.tags) == len(set(network.tags)) == tags.shape[0] == 50
    assert network.tags[tags.argmax()] == "techno"


def test_patches_do_not_depend_on_batching(network, monkeypatch):
    waveform = signal(8)
    whole = network(waveform)
    monkeypatch.setattr(musicnn, "_BATCH_PATCHES", 2)
    np.testing.assert_allclose(network(waveform).features, whole.features, atol=1e-5)


def test_patches_that_overlap_share_work_but_not_values(network):
    waveform = signal(12)
    mel = musicnn._log_mel(waveform.mean(axis=1)[: 10 * musicnn.SAMPLE_RATE])
    for hop in (15, 62, 200):  # the last leaves gaps
        together = network.network(mel, hop)
        starts = range(0, len(mel) - musicnn.PATCH_FRAMES + 1, hop)
        alone = [network.network(mel[start : start + musicnn.PATCH_FRAMES], hop) for start in starts]
        for kind, found in enumerate(together):
            expected = np.concatenate([each[kind] for each in alone])
            assert len(expected) >= 3
            np.testing.assert_allclose(found, expected, atol=1e-5)


def test_tags_depend_on_the_features_alone(network):
    heard = network(signal())
    np.testing.assert_allclose(network.tags_of(heard.features), heard.tags, atol=1e-6)


def test_hop_selects_every_second_patch(network):
    waveform = signal(8)
    hop = 62 * 256 / 16_000
    np.testing.assert_allclose(
        network(waveform, hop_seconds=2 * hop).features, network(waveform, hop_seconds=hop).features[::2], atol=1e-5
    )


def test_mono_equals_two_equal_channels_and_rates_agree(network):
    mono = signal()[:, 0]
    stereo = network(np.stack([mono, mono], axis=1))
    np.testing.assert_allclose(network(mono).features, stereo.features, atol=1e-5)
    twice = np.repeat(mono, 2)  # a crude 88.2 kHz: the same below 8 kHz but for a slight roll-off
    assert np.abs(network(twice, sample_rate=88_200).tags - stereo.tags).max() < 0.05


def test_rejects_short_and_broken_audio(network):
    with pytest.raises(ValueError, match="three seconds"):
        network(signal(2.9))
    with pytest.raises(ValueError, match="not finite"):
        network(np.full((SAMPLE_RATE * 4, 2), np.nan, np.float32))


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --no-deps musicnn"):
        musicnn.MusiCNN.load()
