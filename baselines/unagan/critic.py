"""The critic, an autoencoder of mel spectrograms, and the encoder, which finds the noise in one."""

import keras
from keras import ops

from baselines.unagan.mel import N_MELS
from musika_tf.layers import leaky_relu


class Front(keras.layers.Layer):
    """2-D layers that see each band beside its neighbours: mel `[b, t, 80]` -> `[b, t, 10 channels]`."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.layers = [keras.layers.Conv2D(channels, 3, (1, 2), padding="same") for channels in config.critic_channels]

    def call(self, mel):
        x = mel[..., None]
        for layer in self.layers:
            x = leaky_relu(layer(x))
        return ops.reshape(x, (-1, ops.shape(x)[1], x.shape[2] * x.shape[3]))


class Critic(keras.Model):
    """Mel `[b, t, 80]` -> what it makes of it, `[b, t, 80]`: on real music nearly the same."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.front = Front(config)
        self.layers_1d = [
            keras.layers.Conv1D(config.critic_width, 3, padding="same", dilation_rate=dilation)
            for dilation in config.critic_dilations
        ]
        self.head = keras.layers.Conv1D(N_MELS, 3, padding="same")

    def call(self, mel):
        x = self.front(mel)
        for layer in self.layers_1d:
            x = leaky_relu(layer(x))
        return self.head(x)


class Encoder(keras.Model):
    """Mel `[b, 2^scales t, 80]` -> the coarse noise that it was made of, `[b, t, noise_size]`."""

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.front = Front(config)
        strides = (1, *[2] * config.scales)
        self.layers_1d = [keras.layers.Conv1D(config.critic_width, 3, stride, padding="same") for stride in strides]
        self.head = keras.layers.Conv1D(config.noise_size, 3, padding="same")

    def call(self, mel):
        x = self.front(mel)
        for layer in self.layers_1d:
            x = leaky_relu(layer(x))
        return self.head(x)
