"""The published networks at the published size, as ours builds them."""

from musika_tf.config import AutoencoderConfig, GanConfig

# What is left out has the published size as its default.
AUTOENCODER = AutoencoderConfig(width=256, stereo="stacked", latent_size=64, phase_head="angle", linear_paths=False)
GAN = GanConfig()
