"""The networks together, and what they generate for a seed."""

import dataclasses

import keras
import tensorflow as tf

from baselines.unagan.config import UnaganConfig
from baselines.unagan.critic import Critic, Encoder
from baselines.unagan.generator import Generator
from baselines.unagan.mel import N_MELS
from musika_tf.errors import UserError
from musika_tf.gan.model import Standardiser
from musika_tf.randomness import normal_rows

_FIRST_STREAM = 100  # of the noise: those of musika_tf.randomness.Stream are below


@dataclasses.dataclass
class Unagan:
    """Generator, its moving average, critic, encoder, and the scale of the mel bands."""

    config: UnaganConfig
    generator: keras.Model
    averaged: keras.Model
    critic: keras.Model
    encoder: keras.Model
    standardiser: Standardiser

    @classmethod
    def create(cls, config):
        """Builds the networks with fresh weights; the average starts as the generator.

        Raises:
          UserError: the groups don't divide the width.
        """
        if config.width % config.groups:
            raise UserError(f"--unagan_groups={config.groups}: give a divisor of --unagan_width={config.width}")
        networks = Generator(config), Generator(config), Critic(config), Encoder(config)
        generator, averaged, critic, encoder = networks
        for network in (generator, averaged):
            network([tf.zeros([1, 2**i, size]) for i, size in enumerate(config.noise_sizes)])
        for network in (critic, encoder):
            network(tf.zeros([1, config.frames_per_step, N_MELS]))
        averaged.set_weights(generator.get_weights())
        return cls(config, *networks, Standardiser(N_MELS))

    def __post_init__(self):
        self._averaged = tf.function(lambda *noises: self.averaged(list(noises)), autograph=False, jit_compile=True)

    def generate(self, seed, n_frames):
        """The log-mel spectrogram of a seed, float32 `[n_frames, 80]`; every length is compiled once.

        Every random vector is a function of (seed, scale, step) alone. The generator sees all of the piece: where it
        ends colours the whole, by the group norms and the backward GRUs.
        """
        n_steps = -(-n_frames // self.config.frames_per_step)
        noises = [
            normal_rows(seed, _FIRST_STREAM + i, 0, 2**i * n_steps, size)[None]
            for i, size in enumerate(self.config.noise_sizes)
        ]
        return self.standardiser.restore(self._averaged(*noises))[0, :n_frames].numpy()
