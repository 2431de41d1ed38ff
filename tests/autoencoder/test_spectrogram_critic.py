import numpy as np
import pytest
import tensorflow as tf
from tiny import normal

from musika_tf.audio import spectrogram
from musika_tf.autoencoder.critic import STFT_SIZES, SpectrogramCritic, _picture

SAMPLES = 6144


@pytest.fixture(scope="module")
def critic():
    tf.keras.utils.set_random_seed(1)
    critic = SpectrogramCritic(4)
    step = tf.function(lambda: critic(tf.zeros([1, 2048]), training=True), autograph=False)
    for _ in range(100):  # enough power iterations to converge
        step()
    return critic


def test_scores_patches_of_every_size(critic):
    scores, features = critic(normal(3, SAMPLES))
    assert len(scores) == len(STFT_SIZES) == 2
    for score, size in zip(scores, STFT_SIZES, strict=True):
        n_frames, n_bins = 1 + (SAMPLES - size) // (size // 4), size // 2 + 1
        assert score.shape == [3, -(-n_frames // 8), -(-n_bins // 8)]  # three of the four layers have stride 2
    assert len(features) == 8


def test_its_sizes_are_not_the_decoders_own():
    assert 1024 not in STFT_SIZES


def test_convolutions_are_spectrally_normalised(critic):
    kernels = [v.numpy() for v in critic.trainable_variables if len(v.shape) == 4]
    assert len(kernels) == 2 * 5
    for kernel in kernels:
        norm = np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)
        assert norm == pytest.approx(1, abs=0.02)


def test_knows_where_on_the_frequency_axis_a_patch_is(critic):
    # White noise looks alike at all frequencies: what differs systematically is the frequency channel.
    scores, _ = critic(0.3 * normal(4, 4 * SAMPLES))
    inner = scores[1].numpy()[:, 2:-2, 2:-2]
    by_frequency = inner.mean(axis=(0, 1))
    errors = inner.std(axis=(0, 1)) / np.sqrt(inner.shape[0] * inner.shape[1])
    assert np.ptp(by_frequency) > 8 * errors.max()


def test_gradient_reaches_every_sample(critic):
    waveform = tf.constant(0.3 * normal(1, SAMPLES))
    with tf.GradientTape() as tape:
        tape.watch(waveform)
        loss = tf.add_n([tf.reduce_sum(score) for score in critic(waveform)[0]])
    gradient = tape.gradient(loss, waveform).numpy()[0]
    assert np.isfinite(gradient).all()
    assert np.count_nonzero(gradient[1:]) == SAMPLES - 1  # the first sample lies under the window's 0


def test_silence_is_finite(critic):
    waveform = tf.zeros([1, SAMPLES])
    with tf.GradientTape() as tape:
        tape.watch(waveform)
        loss = tf.add_n([tf.reduce_sum(score) for score in critic(waveform)[0]])
    assert np.isfinite(tape.gradient(loss, waveform)).all()


def test_the_picture_is_magnitude_and_frequency():
    waveform, size = tf.constant(normal(2, SAMPLES)), STFT_SIZES[1]
    magnitude = tf.math.log(spectrogram.power_spectrum(waveform, size) + 1e-4) / 10.0
    frequency = tf.broadcast_to(tf.linspace(-1.0, 1.0, size // 2 + 1), magnitude.shape)
    np.testing.assert_array_equal(_picture(waveform, size), tf.stack([magnitude, frequency], axis=-1))


def test_real_and_decoded_ones_meet_the_same_kernels_one_after_the_other():
    tf.keras.utils.set_random_seed(2)
    critic = SpectrogramCritic(4)
    real, fake = normal(2, SAMPLES), normal(2, SAMPLES, seed=1)
    critic(real)
    before = critic.get_weights()
    apart = critic(real, training=True)[0], critic(fake)[0]  # as the trainer
    after = critic.get_weights()
    critic.set_weights(before)
    together = critic(np.concatenate([real, fake]), training=True)[0]
    for mine, oracle in zip(after, critic.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, oracle)  # of one power iteration
    for *mine, oracle in zip(*apart, together, strict=True):
        np.testing.assert_allclose(np.concatenate(mine), oracle, rtol=0, atol=1e-5)
