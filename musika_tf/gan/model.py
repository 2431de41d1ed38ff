"""The networks of the GAN together with the scale of the latents they work on."""

import dataclasses

import keras
import tensorflow as tf

from musika_tf.config import GanConfig
from musika_tf.gan.critic import Critic
from musika_tf.gan.generator import Generator
from musika_tf.gan.refiner import Refiner
from musika_tf.training import precision


class Standardiser(tf.Module):
    """Mean and deviation by channel: the GAN alone sees latents standardised. Starts as the identity, as published."""

    def __init__(self, size):
        super().__init__()
        self.mean = tf.Variable(tf.zeros([size]), trainable=False)
        self.deviation = tf.Variable(tf.ones([size]), trainable=False)

    def fit(self, mean, deviation):
        """Sets both, float `[size]`."""
        self.mean.assign(mean)
        self.deviation.assign(tf.maximum(deviation, 1e-3))

    def standardise(self, latents):
        return (latents - self.mean) / self.deviation

    def restore(self, latents):
        return latents * self.deviation + self.mean


@dataclasses.dataclass
class Gan:
    """Generator, its moving average, critic and standardiser; and the refiner, where one was trained.

    `n_conditioning` channels follow the coordinates in the generator and the latents in the critic.
    """

    config: GanConfig
    latent_size: int
    n_conditioning: int
    generator: keras.Model
    averaged: keras.Model
    critic: keras.Model
    standardiser: Standardiser
    refiner: Refiner | None = None

    @classmethod
    def create(cls, config, latent_size, n_conditioning=0, noise_scale=0.0, policy="float32"):
        """Builds the networks with fresh weights; the average starts as the generator and computes in float32.

        Args:
          latent_size, n_conditioning: channels of a latent and of its conditioning.
          noise_scale: initial scale of the generator's noise layers.
          policy: one of precision.POLICIES, for what is trained.
        """
        with precision.policy(policy):
            generator = Generator(config, latent_size, noise_scale)
        averaged = Generator(config, latent_size, noise_scale)
        with precision.policy(policy):
            critic = Critic(config)
        for network in (generator, averaged):
            channels = config.coordinate_size + n_conditioning
            network(tf.zeros([1, config.window, channels]), tf.zeros([1, sum(network.noise_sizes)]))
        critic(tf.zeros([1, config.critic_window, latent_size + n_conditioning]))
        averaged.set_weights(generator.get_weights())
        return cls(config, latent_size, n_conditioning, generator, averaged, critic, Standardiser(latent_size))

    @property
    def noise_size(self):
        """Noise values per window."""
        return sum(self.generator.noise_sizes)

    def generate(self, coordinates, noise=None):
        """Coordinates `[windows, window, coordinate_size + n_conditioning]` and noise `[windows, noise_size]` or None
        -> latents `[windows, window, latent_size]` of the averaged generator, at their own scale."""
        return self.standardiser.restore(self.averaged(coordinates, noise))
