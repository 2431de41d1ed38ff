"""The functions of a bundle, over its networks.

Their arguments are named in `Bundle._make_generating`. `render` takes a `line.Course` field by field, and the range;
`generate` is a call of it. The bundle of an autoencoder alone has `encode` and `decode`.

Where half precision holds the encoders exactly, as `Autoencoder.round_encoders` leaves them, the bundle stores every
network in it, at half the size: the latents stay what they were, and decoders and generator are rounded to it.
"""

import functools
import inspect

import tensorflow as tf

from musika_tf.gan import coordinates
from musika_tf.model.codec import Codec
from musika_tf.model.line import Course, Line, steady

# The functions, and what each returns; those of an autoencoder alone first.
CODES = {"encode": "latents", "decode": "waveform"}
OUTPUTS = {
    **CODES,
    "generator": "latents",
    "coordinates": "coordinates",
    "generate": "waveform",
    "render": "waveform",
    "signals": "conditioning",
}
_int32, _int64 = functools.partial(tf.TensorSpec, dtype=tf.int32), functools.partial(tf.TensorSpec, dtype=tf.int64)
_float32 = functools.partial(tf.TensorSpec, dtype=tf.float32)
# What each argument is, by its name; those that depend on the model's sizes are added to these.
_ARGUMENTS = {
    "waveform": _float32([None, 2]),
    "seed": _int64([]),
    "style_seed": _int64([]),
    "style_seeds": _int64([None]),
    "style_weights": _float32([None, None]),
    "loop_latents": tf.TensorSpec([], tf.float64),
    "first_latent": _int64([]),
    "n_latents": _int32([]),
    "first_window": _int64([]),
    "n_windows": _int32([]),
    "truncation": _float32([]),
    "noise": _float32([]),
    "conditioning": _float32([None, None]),
    "curve_start": _int64([]),
}


class Bundle(tf.Module):
    """The bundle's functions over an Autoencoder and, but for that of an autoencoder alone, a Gan and a Conditioner.

    No function uses the critic, but fine-tuning goes on with it.
    """

    def __init__(self, autoencoder, gan=None, conditioner=None, keep_critic=True):
        super().__init__()
        networks, others = contents(autoencoder, gan, conditioner, keep_critic)
        stored = {name: [v.value for v in network.weights] for name, network in networks.items()}
        halves = {}
        if autoencoder.has_rounded_encoders():
            halves = {name: [(v, in_half(v)) for v in network.weights] for name, network in networks.items()}
            stored = {name: [half for _, half in pairs] for name, pairs in halves.items()}
        # Plain variables: a Keras model as an attribute would have every layer traced and saved for itself.
        self.stored = stored | others
        codec = Codec(autoencoder)
        function = functools.partial(_function, **_sizes(autoencoder, gan, conditioner))
        _share_decoders(codec, halves, function)
        self.encode = function(_with_halves(codec.encode, halves, "encoder1", "encoder2"))
        self.decode = function(codec.decode)
        if gan is not None:
            self._make_generating(Line(codec, gan, conditioner), gan, halves, function)

    def _make_generating(self, line, gan, halves, function):
        """Makes the functions that generate; the generator, too, is one graph that they call."""
        inline = line.latents
        shared = _with_halves(
            lambda coordinates, generator_noise: inline(coordinates, generator_noise), halves, "averaged"
        )
        line.latents = function(shared)
        if gan.refiner:
            refine = line.refined
            line.refined = function(
                _with_halves(
                    lambda generated, refiner_noise, signals: refine(generated, refiner_noise, signals),
                    halves,
                    *gan.refiner.networks,
                )
            )

        def generator(coordinates, seed, noise):
            return line.latents(coordinates, noise * line.generator_noise(seed, 0, tf.shape(coordinates)[0]))

        def piece_coordinates(seed, style_seed, first_window, n_windows, truncation):
            return coordinates.coordinates(gan.config, seed, style_seed, first_window, n_windows, truncation)

        def render(
            seed,
            style_seeds,
            style_weights,
            loop_latents,
            first_latent,
            n_latents,
            truncation,
            conditioning,
            curve_start,
        ):
            course = Course(seed, style_seeds, style_weights, loop_latents, truncation, conditioning, curve_start)
            return line.render(course, first_latent, n_latents)

        def generate(seed, style_seed, first_latent, n_latents, truncation, conditioning):
            # `Line.generate` as a call of `render`, so that the bundle holds the networks' graph once.
            course = steady(seed, style_seed, truncation, conditioning, first_latent)
            return self.render(**course._asdict(), first_latent=first_latent, n_latents=n_latents)

        self.generator = function(generator)
        self.coordinates = function(piece_coordinates)
        self.signals = function(line.drawn_signals)
        self.render = function(render)
        self.generate = function(generate)

    def signatures(self):
        """The functions as serving signatures, each returning a dict with one tensor."""
        functions = {name: (getattr(self, name, None), output) for name, output in OUTPUTS.items()}
        return {name: _named(*of) for name, of in functions.items() if of[0] is not None}


def _sizes(autoencoder, gan, conditioner):
    """The arguments that depend on the model."""
    sizes = {"latents": _float32([None, autoencoder.config.latent_channels])}
    if gan is not None:
        n_channels = gan.config.coordinate_size + conditioner.n_channels
        sizes["coordinates"] = _float32([None, gan.config.window, n_channels])
        sizes["generator_noise"] = _float32([None, gan.noise_size])
        if gan.refiner:
            span = gan.refiner.span
            sizes["generated"] = sizes["refiner_noise"] = _float32([None, span, gan.latent_size])
            sizes["signals"] = _float32([None, span, conditioner.n_channels])
    return sizes


def _function(python_function, **of_this_model):
    """A tf.function of the one signature that its arguments' names say."""
    known = _ARGUMENTS | of_this_model
    names = inspect.signature(python_function).parameters
    signature = [tf.TensorSpec(known[name].shape, known[name].dtype, name) for name in names]
    return tf.function(python_function, input_signature=signature, autograph=False)


def _with_halves(python_function, halves, *networks):
    """The function, in which these networks compute with their half of `halves`, {name: [(Keras variable, half)]}."""
    pairs = [pair for name in networks for pair in halves.get(name, ())]

    @functools.wraps(python_function)
    def computed(*arguments):
        import keras  # half a second, which a bundle that is read need not wait for

        with keras.StatelessScope([(variable, tf.cast(half, variable.dtype)) for variable, half in pairs]):
            return python_function(*arguments)

    return computed if pairs else python_function


def _share_decoders(codec, halves, function):
    """Makes one graph of the decoders, which the bundle's functions call.

    Left to be inlined it would be stored, and loaded, once for every function: that is seconds at start-up.
    """
    inline = codec.frames

    def frames(latents, first_latent, seed, noise):
        return inline(latents, first_latent, seed, noise)

    shared = function(_with_halves(frames, halves, "decoder1", "decoder2"))
    codec.frames = lambda latents, first, seed, noise: shared(latents, tf.cast(first, tf.int64), seed, noise)


def contents(autoencoder, gan, conditioner, with_critic):
    """What a bundle stores: its networks by name, and the lists of what else it has variables of."""
    if gan is None:
        return autoencoder.networks, {}
    networks = {**autoencoder.networks, "averaged": gan.averaged} | ({"critic": gan.critic} if with_critic else {})
    others = {"standardiser": list(gan.standardiser.variables), "conditioner": list(conditioner.variables)}
    if gan.refiner:
        networks |= gan.refiner.networks
        others |= {"refined": gan.refiner.variables}
    return networks, others


def in_half(variable):
    """A variable of half precision with the value of a Keras variable."""
    return tf.Variable(tf.cast(variable.value, tf.float16), trainable=False)


def _named(function, output):
    """A signature that names its output; left to tf.saved_model.save to trace, or each graph would be stored twice."""
    signature = function.input_signature
    return tf.function(lambda *args: {output: function(*args)}, input_signature=signature, autograph=False)
