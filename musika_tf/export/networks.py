"""The networks of a bundle as functions of fixed sizes, one window at a time, for runtimes that have no TensorFlow.

| network | takes | gives |
|---|---|---|
| `generator` | `coordinates` `[1, window, channels]`, `noise` `[1, n]` | `latents` `[1, window, latent_channels]` |
| `refiner` | `latents` and `noise` `[1, span, latent_channels]`, `conditioning` `[1, span, k]` | `refined`, as above |
| `decoder2` | `latents` `[1, window_latents, latent_size]`, `noise` | `level1` `[1, window_frames, level1_size]` |
| `decoder1` | `level1`, `noise` | `magnitude`, `cosine` and `sine` of the phase, `[1, window_frames, bins]` each |
| `encoder1` | `magnitude` `[1, window_frames, bins]` | `level1` `[1, window_frames, level1_size]` |
| `encoder2` | `level1` | `latents` `[1, window_latents, latent_size]` |

All are float32, the noise is N(0, 1), and the generator's latents are standardised. Not every model has a refiner: its
latents are at their own scale, its span a window with a margin on either side, and without signals it takes no
`conditioning`. A window is enough for the matrix products, and without a size that varies every runtime plans its
memory once.
"""

import dataclasses

import tensorflow as tf

from musika_tf.layers import fold, unfold


@dataclasses.dataclass(frozen=True)
class Network:
    """A network that is exported.

    Attributes:
      function: a tf.function of one signature, to a dict.
      outputs: the keys of that, in the order in which players ask for them.
    """

    name: str
    function: object
    outputs: tuple

    @property
    def inputs(self):
        """dict of an input's name -> shape, a list."""
        return {spec.name: spec.shape.as_list() for spec in self.function.input_signature}


def of(autoencoder, gan=None):
    """The Networks of an Autoencoder and, where it is given, of a Gan."""
    return [*(_generators(gan) if gan is not None else []), *_decoders(autoencoder), *_encoders(autoencoder)]


def _network(name, outputs, inputs, function):
    """`inputs`: dict of name -> shape; `function` returns a tensor for each of `outputs`, or the only one itself."""
    signature = [tf.TensorSpec(shape, tf.float32, key) for key, shape in inputs.items()]

    def named(*tensors):
        results = function(*tensors)
        return dict(zip(outputs, results if len(outputs) > 1 else (results,), strict=True))

    return Network(name, tf.function(named, input_signature=signature, autograph=False), outputs)


def _generators(gan):
    channels = gan.config.coordinate_size + gan.n_conditioning
    inputs = {"coordinates": [1, gan.config.window, channels], "noise": [1, gan.noise_size]}
    yield _network("generator", ("latents",), inputs, gan.averaged)
    if gan.refiner:
        yield _refiner(gan.refiner, gan.latent_size, gan.n_conditioning)


def _refiner(refiner, latent_size, n_conditioning):
    span = refiner.span
    sizes = {"latents": latent_size, "noise": latent_size, "conditioning": n_conditioning}

    def refine(latents, noise, conditioning=None):
        return refiner.refine(latents, noise, tf.zeros([1, span, 0]) if conditioning is None else conditioning)

    inputs = {name: [1, span, size] for name, size in sizes.items() if size}  # runtimes dislike what has no size
    return _network("refiner", ("refined",), inputs, refine)


def _decoders(autoencoder):
    config, (noise1, noise2) = autoencoder.config, autoencoder.decoder_noise_sizes()
    latents = {"latents": [1, config.window_latents, config.latent_size], "noise": [1, noise2]}
    level1 = {"level1": [1, config.window_frames, config.level1_size], "noise": [1, noise1]}
    yield _network("decoder2", ("level1",), latents, autoencoder.decode2)
    yield _network("decoder1", ("magnitude", "cosine", "sine"), level1, autoencoder.decoder1)


def _encoders(autoencoder):
    config = autoencoder.config

    def encode2(level1):
        return unfold(autoencoder.encoder2(fold(level1, config.frames_per_latent)), 1)

    magnitude, level1 = ([1, config.window_frames, size] for size in (config.n_bins, config.level1_size))
    yield _network("encoder1", ("level1",), {"magnitude": magnitude}, autoencoder.encoder1)
    yield _network("encoder2", ("latents",), {"level1": level1}, encode2)
