"""The published networks at the published size, as ours builds them, in a folder that `musika_tf.load` takes."""

import contextlib
import tempfile

from musika_tf.config import AutoencoderConfig, GanConfig

# What is left out has the published size as its default.
AUTOENCODER = AutoencoderConfig(width=256, stereo="stacked", latent_size=64, phase_head="angle", linear_paths=False)
GAN = GanConfig()


@contextlib.contextmanager
def bundle_of(autoencoder, gan=None, **about):
    """The path of a bundle of these networks, without signals, as long as the context lasts."""
    from musika_tf.conditioning.conditioner import Conditioner
    from musika_tf.model import bundle

    conditioner = Conditioner((), autoencoder.config.latents_per_second)
    with tempfile.TemporaryDirectory() as folder:
        bundle.save(f"{folder}/bundle", autoencoder, gan, conditioner, keep_critic=False, **about)
        yield f"{folder}/bundle"
