"""The axes of a latent along which what is heard gets louder or softer, moment by moment: where the rhythm lies."""

import numpy as np
import tensorflow as tf

from musika_tf.stereo import layouts


def axes(autoencoder, mean, deviation, n):
    """Orthonormal directions of standardised latents that move the loudness of their own frames most.

    Loudness is the mean of a frame's log magnitudes; the directions are the largest singular ones of its derivatives
    at the mean, each frame's of a latent a row.

    Args:
      autoencoder: Autoencoder.
      mean, deviation: float32 `[latent_channels]`, of the latents.
      n: how many; at most latent_channels.

    Returns:
      float32 `[latent_channels, n]`, what moves most first.
    """
    config = autoencoder.config
    middle = config.window_latents // 2
    latents = tf.constant(np.tile(mean, (config.window_latents, 1)).astype(np.float32))
    with tf.GradientTape() as tape:
        tape.watch(latents)
        level1 = autoencoder.decode2(layouts.create(config).split(latents))
        loudness = tf.reduce_mean(autoencoder.decode1(level1)[0], axis=-1)  # [coded channels, frames]
        own = loudness[:, middle * config.frames_per_latent : (middle + 1) * config.frames_per_latent]
    moved = tape.jacobian(own, latents).numpy()[:, :, middle] * deviation
    return np.linalg.svd(moved.reshape(-1, len(deviation)).T)[0][:, :n].astype(np.float32)
