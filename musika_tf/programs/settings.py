"""Flags <-> configs. Programs turn flags into frozen configs here, once; library code never reads flags.

Every program defines all of these flags, so that each takes any preset: `--flagfile=flags/mini.flags`.
"""

import copy
import dataclasses
import os
import sys
from pathlib import Path

from absl import flags

from musika_tf import atomic, shipped
from musika_tf.conditioning import extraction, signals
from musika_tf.config import (
    AutoencoderConfig,
    AutoencoderTraining,
    GanConfig,
    GanTraining,
    RefinerConfig,
    RefinerTraining,
)
from musika_tf.errors import UserError, writing
from musika_tf.programs import flagfiles

FLAGS = flags.FLAGS

EFFECTIVE = "effective.flags"
TRAINING = ("init_from", "trust", "cache_dir", "save_every", "export", "precision", "xla", "strategy", "threads")
# Not meant to be as last time.
_OF_THE_RUN = ("phase", "threads", "checkpoint_dir", "strategy", "xla", "dry_run", "table")

_OF_THE_MOMENT = {"trust"}  # said each time
# Names of flags that are paths, beside those that end in _dir and _from.
_PATHS = ("autoencoder", "bundle", "json", "out", "picture", "soundfont", "style_file", "table", "vggish")

PREFIXES = {}
_DEFINE = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}


def define(config_class, prefix):
    """Defines a flag for each field of a config, named by the prefix and the field."""
    PREFIXES[config_class] = prefix
    for f in dataclasses.fields(config_class):
        name, text = f"{prefix}_{f.name}", f.metadata["help"]
        if isinstance(f.default, tuple):
            flags.DEFINE_list(name, [str(v) for v in f.default], text)
        elif isinstance(f.default, str):
            flags.DEFINE_enum(name, f.default, f.metadata["allowed"], text)
        else:
            _DEFINE[type(f.default)](name, f.default, text)


define(AutoencoderConfig, "ae")
define(AutoencoderTraining, "ae")
define(GanConfig, "gan")
define(GanTraining, "gan")
define(RefinerConfig, "refiner")
define(RefinerTraining, "refiner")

flags.DEFINE_string("checkpoint_dir", "checkpoints/musika", "where training saves, resumes and previews")
flags.DEFINE_string("audio_dir", None, "folder of audio (searched recursively), or one file")
flags.DEFINE_string("latents_dir", None, "folder of latents that encode.py wrote")
flags.DEFINE_string(
    "cache_dir",
    None,
    "local folder that keeps decoded audio (train_ae.py; 1.3 GB an hour at most) or all latents in one file "
    "(train_gan.py), for remote disks and collections that memory can't hold; of evaluate.py, embeddings, by default "
    "in --report_dir",
)
flags.DEFINE_string("bundle_dir", None, "bundle (SavedModel) to read, a folder or hf://user/name, or to write")
flags.DEFINE_bool(
    "trust", False, "load a SavedModel of a hub (hf://user/name): a program of its owner, which can touch your files"
)
flags.DEFINE_string("conditioning", "", f"signals that steer the generator, between commas: {signals.summary()}")
flags.DEFINE_enum(
    "signal_source",
    "auto",
    extraction.SOURCES,
    "read signals off the .json beside the audio (grid), the audio, or auto",
)
flags.DEFINE_string("init_from", None, "bundle, or folder of checkpoints, to fine-tune from")
flags.DEFINE_string(
    "name", None, "the model's name in its metadata; default: the bundle's folder, or --checkpoint_dir of train_gan.py"
)
flags.DEFINE_bool("keep_critic", True, "store the critic in the bundle too, for fine-tuning")
flags.DEFINE_string("licence", "", "the model's licence, for its metadata")
flags.DEFINE_string("trained_on", "", "what the model was trained on, for its metadata")
flags.DEFINE_integer("save_every", 500, "steps between two checkpoints with a preview", lower_bound=1)
flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "bfloat16", "mixed_bfloat16", "mixed_float16"],
    "what convolutions are computed in: generate.py takes bfloat16, for processors with AVX512_BF16 or AMX; training "
    "takes the mixed ones, for these and GPUs, and its weights and bundles stay float32",
)
flags.DEFINE_bool("xla", False, "compile the training steps with XLA")
flags.DEFINE_enum(
    "strategy",
    "none",
    ["none", "mirrored", "multi_worker"],
    "devices that share each training batch: one, all of this machine's GPUs, those of all workers of TF_CONFIG",
)
flags.DEFINE_enum(
    "export",
    "last",
    ["last", "best"],
    "checkpoint of a complete training that later phases, other programs and the bundle take; what is best is told by "
    "best/best.json beside the checkpoints",
)
flags.DEFINE_integer("threads", 0, "threads that TensorFlow may use; 0: all cores", lower_bound=0)


def set_config(config):
    """Makes the flags say what a config does."""
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        FLAGS[f"{PREFIXES[type(config)]}_{f.name}"].value = list(map(str, value)) if isinstance(value, tuple) else value


def training_precision():
    """--precision of a program that trains."""
    if FLAGS.precision == "bfloat16":
        raise UserError("--precision=bfloat16: is for generate.py; training takes --precision=mixed_bfloat16")
    return FLAGS.precision


def take_sizes(what, source, sizes, flag_names):
    """Makes the flags say the `sizes` (a config) of the model at `source` that training starts from; says so where any
    of `flag_names` was given and they say others. Returns the sizes."""
    if sizes != config(type(sizes)) and any(FLAGS[name].present for name in flag_names):
        print(f"the {what} has the sizes of {shipped.name(source)}, in place of the flags'")
    set_config(sizes)
    return sizes


def config_flags(*prefixes):
    """The names of the flags that make up the configs, or of those with these prefixes."""
    wanted = prefixes or PREFIXES.values()
    return [f"{p}_{f.name}" for cls, p in PREFIXES.items() if p in wanted for f in dataclasses.fields(cls)]


def config(config_class, flag_values=FLAGS):
    """The config of `config_class` as the flags say."""
    prefix, values = PREFIXES[config_class], {}
    for f in dataclasses.fields(config_class):
        value = flag_values[f"{prefix}_{f.name}"].value
        values[f.name] = _numbers(f"{prefix}_{f.name}", value, f.default) if isinstance(f.default, tuple) else value
    try:
        return config_class(**values)
    except UserError as error:  # begins with the field's name
        raise UserError(f"--{prefix}_{error}") from None


def _numbers(name, texts, like):
    try:
        return tuple(type(like[0])(text) for text in texts)
    except ValueError:
        raise UserError(f"--{name}={','.join(texts)}: give {len(like)} numbers between commas") from None


def with_flagfile(path):
    """The values of all flags as they are with what a flagfile says besides; flags that nothing defines are ignored."""
    values = copy.deepcopy(FLAGS)
    values([sys.argv[0], *flagfiles.expanded([f"--flagfile={path}"])], known_only=True)
    return values


def effective_flags(with_paths=True):
    """The values of all of this project's flags, as the lines of a flagfile that runs it again; paths are absolute.

    `with_paths=False` leaves out where things lie, which is nobody's business in a file that is passed on.
    """
    by_module = FLAGS.flags_by_module_dict()
    ours = {f.name for module in by_module if module.startswith("musika_tf") for f in by_module[module]}
    ours -= _OF_THE_MOMENT
    set_flags = [name for name in ours if FLAGS[name].value not in (None, "")]
    lines = [FLAGS[name].serialize() for name in set_flags if not is_path(name)]
    paths = [f"--{name}={os.path.abspath(FLAGS[name].value)}" for name in set_flags if is_path(name)]
    return sorted(lines + paths if with_paths else lines)


def is_path(name):
    """Whether the flag of this name holds a path."""
    return name.endswith(("_dir", "_from")) or name in _PATHS


def save_flags(directory):
    """Writes the effective flags beside a checkpoint, but for values with a line break in them."""
    lines = [line for line in effective_flags() if "\n" not in line]
    with writing(directory, "name another folder"):
        Path(directory).mkdir(parents=True, exist_ok=True)
        with atomic.replacing(Path(directory) / EFFECTIVE) as hidden_path:
            hidden_path.write_bytes(os.fsencode("\n".join(lines) + "\n"))


def read_back(directories):
    """Takes the flags that this command line leaves out from the first of `directories` of checkpoints that has flags
    beside it; none may. UserError: the stored flags can't be read, or name audio or latents that are gone."""
    path = next((path for d in directories if os.path.isfile(path := Path(d) / EFFECTIVE)), None)
    if path is None:
        return
    stored = copy.deepcopy(FLAGS)
    try:
        # Not as a flagfile: that would strip spaces off the names of folders, and read UTF-8 alone.
        lines = os.fsdecode(path.read_bytes()).split("\n")
        stored([sys.argv[0], *(line.lstrip() for line in lines if line.lstrip().startswith("-"))], known_only=True)
    except (OSError, flags.Error, ValueError, RecursionError) as error:  # the last one: a file that includes itself
        raise UserError(f"{path}: damaged ({error}); delete it and give the flags again") from error
    for name in stored:
        if stored[name].present and not FLAGS[name].present and name not in _OF_THE_RUN:
            FLAGS[name].value = stored[name].value
            if name in ("audio_dir", "latents_dir") and not os.path.lexists(stored[name].value or "."):
                raise UserError(
                    f"--{name}={stored[name].value}: no such file or folder; the name is from {path}: "
                    f"give --{name} again"
                )
