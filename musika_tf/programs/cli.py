"""Flags <-> configs. Programs turn flags into frozen configs here, once; library code never reads flags.

Every program defines all of these flags, so that each takes any preset: `--flagfile=flags/mini.flags`.
"""

import contextlib
import copy
import dataclasses
import logging
import math
import os
import sys
from pathlib import Path

from absl import app, flags
from absl import logging as absl_logging

from musika_tf import atomic, interruption, keras_environment, shipped
from musika_tf.conditioning import extraction, signals
from musika_tf.config import AUTOENCODER_FILE, AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining
from musika_tf.errors import UserError
from musika_tf.native import import_tensorflow
from musika_tf.programs import flagfiles

FLAGS = flags.FLAGS

EFFECTIVE = "effective.flags"
# Not meant to be as last time.
_OF_THE_RUN = ("phase", "threads", "checkpoint_dir", "strategy", "xla", "dry_run", "table")

# Names of flags that are paths, beside those that end in _dir and _from.
_PATHS = ("autoencoder", "json", "model", "out", "picture", "soundfont", "style_file", "table")

_PREFIXES = {AutoencoderConfig: "ae", AutoencoderTraining: "ae", GanConfig: "gan", GanTraining: "gan"}
_DEFINE = {int: flags.DEFINE_integer, float: flags.DEFINE_float, bool: flags.DEFINE_bool}


def _define_config_flags():
    for config_class, prefix in _PREFIXES.items():
        for f in dataclasses.fields(config_class):
            name, text = f"{prefix}_{f.name}", f.metadata["help"]
            if isinstance(f.default, tuple):
                flags.DEFINE_list(name, [str(v) for v in f.default], text)
            elif isinstance(f.default, str):
                flags.DEFINE_enum(name, f.default, f.metadata["allowed"], text)
            else:
                _DEFINE[type(f.default)](name, f.default, text)


_define_config_flags()

flags.DEFINE_string("checkpoint_dir", "checkpoints/musika", "where training saves, resumes and previews")
flags.DEFINE_string("audio_dir", None, "folder of audio (searched recursively), or one file")
flags.DEFINE_string("latents_dir", None, "folder of latents that encode.py wrote")
flags.DEFINE_string(
    "cache_dir",
    None,
    "local folder that keeps decoded audio (train_ae.py; 1.3 GB an hour at most) or all latents in one file "
    "(train_gan.py), for remote disks and collections that memory can't hold",
)
flags.DEFINE_string("bundle_dir", None, "bundle (SavedModel) to read, or to write where one is made")
flags.DEFINE_string("conditioning", "", f"signals that steer the generator, between commas: {signals.summary()}")
flags.DEFINE_enum(
    "signal_source",
    "auto",
    extraction.SOURCES,
    "read signals off the .json beside the audio (grid), the audio, or auto",
)
flags.DEFINE_string("init_from", None, "bundle, or folder of checkpoints, to fine-tune from")
flags.DEFINE_string("name", None, "the model's name in its metadata; default: the bundle's folder")
flags.DEFINE_bool("keep_critic", True, "store the critic in the bundle too, for fine-tuning")
flags.DEFINE_string("licence", "", "the model's licence, for its metadata")
flags.DEFINE_string("trained_on", "", "what the model was trained on, for its metadata")
flags.DEFINE_integer("save_every", 500, "steps between two checkpoints with a preview", lower_bound=1)
flags.DEFINE_enum(
    "precision",
    "float32",
    ["float32", "mixed_float16", "mixed_bfloat16"],
    "what training computes its convolutions in, for GPUs; weights and bundles stay float32",
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


def define_collection_flags():
    """Defines the flags of the programs that read a collection of audio, and gives their names."""
    flags.DEFINE_bool("dry_run", False, "show what is in --audio_dir and how long the work will take, and stop")
    flags.DEFINE_bool("strict", False, "end with an error where a file of --audio_dir is left out")
    flags.DEFINE_string("table", None, "CSV file to write the table of all files to")
    return "audio_dir", "dry_run", "strict", "table"


def report_collection(table, all_rows=True, forecast=None):
    """Prints the table of --audio_dir, writes --table, and refuses what --strict, or anybody, can't go on with.

    Args:
      table: audio.table.Table.
      all_rows: False leaves out the files of which there is nothing to say.
      forecast: function to lines of text that are printed below the table where there is work to do, or None.
    """
    print(table.text(all_rows), flush=True)
    if FLAGS.table:
        table.write(FLAGS.table)
    if forecast is not None and table.paths:
        print(*forecast(), sep="\n")
    table.check(f"--audio_dir={FLAGS.audio_dir}", FLAGS.strict)


def set_config(config):
    """Makes the flags say what a config does."""
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        FLAGS[f"{_PREFIXES[type(config)]}_{f.name}"].value = (
            list(map(str, value)) if isinstance(value, tuple) else value
        )


def config_flags(*prefixes):
    """The names of the flags that make up the configs, or of those with these prefixes."""
    wanted = prefixes or _PREFIXES.values()
    return [f"{p}_{f.name}" for cls, p in _PREFIXES.items() if p in wanted for f in dataclasses.fields(cls)]


def config(config_class, flag_values=FLAGS):
    """The config of `config_class` as the flags say."""
    prefix, values = _PREFIXES[config_class], {}
    for f in dataclasses.fields(config_class):
        value = flag_values[f"{prefix}_{f.name}"].value
        if isinstance(f.default, tuple):
            value = _numbers(f"{prefix}_{f.name}", value, f.default)
        values[f.name] = value
    try:
        return config_class(**values)
    except UserError as error:  # begins with the field's name
        raise UserError(f"--{prefix}_{error}") from None


def _numbers(name, texts, like):
    try:
        numbers = tuple(type(like[0])(text) for text in texts)
    except ValueError:
        raise UserError(f"--{name}={','.join(texts)}: give {len(like)} numbers between commas") from None
    if len(numbers) != len(like):
        raise UserError(f"--{name}={','.join(texts)}: give {len(like)} numbers between commas")
    return numbers


def require(name):
    """The value of flag `name`, which this program needs."""
    if FLAGS[name].value in (None, ""):
        raise UserError(f"--{name} is missing: {FLAGS[name].help}")
    return FLAGS[name].value


def say_defaults(*names, note=""):
    """Says in one line which values the flags of these names took that nobody gave."""
    if names:
        values = (f"--{name}={shipped.name(FLAGS[name].value)}" for name in names)
        print("defaults:", *values, *([f"({note})"] if note else []), flush=True)


def holds_autoencoder(checkpoint_dir):
    """Whether an autoencoder was, or is being, trained in a folder of checkpoints."""
    return os.path.isfile(os.path.join(checkpoint_dir, AUTOENCODER_FILE))


def resolve(*names):
    """Makes flags that name what is shipped, such as models/techno-mini, name it from any working directory."""
    for name in names:
        if FLAGS[name].value:
            FLAGS[name].value = str(shipped.find(FLAGS[name].value))


def check_folders(*names):
    """Refuses flags that name a file to write in a folder that isn't there; before any work is done."""
    for name in names:
        path = FLAGS[name].value
        if path and not Path(path).absolute().parent.is_dir():
            raise UserError(f"--{name}={path}: no such folder to write to")
        if path and Path(path).is_dir():
            raise UserError(f"--{name}={path}: is a folder; give the name of a file in it")


def with_flagfile(path):
    """The values of all flags as they are with what a flagfile says besides; flags that nothing defines are ignored."""
    values = copy.deepcopy(FLAGS)
    values([sys.argv[0], *flagfiles.expanded([f"--flagfile={path}"])], known_only=True)
    return values


def effective_flags(with_paths=True):
    """The values of all of this project's flags, as the lines of a flagfile that runs it again.

    Args:
      with_paths: False leaves out where things lie, which is nobody's business in a file that is passed on. Paths are
        absolute, so that another working directory doesn't matter.
    """
    by_module = FLAGS.flags_by_module_dict()
    ours = {f.name for module in by_module if module.startswith("musika_tf") for f in by_module[module]}
    set_flags = sorted(name for name in ours if FLAGS[name].value not in (None, ""))
    if not with_paths:
        return sorted(FLAGS[name].serialize() for name in set_flags if not _is_path(name))
    return sorted(
        f"--{name}={os.path.abspath(FLAGS[name].value)}" if _is_path(name) else FLAGS[name].serialize()
        for name in set_flags
    )


def _is_path(name):
    return name.endswith(("_dir", "_from"))


def save_flags(directory):
    """Writes the effective flags beside a checkpoint, but for values with a line break in them."""
    lines = [line for line in effective_flags() if "\n" not in line]
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
        with atomic.replacing(Path(directory) / EFFECTIVE) as hidden_path:
            hidden_path.write_bytes(os.fsencode("\n".join(lines) + "\n"))
    except OSError as error:
        raise UserError(f"{directory}: can't be written ({error.strerror}); name another folder") from error


def read_back(directories):
    """Takes the flags that this command line leaves out from the checkpoint that it resumes.

    Args:
      directories: of checkpoints; the first that has flags beside it counts. None may: a new training.

    Raises:
      UserError: the stored flags can't be read, or name audio or latents that are gone.
    """
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


def start_tensorflow(threads=None):
    """Imports TensorFlow without its start-up notices and applies --threads; before anything else imports it.

    Args:
      threads: in place of --threads, where no flags were parsed.
    """
    threads = FLAGS.threads if threads is None else threads
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    tf = import_tensorflow()
    keras_environment.set_defaults()
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def make_devices():
    """The Devices that --strategy and --xla ask for; right after `start_tensorflow`."""
    from musika_tf.training import devices

    return devices.create(FLAGS.strategy, FLAGS.xla)


class _Reports:
    """Standard output or error as reports need it: the work goes on where they can't be written."""

    def __init__(self, file, tells=True):
        self._file, self._tells = file, tells

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, text):
        with self._outlived():
            self._file.write(text)
        return len(text)

    def flush(self):
        with self._outlived():
            self._file.flush()

    @contextlib.contextmanager
    def _outlived(self):
        try:
            yield
        except OSError as error:
            if self._tells and not isinstance(error, BrokenPipeError):  # whose reader has heard enough, as head does
                print(f"standard output: can't be written ({error.strerror}); the work goes on", file=sys.stderr)
            _to_nothing(self._file.fileno(), os.O_WRONLY)  # what is still to be flushed, too


def _to_nothing(descriptor, mode):
    null = os.open(os.devnull, mode)
    os.dup2(null, descriptor)
    if null != descriptor:
        os.close(null)


def _prepare_outputs():
    """Standard output and error that never fail; where they are closed (`>&-`), no other file gets their numbers."""
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            _to_nothing(descriptor, os.O_RDONLY)  # a stream to it fails
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    sys.stdout.reconfigure(errors="backslashreplace")  # names of files hold anything
    sys.stdout, sys.stderr = _Reports(sys.stdout), _Reports(sys.stderr, tells=False)
    absl_logging.get_absl_handler().python_handler.stream = sys.stderr


def run(program):
    """Runs a program: bad input becomes one line on stderr and exit status 2.

    Args:
      program: a module with `main(argv)`, a docstring that --help shows, and the flags that it defines.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["MPLBACKEND"] = "agg"  # a notebook's is inherited, and not installed here
    _prepare_outputs()

    def guarded(argv):
        absl_logging.set_verbosity(absl_logging.WARNING)  # TensorFlow's
        logging.getLogger("musika_tf").setLevel(logging.INFO)
        try:
            if len(argv) > 1:
                raise UserError(f"unexpected argument {argv[1]!r}: flags are written --name=value; see --help")
            with interruption.in_order():
                return program.main(argv)
        except UserError as error:
            sys.exit(_one_line(error))
        except OSError as error:  # what the system refuses, wherever it is met
            place = "a file" if error.filename is None else error.filename
            reason = error.strerror or error
            sys.exit(_one_line(UserError(f"{place}: can't be used ({reason}); make it usable, or name another")))

    show_flags(program)
    app.run(guarded, flags_parser=_parse)


def is_path(name):
    """Whether the flag of this name holds a path."""
    return name.endswith(("_dir", "_from")) or name in _PATHS


def _expand(flag):
    """Puts the user's home for a ~ in a path, which shells leave alone after a =; refuses an empty one."""
    if is_path(flag.name) and flag.present and isinstance(flag.value, str):
        if not flag.value:
            raise UserError(f"--{flag.name}=: no path; name one, or leave the flag out")
        flag.value = os.path.expanduser(flag.value)


def show_flags(program):
    """Makes --help show the docstring and the flags of a program, whatever file was started."""
    sys.modules["__main__"].__doc__ = program.__doc__
    for flag in FLAGS.get_key_flags_for_module(program.__name__):
        FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _parse(argv):
    """Parses a command line, and ends the program where it can't be."""
    try:
        rest = FLAGS(flagfiles.expanded(argv))
        for name in FLAGS:
            value = FLAGS[name].value
            if isinstance(value, float) and not math.isfinite(value):  # which the bounds of a flag let pass
                raise UserError(f"--{name}={value}: give a finite number")
            _expand(FLAGS[name])
        return rest
    except (flags.Error, ValueError, RecursionError) as error:  # beside absl's: a flagfile that is no text
        sys.exit(_one_line(UserError(error)))


def _one_line(error):
    print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
    return 2
