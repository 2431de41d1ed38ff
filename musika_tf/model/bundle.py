"""The bundle: one SavedModel directory that encodes, decodes and generates, with its metadata.

Any TensorFlow program can load it with `tf.saved_model.load`; nothing of this package is needed for that.
The functions and their arguments are those of `Bundle`'s methods; `render` takes the fields of `line.Course`, with the
range before `truncation`, and `generate` is a call of it.
"""

import json
import os
import shutil
from pathlib import Path

import tensorflow as tf

from musika_tf.conditioning.conditioner import Conditioner
from musika_tf.config import AutoencoderConfig, GanConfig, from_dict, to_dict
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
# What TensorFlow raises over files that are cut short, missing or of something else.
_DAMAGE = (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError, tf.errors.OpError)


def _spec(shape, dtype, name):
    return tf.TensorSpec(shape, dtype, name=name)


_SEED, _STYLE = _spec([], tf.int64, "seed"), _spec([], tf.int64, "style_seed")
_FIRST, _COUNT = _spec([], tf.int64, "first_latent"), _spec([], tf.int32, "n_latents")
_CONDITIONING = _spec([None, None], tf.float32, "conditioning")
_NOISE, _TRUNCATION = _spec([], tf.float32, "noise"), _spec([], tf.float32, "truncation")


class Bundle(tf.Module):
    """The bundle's functions over an autoencoder and a GAN.

    Args:
      autoencoder: Autoencoder.
      gan: Gan.
      conditioner: Conditioner.
      keep_critic: store the critic too; no function uses it, but fine-tuning goes on with it.
    """

    def __init__(self, autoencoder, gan, conditioner, keep_critic=True):
        super().__init__()
        # Plain variables: a Keras model as an attribute would have every layer traced and saved for itself.
        self.stored = _stored(autoencoder, gan, conditioner, keep_critic)
        codec = Codec(autoencoder)
        self._make_functions(codec, Line(codec, gan, conditioner), gan)

    def _make_functions(self, path, line, gan):
        """Traces with fixed signatures; the latent's and coordinate's sizes are this model's own."""
        window = gan.config.window
        n_latent, k = gan.latent_size, gan.n_conditioning
        n_channels = gan.config.coordinate_size + k
        latents = _spec([None, n_latent], tf.float32, "latents")

        def function(python_function, *signature):
            return tf.function(python_function, input_signature=signature, autograph=False)

        def render(seed, style_seeds, style_weights, loop_latents, first, count, truncation, conditioning, curve_start):
            steps = style_seeds, style_weights, loop_latents, truncation, conditioning, curve_start
            return line.render(Course(seed, *steps), first, count)

        _share_graphs(path, line, function)
        self.encode = function(path.encode, _spec([None, 2], tf.float32, "waveform"))
        self.decode = function(path.decode, latents, _SEED, _NOISE)
        self.generator = function(
            lambda coordinates, seed, noise: line.latents(
                coordinates, noise * line.generator_noise(seed, 0, tf.shape(coordinates)[0])
            ),
            _spec([None, window, n_channels], tf.float32, "coordinates"),
            _SEED,
            _NOISE,
        )
        self.coordinates = function(
            lambda seed, style_seed, first_window, n_windows, truncation: coordinates.coordinates(
                gan.config, seed, style_seed, first_window, n_windows, truncation
            ),
            _SEED,
            _STYLE,
            _spec([], tf.int64, "first_window"),
            _spec([], tf.int32, "n_windows"),
            _TRUNCATION,
        )
        self.signals = function(line.drawn_signals, _STYLE, _FIRST, _COUNT)
        self.render = function(
            render,
            _SEED,
            _spec([None], tf.int64, "style_seeds"),
            _spec([None, None], tf.float32, "style_weights"),
            _spec([], tf.float64, "loop_latents"),
            _FIRST,
            _COUNT,
            _TRUNCATION,
            _CONDITIONING,
            _spec([], tf.int64, "curve_start"),
        )
        self.generate = function(self._generate, _SEED, _STYLE, _FIRST, _COUNT, _TRUNCATION, _CONDITIONING)

    def _generate(self, seed, style_seed, first_latent, n_latents, truncation, conditioning):
        """`Line.generate` as a call of `render`, so that the bundle holds the networks' graph once."""
        course = steady(seed, style_seed, truncation, conditioning, first_latent)
        return self.render(
            course.seed,
            course.style_seeds,
            course.style_weights,
            course.loop_latents,
            first_latent,
            n_latents,
            course.truncation,
            course.conditioning,
            course.curve_start,
        )

    def signatures(self):
        """The functions as serving signatures, each returning a dict with one tensor."""
        return {name: _named(getattr(self, name), output) for name, output in _OUTPUTS.items()}


def _share_graphs(path, line, function):
    """Makes one graph each of the decoders and of the generator, which the bundle's functions call.

    Left to be inlined they would be stored, and loaded, once for every function: that is seconds at start-up.
    """
    config, latent_size, n_channels = line.gan.config, line.gan.latent_size, line.n_channels
    position = _spec([], tf.int64, "first")
    frames = function(path.frames, _spec([None, latent_size], tf.float32, "latents"), position, _SEED, _NOISE)
    windows = _spec([None, config.window, n_channels], tf.float32, "coordinates")
    latents = function(line.latents, windows, _spec([None, line.gan.noise_size], tf.float32, "noise"))
    path.frames = lambda latents, first, seed, noise: frames(latents, tf.cast(first, tf.int64), seed, noise)
    line.latents = latents


def _stored(autoencoder, gan, conditioner, with_critic):
    """Every variable of a bundle by network."""
    networks = {**autoencoder.networks, "averaged": gan.averaged} | ({"critic": gan.critic} if with_critic else {})
    stored = {name: [v.value for v in network.weights] for name, network in networks.items()}
    return {**stored, "standardiser": list(gan.standardiser.variables), "conditioner": list(conditioner.variables)}


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
      bundle_dir: where to.
      autoencoder: Autoencoder.
      gan: Gan.
      conditioner: Conditioner.
      keep_critic: False leaves the critic out, which makes the bundle smaller and fine-tuning begin with a new one.
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
    config = autoencoder.config
    metadata = {
        "format_version": FORMAT_VERSION,
        **about,
        "sample_rate": config.sample_rate,
        "samples_per_latent": config.samples_per_latent,
        "latent_size": gan.latent_size,
        "window": gan.config.window,
        "coordinate_size": gan.config.coordinate_size,
        "conditioning": conditioner.metadata(),
        "has_critic": keep_critic,
        "autoencoder_id": autoencoder.identity(),
        "autoencoder_config": to_dict(config),
        "gan_config": to_dict(gan.config),
    }
    temporary = bundle_dir.with_name(f".{bundle_dir.name}.{os.getpid()}")
    bundle = Bundle(autoencoder, gan, conditioner, keep_critic)
    try:
        tf.saved_model.save(bundle, str(temporary), signatures=bundle.signatures())
        (temporary / METADATA).write_text(json.dumps(metadata, indent=1) + "\n")
        _replace(bundle_dir, temporary)
    except (OSError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"--bundle_dir={bundle_dir}: can't be written ({reason}); make room, and run it again"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    """(the loaded SavedModel, its metadata); UserError where it can't be loaded."""
    metadata = read_metadata(bundle_dir)
    if metadata["format_version"] < 2:
        raise UserError(f"--bundle_dir={bundle_dir}: format 1 lacks functions that are needed; export it again")
    try:
        loaded = tf.saved_model.load(plain_folder(bundle_dir))
        return _complete(loaded), metadata
    except _DAMAGE as error:
        raise damaged(bundle_dir, error) from error


def _complete(loaded):
    """What was loaded, if it has all functions: of a file that was cut short what is left may load."""
    missing = [name for name in _OUTPUTS if not hasattr(loaded, name)]
    if missing:
        raise ValueError(f"lacks {', '.join(missing)}")
    return loaded


def load_networks(bundle_dir, policy="float32"):
    """The networks of a bundle as Keras models again: (Autoencoder, Gan, Conditioner, metadata); `policy` as Gan's."""
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.gan.model import Gan

    metadata = read_metadata(bundle_dir)
    autoencoder = Autoencoder.create(from_dict(AutoencoderConfig, metadata["autoencoder_config"]))
    names = [row["name"] for row in metadata["conditioning"]]
    conditioner = Conditioner(names, autoencoder.config.latents_per_second)
    gan_config = from_dict(GanConfig, metadata["gan_config"])
    gan = Gan.create(gan_config, metadata["latent_size"], conditioner.n_channels, policy=policy)
    checkpoint = tf.train.Checkpoint(stored=_stored(autoencoder, gan, conditioner, metadata["has_critic"]))
    # SavedModel keeps its variables as an object-based checkpoint of the module.
    variables = Path(plain_folder(bundle_dir)) / "variables" / "variables"
    try:
        checkpoint.read(str(variables)).expect_partial().assert_existing_objects_matched()
    except (AssertionError, *_DAMAGE) as error:
        raise damaged(bundle_dir, error) from error
    gan.generator.set_weights(gan.averaged.get_weights())
    return autoencoder, gan, conditioner, metadata
