"""A bundle's metadata.json: read, and held against what a bundle can be before anything is built from it."""

from pathlib import Path

from musika_tf import json_file
from musika_tf.autoencoder.contrast import Contrast
from musika_tf.conditioning import signals
from musika_tf.config import AutoencoderConfig, GanConfig, RefinerConfig, from_dict
from musika_tf.errors import UserError

# 3 added parametric stereo and phase heads, 4 the refiner, 5 its guide, 6 its attention, what it holds, and the
# contrast; down to 2 they are read as what they were.
FORMAT_VERSION = 6
_OLDEST_FORMAT = 2
METADATA = "metadata.json"
_TOLD = ("name", "licence", "trained_on", "steps", "flags", "refiner_steps")
_TYPES = {
    "name": str,
    "sample_rate": int,
    "samples_per_latent": int,
    "latent_size": int,
    "conditioning": list,
    "autoencoder_id": str,
    "autoencoder_config": dict,
}
# Of a bundle that generates; that of an autoencoder alone has none of these.
_GAN_TYPES = {"window": int, "has_critic": bool, "gan_config": dict}
_OPTIONAL_NUMBERS = ("mean", "deviation", "typical_seconds", "full_scale")  # of a signal; some of which are above 0


def read_metadata(bundle_dir):
    """The metadata of a bundle, a dict; UserError where there is none, it is of a newer format, or it says what no
    bundle can be."""
    path = Path(bundle_dir) / METADATA
    try:
        metadata = json_file.read(path)
        version = metadata["format_version"]
        if type(version) is not int or version < _OLDEST_FORMAT:
            raise ValueError(f"format {version}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"--bundle_dir={bundle_dir}: no bundle; give a folder that train_gan.py or import_original.py wrote"
        ) from error
    if version > FORMAT_VERSION:
        raise UserError(f"--bundle_dir={bundle_dir}: format {version}, newer than {FORMAT_VERSION}; update musika_tf")
    missing = [name for name in _types(metadata) if name not in metadata]
    if missing:
        raise damaged(bundle_dir, f"{METADATA} lacks {', '.join(missing)}")
    try:
        _check(metadata)
    except (ValueError, TypeError) as error:
        raise damaged(bundle_dir, f"{METADATA}: {error}") from error
    return metadata


def generates(metadata):
    """Whether the bundle generates; otherwise it is an autoencoder's, which encodes and decodes."""
    return "gan_config" in metadata


def refines(metadata):
    """Whether the bundle's latents are refined: each window then depends on its neighbours."""
    return "refiner_config" in metadata


def told(metadata):
    """What `bundle.save` was told about a model, to tell it again: a dict."""
    return {name: metadata[name] for name in _TOLD if name in metadata}


def check_generates(bundle_dir, metadata):
    """UserError where the bundle is that of an autoencoder alone."""
    if not generates(metadata):
        raise UserError(
            f"{bundle_dir}: an autoencoder, it encodes and decodes; to generate, name a bundle that train_gan.py wrote"
        )


def bundle_in(folder):
    """A bundle itself, or that of a folder of checkpoints, to begin a training with; UserError where there is none."""
    if (Path(folder) / METADATA).is_file():
        return folder
    path = Path(folder) / "bundle"
    if not path.is_dir():
        raise UserError(f"--init_from={folder}: neither a bundle nor a folder of checkpoints with one")
    return path


def _types(metadata):
    return _TYPES | (_GAN_TYPES if any(name in metadata for name in _GAN_TYPES) else {})


def damaged(bundle_dir, reason):
    """The UserError about a bundle of which a part can't be used."""
    lines = str(reason).splitlines() or [type(reason).__name__]
    return UserError(f"--bundle_dir={bundle_dir}: damaged ({lines[0]}); export or copy it again")


def _check(metadata):
    """ValueError or TypeError where the values are not of their kind, or contradict each other."""
    for name, kind in _types(metadata).items():
        if type(metadata[name]) is not kind:
            raise ValueError(f"{name} is no {kind.__name__}")
    autoencoder = from_dict(AutoencoderConfig, metadata["autoencoder_config"])
    follows = {
        "sample_rate": autoencoder.sample_rate,
        "samples_per_latent": autoencoder.samples_per_latent,
        "latent_size": autoencoder.latent_channels,
    }
    if "contrast" in metadata:
        Contrast.of(metadata["contrast"], autoencoder.level1_size)
    if generates(metadata):
        follows["window"] = from_dict(GanConfig, metadata["gan_config"]).window
        if refines(metadata):
            from_dict(RefinerConfig, metadata["refiner_config"])
    for name, value in follows.items():
        if metadata[name] != value:
            raise ValueError(f"{name} is {metadata[name]}, but its networks' is {value}")
    names = [_signal_name(row) for row in metadata["conditioning"]]
    if len(set(names)) < len(names):
        raise ValueError("a signal twice")
    if len({len(row["pieces"]) for row in metadata["conditioning"] if row.get("pieces")}) > 1:
        raise ValueError("words of different pieces")


def _signal_name(row):
    """The name of a row of `conditioning`, all of which is checked."""
    if not isinstance(row, dict) or not isinstance(row.get("name"), str):
        raise ValueError("conditioning without a name")
    name, limits = row["name"], row.get("range")
    if type(row.get("channels")) is not int or row["channels"] != signals.find(name).n_channels:
        raise ValueError(f"{name} has other channels")
    if not (isinstance(limits, list) and len(limits) == 2 and all(map(_is_number, limits)) and limits[0] <= limits[1]):
        raise ValueError(f"{name} has no range")
    if not (isinstance(row.get("pieces", []), list) and all(map(_is_number, row.get("pieces", [])))):
        raise ValueError(f"pieces of {name} are no numbers")
    for key in _OPTIONAL_NUMBERS:
        if row.get(key) is not None and not (_is_number(row[key]) and (key == "mean" or row[key] >= 0)):
            raise ValueError(f"{key} of {name} is no number")
    return name


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e30
