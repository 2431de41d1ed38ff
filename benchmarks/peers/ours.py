"""Our codecs, as the driver measures them: bundles through `musika_tf.load`, in its own process."""

import numpy as np

import musika_tf
from benchmarks import fresh, measure, reference
from musika_tf import shipped
from musika_tf.autoencoder.model import Autoencoder
from musika_tf.model import bundle

_CHANNELS = {1: "2, as one with pan and coherence", 2: "2, one by one"}


class Codec:
    """A bundle with audio of `seconds` and its latents; `facts` as those of a Worker. Its first calls are made here and
    count for nothing."""

    def __init__(self, name, path, autoencoder, seconds):
        self._model = musika_tf.load(path)
        config = autoencoder.config
        parameters = sum(network.count_params() for network in autoencoder.networks.values())
        self.facts = {"name": name, "sample_rate": config.sample_rate, "channels": _CHANNELS[config.n_coded]}
        self.facts["parameters"] = parameters
        n_samples = round(seconds * config.sample_rate)
        self._audio = np.random.default_rng(0).uniform(-0.5, 0.5, [n_samples, 2]).astype(np.float32)
        self._latents = self._encode()
        self._decode()

    def _encode(self):
        return self._model.encode(self._audio, self._model.sample_rate)

    def _decode(self):
        return self._model.decode(self._latents)

    def take(self, what):
        """(wall, cpu) of "encode" or "decode", in seconds."""
        return tuple(measure.taken({"encode": self._encode, "decode": self._decode}[what]))


def codecs(seconds):
    """The shipped autoencoder, and the published networks with random weights."""
    path = shipped.default_autoencoder()
    small = Codec(shipped.name(path), path, bundle.load_networks(path)[0], seconds)
    published = Autoencoder.create(reference.AUTOENCODER)
    with fresh.bundle_of(published, name="published") as folder:
        return [small, Codec("reference size", folder, published, seconds)]


class Product:
    """TensorFlow's matrix product, as `take` of a Worker."""

    def take(self, what):
        return tuple(measure.gemm())
