"""The bundle: one SavedModel directory that encodes, decodes and generates, with its metadata.

Any TensorFlow program can load it with `tf.saved_model.load`; nothing of this package is needed for that. The functions
are those of `Bundle._make_functions`, and their arguments are named there. `render` takes a `line.Course` field by
field, and the range; `generate` is a call of it.
"""

import dataclasses
import functools
import inspect
import json
import os
import shutil
from pathlib import Path

import tensorflow as tf

from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import AutoencoderConfig, GanConfig, from_dict
from musika_tf.errors import UserError
from musika_tf.gan import coordinates
from musika_tf.model.codec import Codec
from musika_tf.model.line import Course, Line, steady
from musika_tf.model.metadata import FORMAT_VERSION, METADATA, damaged, read_metadata
from musika_tf.native import plain_folder

# The functions, and what each returns.
_OUTPUTS = {
    "encode": "latents",
    "decode": "waveform",
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
    """The bundle's functions over an Autoencoder, a Gan and a Conditioner; no function uses the critic, but fine-tuning
    goes on with it."""

    def __init__(self, autoencoder, gan, conditioner, keep_critic=True):
        super().__init__()
        # Plain variables: a Keras model as an attribute would have every layer traced and saved for itself.
        self.stored = _variables(autoencoder, gan, conditioner, keep_critic)
        codec = Codec(autoencoder)
        self._make_functions(codec, Line(codec, gan, conditioner), gan)

    def _make_functions(self, codec, line, gan):
        """Makes functions of fixed signatures; the latent's and coordinate's sizes are this model's own."""
        function = functools.partial(_function, **_sizes(gan, line.n_channels))

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

        _share_graphs(codec, line, function)
        self.encode = function(codec.encode)
        self.decode = function(codec.decode)
        self.generator = function(generator)
        self.coordinates = function(piece_coordinates)
        self.signals = function(line.drawn_signals)
        self.render = function(render)
        self.generate = function(generate)

    def signatures(self):
        """The functions as serving signatures, each returning a dict with one tensor."""
        return {name: _named(getattr(self, name), output) for name, output in _OUTPUTS.items()}


def _sizes(gan, n_channels):
    """The arguments that depend on the model."""
    return {
        "latents": _float32([None, gan.latent_size]),
        "coordinates": _float32([None, gan.config.window, n_channels]),
        "generator_noise": _float32([None, gan.noise_size]),
    }


def _function(python_function, **of_this_model):
    """A tf.function of the one signature that its arguments' names say."""
    known = _ARGUMENTS | of_this_model
    names = inspect.signature(python_function).parameters
    signature = [tf.TensorSpec(known[name].shape, known[name].dtype, name) for name in names]
    return tf.function(python_function, input_signature=signature, autograph=False)


def _share_graphs(codec, line, function):
    """Makes one graph each of the decoders and of the generator, which the bundle's functions call; inlined they would
    be stored, and loaded, once for every function: that is seconds at start-up."""
    inline_frames, inline_latents = codec.frames, line.latents
    frames = function(lambda latents, first_latent, seed, noise: inline_frames(latents, first_latent, seed, noise))
    latents = function(lambda coordinates, generator_noise: inline_latents(coordinates, generator_noise))
    codec.frames = lambda latents, first, seed, noise: frames(latents, tf.cast(first, tf.int64), seed, noise)
    line.latents = latents


def _variables(autoencoder, gan, conditioner, with_critic):
    """Every variable of a bundle by network."""
    networks = {**autoencoder.networks, "averaged": gan.averaged} | ({"critic": gan.critic} if with_critic else {})
    variables = {name: [v.value for v in network.weights] for name, network in networks.items()}
    return {**variables, "standardiser": list(gan.standardiser.variables), "conditioner": list(conditioner.variables)}


def _named(function, output):
    """A signature that names its output; left to tf.saved_model.save to trace, or each graph would be stored twice."""
    signature = function.input_signature
    return tf.function(lambda *args: {output: function(*args)}, input_signature=signature, autograph=False)


def check_target(bundle_dir):
    """Refuses a folder that holds something other than a bundle; UserError."""
    bundle_dir = Path(bundle_dir)
    if bundle_dir.exists() and not (bundle_dir / METADATA).is_file():
        raise UserError(f"--bundle_dir={bundle_dir}: exists and is no bundle; name a new folder")


def save(bundle_dir, autoencoder, gan, conditioner, keep_critic=True, **about):
    """Writes a bundle, atomically: an existing one is replaced when the new one is complete.

    Args:
      keep_critic: False: the bundle is smaller, and fine-tuning begins with a new critic.
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
        **_described(autoencoder, gan, conditioner),
        "has_critic": keep_critic,
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


def _described(autoencoder, gan, conditioner):
    """What the metadata says of the networks."""
    config = autoencoder.config
    return {
        "sample_rate": config.sample_rate,
        "samples_per_latent": config.samples_per_latent,
        "latent_size": gan.latent_size,
        "window": gan.config.window,
        "coordinate_size": gan.config.coordinate_size,
        "conditioning": conditioner.metadata(),
        "autoencoder_id": autoencoder.identity(),
        "autoencoder_config": dataclasses.asdict(config),
        "gan_config": dataclasses.asdict(gan.config),
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
        missing = [name for name in _OUTPUTS if not hasattr(loaded, name)]  # what is left of a file may load
        if missing:
            raise ValueError(f"lacks {', '.join(missing)}")
        served = loaded.signatures["render"]
    # OSError and OpError: cut short or missing; the others: bytes that say something else, and still make a graph.
    except (OSError, ValueError, LookupError, RuntimeError, tf.errors.OpError) as error:
        raise damaged(bundle_dir, error) from error
    loaded.render = lambda **arguments: served(**arguments)["waveform"]
    return loaded, metadata


def load_networks(bundle_dir, policy="float32"):
    """The networks of a bundle as Keras models again: (Autoencoder, Gan, Conditioner, metadata); `policy` as Gan's.

    Raises:
      UserError: it is no bundle, or damaged.
    """
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.gan.model import Gan

    metadata = read_metadata(bundle_dir)
    autoencoder = Autoencoder.create(from_dict(AutoencoderConfig, metadata["autoencoder_config"]))
    names = [row["name"] for row in metadata["conditioning"]]
    conditioner = Conditioner(names, autoencoder.config.latents_per_second)
    conditioner.restore(metadata["conditioning"])
    gan_config = from_dict(GanConfig, metadata["gan_config"])
    gan = Gan.create(gan_config, metadata["latent_size"], conditioner.n_channels, policy=policy)
    checkpoint = tf.train.Checkpoint(stored=_variables(autoencoder, gan, conditioner, metadata["has_critic"]))
    # SavedModel keeps its variables as an object-based checkpoint of the module.
    variables = Path(plain_folder(bundle_dir)) / "variables" / "variables"
    try:
        checkpoint.read(str(variables)).expect_partial().assert_existing_objects_matched()
    # Other names, other shapes, an empty file, and all other damage.
    except (AssertionError, ValueError, IndexError, tf.errors.OpError) as error:
        raise damaged(bundle_dir, error) from error
    gan.generator.set_weights(gan.averaged.get_weights())
    return autoencoder, gan, conditioner, metadata
