"""The critic of phases 2 and 4: 2-D convolutions on spectrograms of the waveform."""

import keras
import tensorflow as tf
from keras import ops

from musika_tf.audio import spectrogram

STFT_SIZES = (2048, 512)  # not the decoder's own 1024: it has to fool views that it was not made for


class SpectrogramCritic(keras.Model):
    """Scores patches of log-magnitude spectrograms at several STFT sizes.

    Each size has its own stack of spectrally normalised convolutions; a second input channel says where on the
    frequency axis a cell is, because a hi-hat's texture would be wrong in the bass.
    """

    def __init__(self, width, **kwargs):
        super().__init__(autocast=False, **kwargs)  # half precision is too coarse for a waveform
        self.stacks = [[_conv(width * k, s) for k, s in ((1, 2), (2, 2), (4, 2), (4, 1))] for _ in STFT_SIZES]
        self.heads = [_conv(1, 1, "float32") for _ in STFT_SIZES]

    def call(self, waveform, training=False):
        """Waveforms float32 `[b, samples]` -> scores `[b, time, frequency]` for each STFT size, and every hidden
        activation; in training the power iteration takes a step, too."""
        scores, features = [], []
        for size, stack, head in zip(STFT_SIZES, self.stacks, self.heads, strict=True):
            x = _picture(waveform, size)
            for layer in stack:
                x = ops.leaky_relu(layer(x, training=training), 0.2)
                features.append(x)
            scores.append(ops.squeeze(head(x, training=training), axis=-1))
        return scores, features


def _conv(channels, stride, dtype=None):
    convolution = keras.layers.Conv2D(channels, 3, stride, padding="same", dtype=dtype)
    # The wrapper writes the normalised kernel back: in half precision it would round it at every step.
    return keras.layers.SpectralNormalization(convolution, dtype="float32")


def _picture(waveform, size):
    """`[b, samples]` -> `[b, frames, bins, 2]`: log magnitude and the frequency coordinate, both about [-1, 1]."""
    magnitude = tf.math.log(spectrogram.power_spectrum(waveform, size) + 1e-4) / 10.0
    frequency = tf.linspace(-1.0, 1.0, tf.shape(magnitude)[-1])
    # A product, which takes half the time of a stack of two.
    return tf.tensordot(magnitude[..., None], [[1.0, 0.0]], 1) + tf.stack([tf.zeros_like(frequency), frequency], -1)
