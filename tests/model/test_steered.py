"""Steering through the bundle's `generate`: it is followed, and asking for what would be drawn changes nothing."""

import numpy as np
import tensorflow as tf
import tiny

from musika_tf.conditioning import steering

N_LATENTS = 2 * tiny.GAN.window
PER_LATENT = tiny.AUTOENCODER.samples_per_latent
METADATA = {"name": "tiny", "sample_rate": tiny.AUTOENCODER.sample_rate, "samples_per_latent": PER_LATENT}


def generate(conditioning):
    whole = tiny.bundle().generate(
        tf.constant(3, tf.int64), tf.constant(9, tf.int64), tf.constant(0, tf.int64), N_LATENTS, 2.0, conditioning
    )
    edge = tiny.AUTOENCODER.samples_per_latent  # where the neighbours, whose signal is not given, have a part
    return whole.numpy()[edge:-edge]


def steered(bpm):
    metadata = {**METADATA, "conditioning": tiny.conditioner().metadata()}
    return steering.steer({"tempo": str(bpm)}, metadata, 9)(np.arange(N_LATENTS))


def test_asking_for_what_is_drawn_changes_nothing():
    drawn = float(tiny.conditioner().draw_bpm(9))
    unsteered = generate(tf.zeros([0, 0]))
    np.testing.assert_allclose(generate(tf.constant(steered(drawn))), unsteered, atol=1e-5)
    assert np.abs(generate(tf.constant(steered(149))) - unsteered).max() > 1e-3
