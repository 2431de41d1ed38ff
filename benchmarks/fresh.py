"""Networks with fresh weights: for speed they do as well as trained ones."""

import contextlib
import tempfile

from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.programs import settings


def networks(values, signals=()):
    """The Autoencoder, Gan and Conditioner of a preset's flag values, steered by these signals."""
    import numpy as np

    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.conditioning.conditioner import Conditioner
    from musika_tf.gan.model import Gan

    autoencoder = Autoencoder.create(settings.config(AutoencoderConfig, values))
    conditioner = Conditioner(signals, autoencoder.config.latents_per_second)
    conditioner.fit([np.linspace(0.5, 1.0, 1000 * conditioner.n_channels, dtype=np.float32).reshape(1000, -1)])
    config = settings.config(GanConfig, values)
    gan = Gan.create(config, autoencoder.config.latent_channels, conditioner.n_channels)
    return autoencoder, gan, conditioner


@contextlib.contextmanager
def bundle_of(autoencoder, gan=None, conditioner=None, **about):
    """The path of a bundle of these networks as long as the context lasts; without a conditioner nothing steers it."""
    from musika_tf.conditioning.conditioner import Conditioner
    from musika_tf.model import bundle

    conditioner = conditioner or Conditioner((), autoencoder.config.latents_per_second)
    with tempfile.TemporaryDirectory() as folder:
        bundle.save(f"{folder}/bundle", autoencoder, gan, conditioner, keep_critic=False, **about)
        yield f"{folder}/bundle"


def gan_batch(gan, batch_size):
    """A batch that `gan`, without signals, can be trained on."""
    import tensorflow as tf

    shape = [batch_size, gan.config.critic_window]
    return tf.random.stateless_normal([*shape, gan.latent_size], [0, 0]), tf.zeros([*shape, 0])
