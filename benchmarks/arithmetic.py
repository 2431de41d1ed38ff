"""How much arithmetic the networks need, whatever way it is computed."""

import math
from unittest import mock

import keras
import tensorflow as tf

from baselines.unagan.mel import N_MELS
from musika_tf.layers import TransposedConv


def forward(network, *inputs):
    """Floating-point operations of `network(*inputs)`: its convolutions and dense layers, two per multiply-add.

    Args:
      network: a built keras.Model.
      *inputs: tensors; the batch counts.
    """
    total, call = 0, keras.layers.Layer.__call__

    def counting(layer, *args, **kwargs):
        nonlocal total
        result = call(layer, *args, **kwargs)
        if hasattr(layer, "kernel") and not isinstance(layer, keras.layers.Wrapper):  # whose layer counts
            total += 2 * math.prod(layer.kernel.shape) * _applications(layer, result)
        return result

    with mock.patch.object(keras.layers.Layer, "__call__", counting):
        network(*inputs)
    return total


def _applications(layer, result):
    """How often the whole kernel is applied to make `result`."""
    n_vectors = math.prod(result.shape[:-1])
    return n_vectors // 2 if isinstance(layer, TransposedConv) else n_vectors  # half of the taps meet a zero


def decode(autoencoder):
    """Operations to decode one latent of stereo."""
    config = autoencoder.config
    window = tf.zeros([1, config.window_latents, config.latent_size])
    frames = tf.zeros([1, config.window_frames, config.level1_size])
    mono = forward(autoencoder.decoder2, window) + forward(autoencoder.decoder1, frames)
    return config.n_coded * mono / config.window_latents


def encode(autoencoder):
    """Operations to encode one latent of stereo."""
    config = autoencoder.config
    frames = tf.zeros([1, config.frames_per_latent, config.n_bins])
    level1 = tf.zeros([1, config.frames_per_latent, config.level1_size])
    return config.n_coded * (forward(autoencoder.encoder1, frames) + forward(autoencoder.encoder2, level1))


def generate(gan):
    """Operations of the generator, and of the refiner where there is one, for one latent."""
    return generator(gan) + (refine(gan) if gan.refiner else 0)


def generator(gan):
    """Operations of the generator for one latent."""
    channels = gan.config.coordinate_size + gan.n_conditioning
    return forward(gan.averaged, tf.zeros([1, gan.config.window, channels])) / gan.config.window


def refine(gan):
    """Operations of the refiner for one latent."""
    refiner = gan.refiner
    latents, signals = (tf.zeros([1, refiner.span, size]) for size in (gan.latent_size, gan.n_conditioning))
    one_step = sum(forward(network, latents, tf.ones([1, 1, 1]), signals) for network in refiner.networks.values())
    return refiner.config.n_steps * one_step / refiner.window


def gan_step(gan, batch_size, r1_every=1):
    """Operations of a GAN step.

    With G the forward pass of the generator and D that of the critic on one batch: the generator takes 3 G (its
    backward pass is two more), the critic on real and generated 6 D, R1 3 D (the gradient of the scores, and twice
    that for what it says of the weights). The generator's gradient through the critic is in the 6 D: that it takes
    another pass is overhead.
    """
    channels = gan.latent_size + gan.n_conditioning
    d = batch_size * forward(gan.critic, tf.zeros([1, gan.config.critic_window, channels]))
    g = batch_size * gan.config.critic_window * generator(gan)
    return 3 * g + 6 * d + 3 * d / r1_every


def autoencoder_step(autoencoder, phase, n_frames):
    """Operations of a phase's step on `n_frames` frames, the 2-D critic of phases 2 and 4 left out.

    What is trained takes three times its forward pass, what is frozen but passes gradients on twice, the rest once.
    """
    config = autoencoder.config
    encoder1 = forward(autoencoder.encoder1, tf.zeros([1, 1, config.n_bins]))
    decoder1 = forward(autoencoder.decoder1, tf.zeros([1, config.window_frames, config.level1_size]))
    encoder2 = forward(autoencoder.encoder2, tf.zeros([1, config.frames_per_latent, config.level1_size]))
    decoder2 = forward(autoencoder.decoder2, tf.zeros([1, config.window_latents, config.latent_size]))
    per_frame = {
        "encoder1": encoder1,
        "decoder1": decoder1 / config.window_frames,
        "encoder2": encoder2 / config.frames_per_latent,
        "decoder2": decoder2 / config.window_frames,
    }
    passes = {
        1: {"encoder1": 3, "decoder1": 3},
        2: {"encoder1": 1, "decoder1": 3},
        3: {"encoder1": 1, "encoder2": 3, "decoder2": 3, "decoder1": 2},
        4: {"encoder1": 1, "encoder2": 1, "decoder2": 3, "decoder1": 2},
    }
    return n_frames * sum(n * per_frame[name] for name, n in passes[phase].items())


def spectrogram_critic(critic, waveform):
    """Operations that the 2-D critic adds to a step of phases 2 and 4 on `waveform` [b, samples].

    It sees real and decoded ones; both take twice that again for the gradients of its own, and the decoder's gradient
    goes through it once more.
    """
    return 7 * len(waveform) * forward(critic, waveform[:1])


def unagan(config):
    """Operations of the baseline's generator for one frame; with w channels a block has two convolutions of kernel 3,
    two GRUs of 6 w^2 weights, and a grouped convolution."""
    w, total = config.width, 0
    for i, size in enumerate(config.noise_sizes):
        n_in = size if i == 0 else w + size
        weights = 3 * n_in * w + 12 * w**2 + 3 * w**2 // config.groups + 3 * w**2 + 3 * w * N_MELS
        total += 2 * weights / 2 ** (config.scales - i)
    return total
