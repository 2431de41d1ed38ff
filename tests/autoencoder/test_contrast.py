"""The contrast: level-1 latents further from their mean, measured, stored, and part of all that decodes."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.autoencoder import contrast
from musika_tf.autoencoder.contrast import Contrast
from musika_tf.errors import UserError
from musika_tf.export import networks
from musika_tf.model import bundle
from musika_tf.model.codec import Codec

SIZE = tiny.AUTOENCODER.level1_size
SOME = Contrast(1.5, tuple(np.linspace(-0.3, 0.4, SIZE).tolist()))


@pytest.fixture
def autoencoder():
    """The tiny one with a contrast."""
    return dataclasses.replace(tiny.autoencoder(), contrast=SOME)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_the_distance_from_the_centre_grows_by_the_factor(dtype):
    level1, centre = tf.cast(tiny.normal(2, 7, SIZE), dtype), np.array(SOME.centre)
    further = SOME(level1)
    assert further.dtype == dtype
    was, now = (tf.cast(x, tf.float32).numpy() - centre for x in (level1, further))
    np.testing.assert_allclose(now, 1.5 * was, atol=1e-6 if dtype == tf.float32 else 0.05)
    back = Contrast(1 / 1.5, SOME.centre)(SOME(tf.constant(tiny.normal(2, 7, SIZE))))
    np.testing.assert_allclose(back, tiny.normal(2, 7, SIZE), atol=1e-6)


def test_the_centre_is_the_mean_of_what_decoder_2_makes(autoencoder):
    """Whatever contrast it has already, which is 0 far from the centre in the mean afterwards."""
    spectra = [0.3 * tiny.normal(2, 128, tiny.AUTOENCODER.n_bins, seed=seed) for seed in (1, 2)]
    measured = Contrast.measured(1.2, autoencoder, spectra)
    plain = tiny.autoencoder()
    made = np.concatenate([plain.decode2(plain.encode2(plain.encode1(x))).numpy() for x in spectra])
    assert measured.factor == 1.2 and np.abs(measured.centre).max() > 1e-3
    np.testing.assert_allclose(measured.centre, made.mean(axis=(0, 1)), atol=1e-6)
    raised = dataclasses.replace(plain, contrast=measured)
    again = np.concatenate([raised.decode2(raised.encode2(raised.encode1(x))).numpy() for x in spectra])
    np.testing.assert_allclose(again.mean(axis=(0, 1)), measured.centre, atol=1e-6)
    np.testing.assert_allclose(again.std(axis=(0, 1)), 1.2 * made.std(axis=(0, 1)), rtol=1e-4)


def test_decoding_and_exports_have_it(autoencoder):
    config, plain = autoencoder.config, tiny.autoencoder()
    latents = tiny.normal(1, config.window_latents, config.latent_size)
    noise = tiny.normal(1, plain.decoder_noise_sizes()[1], seed=1)
    expected = SOME(plain.decode2(latents, noise))
    np.testing.assert_allclose(autoencoder.decode2(latents, noise), expected, atol=1e-6)
    decoder2 = next(network for network in networks.of(autoencoder) if network.name == "decoder2")
    np.testing.assert_allclose(decoder2.function(latents, noise)["level1"], expected, atol=1e-6)


def test_latents_belong_to_the_autoencoder_whatever_its_contrast(autoencoder):
    assert autoencoder.identity() == tiny.autoencoder().identity()
    waveform = tf.constant(0.3 * tiny.normal(5000, 2))
    np.testing.assert_array_equal(Codec(autoencoder).encode(waveform), Codec(tiny.autoencoder()).encode(waveform))


@pytest.mark.long
def test_a_bundle_keeps_it(autoencoder, tmp_path):
    bundle.save(tmp_path / "raised", autoencoder, name="raised")
    loaded, metadata = bundle.load(tmp_path / "raised")
    assert metadata["contrast"] == {"factor": 1.5, "centre": list(SOME.centre)} and metadata["format_version"] == 6
    again, *_ = bundle.load_networks(tmp_path / "raised")
    assert again.contrast == SOME
    latents = tf.constant(tiny.normal(9, tiny.AUTOENCODER.latent_channels))
    decoded = loaded.decode(latents, tf.constant(1, tf.int64), 1.0)
    for codec, same in ((Codec(autoencoder), True), (Codec(tiny.autoencoder()), False)):
        assert np.allclose(decoded, codec.decode(latents, tf.constant(1, tf.int64), 1.0), atol=1e-5) == same


DAMAGED = [
    (None, "has no factor and centre"),
    ({"factor": 1.1}, "has no factor and centre"),
    ({"factor": 1.1, "centre": [0.0] * (SIZE + 1)}, f"centre of {SIZE} numbers"),
    ({"factor": 1.1, "centre": "0" * SIZE}, f"centre of {SIZE} numbers"),
    ({"factor": True, "centre": [0.0] * SIZE}, "is no number"),
    ({"factor": 1.1, "centre": [float("nan")] * SIZE}, "is no number"),
]


@pytest.mark.parametrize(("described", "message"), DAMAGED)
def test_what_is_none_is_named(described, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Contrast.of(described, SIZE)
    (tmp_path / "contrast.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match=f"{tmp_path}/contrast.json: damaged .*{message}.*--phase=4"):
        contrast.read(tmp_path, SIZE)


def test_it_is_stored_beside_checkpoints(tmp_path):
    assert contrast.read(tmp_path, SIZE) is None
    contrast.write(SOME, tmp_path)
    assert contrast.read(tmp_path, SIZE) == SOME
