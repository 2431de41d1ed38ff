"""Networks of a few channels for the tests: built once a session, because building is what takes time."""

import dataclasses
import functools
import os

import numpy as np
from absl import flags
from absl.testing import flagsaver
from paths import ROOT

from musika_tf.autoencoder.model import Autoencoder
from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import AutoencoderConfig, GanConfig, RefinerConfig
from musika_tf.gan.model import Gan
from musika_tf.gan.refiner import Refiner
from musika_tf.model import bundle as bundle_folders
from musika_tf.model.bundle import Bundle
from musika_tf.programs import settings
from musika_tf.stereo.layouts import Mirror

PRESETS = sorted((ROOT / "flags").glob("*.flags"))

AUTOENCODER = AutoencoderConfig(width=8, hop_length=32, latent_size=6, stereo_bands=3)  # 512 samples per latent
PUBLISHED = {"stereo": "stacked", "phase_head": "angle", "linear_paths": False}
STACKED = dataclasses.replace(AUTOENCODER, **PUBLISHED)
GAN = GanConfig(width=4, critic_width=4, window=64, anchor_size=4)


def halves(n_channels):
    """The Mirror of stacked latents: the first half of the channels is left, the second right."""
    return Mirror(np.roll(np.arange(n_channels), n_channels // 2), np.ones(n_channels, np.float32))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def noise_scales(network):
    """The scalars of a network's noise layers, in the order of construction."""
    return [v for v in network.weights if v.name == "scale"]


def scramble(network, seed=0, noise_scale=0.1):
    """Sets all weights of a network to a function of `seed`: kernels keep their signal's size, no bias is 0."""
    rng = np.random.default_rng(seed)
    for v in network.weights:
        if v.name == "scale":
            v.assign(noise_scale)
        else:
            fan_in = np.prod(v.shape[:-1]) if len(v.shape) > 1 else 10.0
            v.assign(rng.standard_normal(v.shape) / np.sqrt(fan_in))


def autoencoder(config=AUTOENCODER, seed=0, noise_scale=0.1):
    """The Autoencoder of `config`, always the same object; its weights are a function of `seed`."""
    built = _autoencoder(config)
    for i, network in enumerate(built.networks.values()):
        scramble(network, 10 * seed + i, noise_scale)
    bias, paths = built.decoder1.magnitude_out.bias, (built.decoder1.linear, built.decoder2.linear)
    bias.assign(0.2 * bias - 0.42)  # so that waveforms are neither faint nor louder than 1
    for path in filter(None, paths):
        path.kernel.assign(0.02 * path.kernel)
    return built


def gan(config=GAN, latent_size=AUTOENCODER.latent_channels, n_conditioning=0, seed=0, noise_scale=0.1):
    """The Gan of these sizes, as `autoencoder`; the average is the generator, the standardiser not the identity."""
    built = _gan(config, latent_size, n_conditioning)
    scramble(built.generator, 10 * seed, noise_scale)
    scramble(built.critic, 10 * seed + 1)
    built.averaged.set_weights(built.generator.get_weights())
    built.standardiser.fit(normal(latent_size, seed=2), 3 + normal(latent_size, seed=3) / 10)
    return built


def refining(n_conditioning=0, seed=0, guide_width=3, head_size=2, held=2):
    """`gan` with a guided refiner of two steps, which changes what it makes and holds a little; its scale is not the
    standardiser's."""
    size = AUTOENCODER.latent_channels
    sizes = {"width": 4, "head_size": head_size, "held": held, "guide_width": guide_width}
    config = RefinerConfig(**sizes, n_steps=2, release=0.05)
    refiner = _refiner(config, GAN.window, size, n_conditioning)
    for i, network in enumerate(refiner.networks.values()):
        scramble(network, 10 * seed + i)
    refiner.fit(normal(size, seed=4), 3 + normal(size, seed=5) / 10)
    if held:
        refiner.hold(np.linalg.qr(normal(size, held, seed=6))[0])
    return dataclasses.replace(gan(n_conditioning=n_conditioning, seed=seed), refiner=refiner)


def conditioner():
    """Tempo and a beat clock, fitted to 110 .. 150 BPM: eleven channels."""
    fitted = Conditioner(("tempo", "beat"), AUTOENCODER.latents_per_second)
    fitted.fit([np.concatenate([np.linspace(110, 150, 50)[:, None], normal(50, 10)], axis=1).astype(np.float32)])
    return fitted


EVERY_SIGNAL = ("tempo", "beat", "note_density", "position", "tag:techno")


def steerable():
    """A Conditioner of every kind of signal, fourteen channels: 110 .. 150 BPM, densities and positions from 0 to 1,
    techno from 0.1 to 0.6, songs of a minute."""
    fitted = Conditioner(EVERY_SIGNAL, AUTOENCODER.latents_per_second)
    n = round(60 * AUTOENCODER.latents_per_second)
    lines = [np.linspace(low, high, n)[:, None] for low, high in ((110, 150), (0, 1), (0, 1), (0.1, 0.6))]
    fitted.fit([np.concatenate([lines[0], normal(n, 10), *lines[1:]], axis=1).astype(np.float32)])
    return fitted


def bundle():
    """The Bundle of the tiny networks with conditioning, always the same object: its functions are traced once."""
    autoencoder(), gan(n_conditioning=11)
    return _bundle()


load = functools.cache(bundle_folders.load)
_autoencoder = functools.cache(Autoencoder.create)
_gan = functools.cache(Gan.create)
_refiner = functools.cache(Refiner.create)
_bundle = functools.cache(lambda: Bundle(autoencoder(), gan(n_conditioning=11), conditioner()))


def weights(*networks):
    """Copies of all weights by network and name."""
    return [v.numpy() for network in networks for v in network.weights]


def preset(path, config_class):
    """The config of a flagfile, as the programs read it."""
    before = os.getcwd()
    os.chdir(ROOT)  # flagfiles name each other from here
    try:
        with flagsaver.flagsaver():
            flags.FLAGS(["test", f"--flagfile={path}"], known_only=True)
            return settings.config(config_class)
    finally:
        os.chdir(before)
