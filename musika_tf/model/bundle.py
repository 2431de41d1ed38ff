"""The bundle: one SavedModel directory that encodes, decodes and generates, with its metadata.

Any TensorFlow program can load it with `tf.saved_model.load`; nothing of this package is needed for that. The functions
are those of `Bundle._make_functions`, and their arguments are named there. `render` takes a `line.Course` field by
field, and the range; `generate` is a call of it. The bundle of an autoencoder alone has `encode` and `decode`.

Where half precision holds the encoders exactly, as `Autoencoder.round_encoders` leaves them, the bundle stores every
network in it, at half the size: the latents stay what they were, and decoders and generator lose what nobody hears.
"""

import functools
import inspect
import json
import operator
import os
import shutil
from pathlib import Path

import keras
import tensorflow as tf

from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import AutoencoderConfig, GanConfig, from_dict, to_dict
from musika_tf.errors import UserError
from musika_tf.gan import coordinates
from musika_tf.model.codec import Codec
from musika_tf.model.line import Course, Line, steady
from musika_tf.model.metadata import FORMAT_VERSION, METADATA, damaged, generates, read_metadata
from musika_tf.native import plain_folder

# The functions, and what each returns; those of an autoencoder alone first.
_CODES = {"encode": "latents", "decode": "waveform"}
_OUTPUTS = {
    **_CODES,
    "generator": "latents",
    "coordinates": "coordinates",
    "generate": "waveform",
    "render": "waveform",
    "signals": "conditioning",
}
# What TensorFlow raises over files that are cut short, missing or of something else.
_DAMAGE = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, tf.errors.OpError)


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

    `keep_critic` stores the critic too; no function uses it, but fine-tuning goes on with it.
    """

    def __init__(self, autoencoder, gan=None, conditioner=None, keep_critic=True):
        super().__init__()
        networks, others = _contents(autoencoder, gan, conditioner, keep_critic)
        stored = {name: [v.value for v in network.weights] for name, network in networks.items()}
        halves = {}
        if autoencoder.has_rounded_encoders():
            halves = {name: [(v, _half(v)) for v in network.weights] for name, network in networks.items()}
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
        functions = {name: (getattr(self, name, None), output) for name, output in _OUTPUTS.items()}
        return {name: _named(*of) for name, of in functions.items() if of[0] is not None}


def _sizes(autoencoder, gan, conditioner):
    """The arguments that depend on the model."""
    sizes = {"latents": _float32([None, autoencoder.config.latent_channels])}
    if gan is not None:
        n_channels = gan.config.coordinate_size + conditioner.n_channels
        sizes["coordinates"] = _float32([None, gan.config.window, n_channels])
        sizes["generator_noise"] = _float32([None, gan.noise_size])
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


def _contents(autoencoder, gan, conditioner, with_critic):
    """What a bundle stores: its networks by name, and the lists of what else it has variables of."""
    if gan is None:
        return autoencoder.networks, {}
    networks = {**autoencoder.networks, "averaged": gan.averaged} | ({"critic": gan.critic} if with_critic else {})
    return networks, {"standardiser": list(gan.standardiser.variables), "conditioner": list(conditioner.variables)}


def _half(variable):
    """A variable of half precision with the value of a Keras variable."""
    return tf.Variable(tf.cast(variable.value, tf.float16), trainable=False)


def _named(function, output):
    """A signature that names its output; left to tf.saved_model.save to trace, or each graph would be stored twice."""
    signature = function.input_signature
    return tf.function(lambda *args: {output: function(*args)}, input_signature=signature, autograph=False)


def check_target(bundle_dir):
    """Refuses a folder that holds something other than a bundle; UserError."""
    bundle_dir = Path(bundle_dir)
    if bundle_dir.exists() and not (bundle_dir / METADATA).is_file():
        raise UserError(f"--bundle_dir={bundle_dir}: exists and is no bundle; name a new folder")


def save(bundle_dir, autoencoder, gan=None, conditioner=None, keep_critic=True, **about):
    """Writes a bundle, atomically: an existing one is replaced when the new one is complete.

    Args:
      bundle_dir: where to.
      autoencoder, gan, conditioner: what it is made of; the first alone makes a bundle that encodes and decodes.
      keep_critic: False leaves the critic out: the bundle is smaller, and fine-tuning begins with a new one.
      **about: name, licence, trained_on, steps, flags for the metadata.

    Raises:
      UserError: the folder exists and is no bundle, or the disk is full.
    """
    check_target(bundle_dir)
    bundle_dir = Path(bundle_dir)
    try:
        bundle_dir.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--bundle_dir={bundle_dir}: can't be made ({error.strerror}); name another folder") from error
    temporary = bundle_dir.with_name(f".{bundle_dir.name}.{os.getpid()}")
    bundle = Bundle(autoencoder, gan, conditioner, keep_critic)
    metadata = {
        "format_version": FORMAT_VERSION,
        **about,
        **_described(autoencoder),
        **(_described_gan(gan, conditioner, keep_critic) if gan is not None else {}),
    }
    try:
        temporary.mkdir(exist_ok=True)
        tf.saved_model.save(bundle, plain_folder(temporary), signatures=bundle.signatures())
        (temporary / METADATA).write_text(json.dumps(metadata, indent=1) + "\n")
        _replace(bundle_dir, temporary)
    except (OSError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"--bundle_dir={bundle_dir}: can't be written ({reason}); make room, and run it again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _described(autoencoder):
    """What the metadata says of the autoencoder."""
    config = autoencoder.config
    return {
        "sample_rate": config.sample_rate,
        "samples_per_latent": config.samples_per_latent,
        "latent_size": config.latent_channels,
        "conditioning": [],
        "precision": "float16" if autoencoder.has_rounded_encoders() else "float32",
        "autoencoder_id": autoencoder.identity(),
        "autoencoder_config": to_dict(config),
    }


def _described_gan(gan, conditioner, has_critic):
    """What it says of the rest."""
    return {
        "window": gan.config.window,
        "coordinate_size": gan.config.coordinate_size,
        "conditioning": conditioner.metadata(),
        "gan_config": to_dict(gan.config),
        "has_critic": has_critic,
    }


def _replace(folder, new):
    """Gives `folder`'s name to `new`; the old one is gone only when that is done."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    try:
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    finally:  # a signal may come between the two
        if old.exists() and not folder.exists():
            old.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load(bundle_dir):
    """(the loaded SavedModel, its metadata); UserError where it can't be loaded.

    Its `render` takes arguments by name: a SavedModel of ours may call its own otherwise than its signature does.
    """
    metadata = read_metadata(bundle_dir)
    try:
        loaded = tf.saved_model.load(plain_folder(bundle_dir))
        wanted = _OUTPUTS if generates(metadata) else _CODES
        missing = [name for name in wanted if not hasattr(loaded, name)]  # what is left of a file may load
        if missing:
            raise ValueError(f"lacks {', '.join(missing)}")
        served = loaded.signatures.get("render")
    except _DAMAGE as error:
        raise damaged(bundle_dir, error) from error
    if served is not None:
        loaded.render = lambda **arguments: served(**arguments)["waveform"]
    return loaded, metadata


def load_networks(bundle_dir, policy="float32"):
    """The networks of a bundle as Keras models again: (Autoencoder, Gan, Conditioner, metadata); `policy` as Gan's.

    Of an autoencoder alone Gan and Conditioner are None.

    Raises:
      UserError: it is no bundle, or damaged.
    """
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.gan.model import Gan

    metadata = read_metadata(bundle_dir)
    autoencoder, gan, conditioner = (
        Autoencoder.create(from_dict(AutoencoderConfig, metadata["autoencoder_config"])),
        None,
        None,
    )
    if generates(metadata):
        names = [row["name"] for row in metadata["conditioning"]]
        conditioner = Conditioner(names, autoencoder.config.latents_per_second)
        conditioner.restore(metadata["conditioning"])
        gan_config = from_dict(GanConfig, metadata["gan_config"])
        gan = Gan.create(gan_config, metadata["latent_size"], conditioner.n_channels, policy=policy)
    networks, stored = _contents(autoencoder, gan, conditioner, metadata.get("has_critic"))
    weights = {name: network.weights for name, network in networks.items()}
    read = _half if metadata.get("precision") == "float16" else operator.attrgetter("value")
    stored |= {name: [read(variable) for variable in variables] for name, variables in weights.items()}
    # SavedModel keeps its variables as an object-based checkpoint of the module.
    path = Path(plain_folder(bundle_dir)) / "variables" / "variables"
    try:
        tf.train.Checkpoint(stored=stored).read(str(path)).expect_partial().assert_existing_objects_matched()
    except (AssertionError, *_DAMAGE) as error:
        raise damaged(bundle_dir, error) from error
    for name, variables in weights.items():
        for variable, value in zip(variables, stored[name], strict=True):
            variable.assign(tf.cast(value, variable.dtype))
    if gan is not None:
        gan.generator.set_weights(gan.averaged.get_weights())
    return autoencoder, gan, conditioner, metadata
