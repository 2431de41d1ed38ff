"""Waveform -> latents -> waveform: the length law, and chunks that equal the whole."""

import signal

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.audio import spectrogram
from musika_tf.config import AutoencoderConfig
from musika_tf.model.codec import CHUNK_LATENTS, Codec, StreamEncoder
from musika_tf.randomness import Stream, normal_rows

CONFIG = tiny.AUTOENCODER
PER_LATENT = CONFIG.samples_per_latent


@pytest.fixture(params=[tiny.AUTOENCODER, tiny.STACKED], ids=lambda config: config.stereo)
def path(request):
    return Codec(tiny.autoencoder(request.param))


def direct_encode(path, waveform):
    """All at once, without chunks."""
    spectra = spectrogram.stft(spectrogram.extend(waveform.T, CONFIG), CONFIG)
    coded = path.autoencoder.encode2(path.autoencoder.encode1(path.stereo.coded(spectra)))
    return path.stereo.joined(coded, spectra).numpy()


def direct_decode(path, latents, seed):
    """All at once, overlap-added by tensorflow and normalised by counting windows."""
    n, step, config = len(latents), CONFIG.window_latents, path.config
    padded = np.concatenate([latents, np.repeat(latents[-1:], -n % step, axis=0)])
    size1, size2 = path.autoencoder.decoder_noise_sizes()
    windows = len(padded) // step
    noises = [
        tf.tile(normal_rows(seed, stream, 0, windows, size), [config.n_coded, 1])
        for stream, size in ((Stream.DECODER2_NOISE, size2), (Stream.DECODER1_NOISE, size1))
    ]
    level1 = path.autoencoder.decode2(path.stereo.split(padded), noises[0])
    decoded = path.autoencoder.decode1(level1, noises[1])
    with_neighbours = np.concatenate([padded[:1], padded, padded[-1:]])
    spectra = path.stereo.spread(decoded, with_neighbours)
    frames = spectrogram.synthesis_frames(spectra, CONFIG)[:, : 16 * n]
    whole = tf.signal.overlap_and_add(frames, CONFIG.hop_length).numpy()
    window = tf.signal.hann_window(CONFIG.fft_length) * tf.signal.inverse_stft_window_fn(CONFIG.hop_length)(
        CONFIG.fft_length, tf.float32
    )
    present = tf.signal.overlap_and_add(tf.repeat(window[None], 16 * n, axis=0), CONFIG.hop_length).numpy()
    edge = CONFIG.edge_samples
    return (whole[:, edge:-edge] / present[edge:-edge]).T


@pytest.mark.parametrize(
    ("n_samples", "frames"), [(1, 16), (4095, 16), (4096, 16), (4097, 16), (50_000, 16), (2048, 8), (2049, 8)]
)
def test_length_law(n_samples, frames):
    path = Codec(tiny.autoencoder(AutoencoderConfig(width=8, frames_per_latent=frames)))
    latents, per_latent = path.encode(tiny.normal(n_samples, 2) / 10), 256 * frames
    n_latents = -(-n_samples // per_latent)
    assert latents.shape == [n_latents, 128]
    assert np.abs(latents).max() <= 1
    waveform = path.decode(latents, 1, 1.0)
    assert waveform.shape == [per_latent * n_latents, 2]
    assert np.isfinite(waveform).all()


@pytest.mark.parametrize("n_latents", [1, CHUNK_LATENTS, CHUNK_LATENTS + 1, 2 * CHUNK_LATENTS + 45])
def test_encode_in_chunks_equals_the_whole(path, n_latents):
    waveform = tiny.normal(n_latents * PER_LATENT - 3, 2) / 10
    np.testing.assert_allclose(path.encode(waveform), direct_encode(path, waveform), atol=1e-5)


@pytest.mark.parametrize("n_latents", [1, 4, 6, CHUNK_LATENTS, CHUNK_LATENTS + 3, 2 * CHUNK_LATENTS + 45])
def test_decode_in_chunks_equals_the_whole(path, n_latents):
    latents = tiny.normal(n_latents, path.config.latent_channels)
    decoded = path.decode(latents, 7, 1.0).numpy()
    expected = direct_decode(path, latents, 7)
    assert decoded.shape == expected.shape == (n_latents * PER_LATENT, 2)
    np.testing.assert_allclose(decoded, expected, atol=1e-5 * np.abs(expected).max())


def test_no_latents_are_no_samples(path):
    assert tf.function(path.decode)(tf.zeros([0, path.config.latent_channels]), 7, 1.0).shape == [0, 2]


def click_of(side):
    silence = np.zeros([10 * PER_LATENT, 2], np.float32)
    click = silence.copy()
    click[5 * PER_LATENT + PER_LATENT // 2, side] = 1.0
    return silence, click


def test_latents_stand_where_the_sound_is(path):
    silence, click = click_of(0)
    changed = np.abs(path.encode(click) - path.encode(silence)) > 1e-6
    assert set(np.flatnonzero(changed.any(axis=1))) == {5}


def test_stacked_sides_never_hear_each_other():
    path, half = Codec(tiny.autoencoder(tiny.STACKED)), tiny.STACKED.latent_size
    silence, click = click_of(0)
    changed = np.abs(path.encode(click) - path.encode(silence)) > 1e-6
    assert changed[:, :half].any() and not changed[:, half:].any()


def test_exchanged_sides_are_the_mirror_image(path):
    waveform = tiny.normal(6 * PER_LATENT, 2) / 10
    one, other = path.encode(waveform).numpy(), path.encode(waveform[:, ::-1]).numpy()
    np.testing.assert_allclose(path.stereo.mirror(one), other, atol=1e-6)


def test_what_is_mono_stays_mono(path):
    side = tiny.normal(6 * PER_LATENT, 1) / 10
    latents = path.encode(np.repeat(side, 2, axis=1)).numpy()
    np.testing.assert_array_equal(path.stereo.mirror(latents), latents)
    waveform = path.decode(latents, 1, 1.0).numpy()  # the noise is the same on both sides, too
    np.testing.assert_allclose(waveform[:, 0], waveform[:, 1], atol=1e-5 * np.abs(waveform).max())


# Streams: blocks of any length, around the lengths at which a chunk is full with and without its context.


@pytest.fixture(scope="module", params=[tiny.AUTOENCODER, tiny.STACKED], ids=lambda config: config.stereo)
def encode(request):
    return StreamEncoder(tiny.autoencoder(request.param))


@pytest.mark.parametrize(
    ("n_latents", "beyond"),
    [(0, 1), (1, -1), (1, 0), *((CHUNK_LATENTS, b) for b in (-1, 0, 1, CONFIG.edge_samples, CONFIG.edge_samples + 1)),
     (CHUNK_LATENTS + 1, 0), (2 * CHUNK_LATENTS + 45, 7)],
)  # fmt: skip
def test_a_stream_has_the_latents_of_the_whole(encode, n_latents, beyond):
    waveform = tiny.normal(n_latents * PER_LATENT + beyond, 2) / 10
    cuts = np.sort(np.random.default_rng(n_latents).integers(0, len(waveform) + 1, 5))
    latents, n_samples = encode(np.split(waveform, cuts))
    assert n_samples == len(waveform)
    np.testing.assert_allclose(latents, direct_encode(Codec(tiny.autoencoder(encode.config)), waveform), atol=1e-5)
    np.testing.assert_array_equal(latents, encode([waveform])[0])


def test_no_samples_have_no_latents(encode):
    latents, n_samples = encode([])
    assert latents.shape == (0, encode.config.latent_channels) and latents.dtype == np.float32 and n_samples == 0


def test_stream_encoder_is_compiled_once_for_all_lengths():
    encode = StreamEncoder(tiny.autoencoder())
    for n_samples in (1, 100, 3 * PER_LATENT, CHUNK_LATENTS * PER_LATENT + 1):
        encode([tiny.normal(n_samples, 2)])
    assert encode._encode_chunk.experimental_get_tracing_count() == 1


def test_a_signal_waits_until_a_chunk_is_encoded(encode, monkeypatch):
    done = []

    def chunk(waveform, encode_chunk=encode._encode_chunk):
        signal.raise_signal(signal.SIGINT)
        done.append(encode_chunk(waveform))
        return done[-1]

    monkeypatch.setattr(encode, "_encode_chunk", chunk)
    with pytest.raises(KeyboardInterrupt):
        encode([tiny.normal(CHUNK_LATENTS * PER_LATENT + 9, 2)])
    assert len(done) == 1
