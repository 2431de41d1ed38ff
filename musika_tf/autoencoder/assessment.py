"""How good a phase's averaged weights are, in one figure; lower is better.

Phases 1 and 3: the weighted magnitude L1 of fixed crops of the training, through all that the phase trains.
Phases 2 and 4: the Frechet distance of the log magnitudes (cut at -50 dB) of what is heard, each frame a row. A loss
won't do there: it jumps when the critic joins, and the critic makes the L1 worse while it makes the sound better.
"""

import itertools

import tensorflow as tf

from musika_tf.audio import spectrogram
from musika_tf.autoencoder import losses
from musika_tf.collection import augmentation, dataset
from musika_tf.frechet import frechet_distance

_CROPS = 32


def assessor(trainer, collection):
    """A function without arguments to the figure, by its name, of an AutoencoderTrainer for a dataset.Collection."""
    autoencoder, config = trainer.autoencoder, trainer.autoencoder.config
    batch_size = min(_CROPS, trainer.training.batch_size)
    batches = augmentation.mixed_down(dataset.crops(collection, trainer.crop_samples, batch_size, seed=0))
    crops = list(itertools.islice(batches, -(-_CROPS // batch_size)))

    @tf.function(autograph=False)
    def reconstruct(waveform):
        return autoencoder.reconstruct(waveform, levels=1 if trainer.phase < 3 else 2)

    def magnitude_l1(waveform):
        return losses.magnitude_l1(
            spectrogram.log_magnitude(waveform, config), reconstruct(waveform)[0], trainer.weights
        )

    def heard(waveform):
        frames = spectrogram.log_magnitude(trainer.inner(waveform), config, floor=1e-5)
        return tf.reshape(frames, [-1, config.n_bins])

    def assess():
        with trainer.average.swapped_in():
            if trainer.phase in (1, 3):
                return {"averaged/magnitude": float(tf.reduce_mean([magnitude_l1(crop) for crop in crops]))}
            fake = [heard(spectrogram.inverse(*reconstruct(crop), config)) for crop in crops]
        real = [heard(crop) for crop in crops]
        return {"averaged/frechet": frechet_distance(tf.concat(real, axis=0), tf.concat(fake, axis=0))}

    return assess
