"""The arithmetic that efficiency is measured in: by hand for a layer, against SPEC's figures for the reference size."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny
import tiny_unagan

from benchmarks import arithmetic
from musika_tf.autoencoder.critic import STFT_SIZES, SpectrogramCritic
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.gan.model import Gan
from musika_tf.layers import TransposedConv

SECONDS = 4096 / 44_100  # of a latent


@pytest.mark.parametrize(
    ("layer", "shape", "operations"),
    [
        (keras.layers.Conv1D(5, 3, padding="same"), (2, 8, 4), 2 * 2 * 8 * 3 * 4 * 5),
        (keras.layers.Conv1D(5, 3, 2, padding="same"), (2, 8, 4), 2 * 2 * 4 * 3 * 4 * 5),
        (keras.layers.Dense(7), (3, 6), 2 * 3 * 6 * 7),
        (TransposedConv(5), (2, 8, 4), 2 * 2 * 16 * 2 * 4 * 5),  # 16 steps, each of which sees 2 of the 4 taps
    ],
)
def test_layers_by_hand(layer, shape, operations):
    network = keras.Sequential([layer])
    network(tf.zeros(shape))
    assert arithmetic.forward(network, tf.zeros(shape)) == operations


@pytest.mark.long
def test_reference_autoencoder_takes_what_the_specification_says():
    published = AutoencoderConfig(latent_size=64, **tiny.PUBLISHED)
    autoencoder, gan = Autoencoder.create(published), Gan.create(GanConfig(), 128)
    generate = arithmetic.decode(autoencoder) + arithmetic.generate(gan)
    assert generate / SECONDS == pytest.approx(4.49e9, rel=0.005)
    assert arithmetic.encode(autoencoder) / SECONDS == pytest.approx(3.8e9, rel=0.005)
    assert arithmetic.gan_step(gan, 32) == pytest.approx(370e9, rel=0.015)


def test_phases_count_what_they_train():
    config = AutoencoderConfig(width=8, hop_length=32)
    autoencoder = Autoencoder.create(config)
    steps = {phase: arithmetic.autoencoder_step(autoencoder, phase, 64) for phase in (1, 2, 3, 4)}
    # One frame by hand: 65 bins, five layers of 32, 2 latents, the linear path.
    encoder1 = 2 * (65 * 32 + 4 * 32 * 32 + 32 * 2 + 65 * 2)
    assert steps[1] - steps[2] == 64 * 2 * encoder1  # phase 2 does not train it
    decoder1 = arithmetic.forward(autoencoder.decoder1, tf.zeros([1, 64, 2]))
    assert steps[1] == 64 * 3 * encoder1 + 3 * decoder1
    encoder2 = arithmetic.forward(autoencoder.encoder2, tf.zeros([4, 16, 2]))
    decoder2 = arithmetic.forward(autoencoder.decoder2, tf.zeros([1, 4, config.latent_size]))
    assert steps[3] == 64 * encoder1 + 2 * decoder1 + 3 * (encoder2 + decoder2)
    assert steps[3] - steps[4] == 2 * encoder2


def test_the_critic_of_spectrograms_by_hand():
    n_samples, width = 3 * 2048, 3
    critic = SpectrogramCritic(width)
    critic(tf.zeros([1, n_samples]))
    once = 0
    for size in STFT_SIZES:
        frames, bins, n_in = (n_samples - size) // (size // 4) + 1, size // 2 + 1, 2
        for n_out, stride in ((width, 2), (2 * width, 2), (4 * width, 2), (4 * width, 1), (1, 1)):
            frames, bins = -(-frames // stride), -(-bins // stride)
            once += 2 * 9 * n_in * n_out * frames * bins
            n_in = n_out
    assert arithmetic.spectrogram_critic(critic, tf.zeros([5, n_samples])) == 7 * 5 * once


def test_the_baselines_generator_is_its_kernels_at_every_step_they_are_used():
    model = tiny_unagan.trainer().model
    layers = zip(model.generator.blocks, model.generator.heads, strict=True)
    total = 0
    for i, pair in enumerate(layers):
        kernels = [v for layer in pair for v in layer.weights if "kernel" in v.name]
        total += 2 * sum(int(np.prod(v.shape)) for v in kernels) * 2**i  # for one coarse step
    assert arithmetic.unagan(tiny_unagan.CONFIG) * tiny_unagan.CONFIG.frames_per_step == total
