"""Runs programs: a command line is parsed, what is wrong is one line, and TensorFlow starts when all is well."""

import contextlib
import gc
import logging
import math
import os
import sys
from pathlib import Path

from absl import app, flags
from absl import logging as absl_logging

from musika_tf import interruption, processor, shipped
from musika_tf.config import AUTOENCODER_FILE
from musika_tf.errors import UserError
from musika_tf.hub import names
from musika_tf.native import import_tensorflow, no_collector
from musika_tf.programs import (
    flagfiles,
    outputs,
    settings,  # noqa: F401 (it defines the flags)
)

FLAGS = flags.FLAGS
_LATENTS = os.path.join("latents", "music")


def define_collection_flags():
    """Defines the flags of the programs that read a collection of audio, and gives their names."""
    flags.DEFINE_bool("dry_run", False, "show what is in --audio_dir and how long the work will take, and stop")
    flags.DEFINE_bool("strict", False, "end with an error where a file of --audio_dir is left out")
    flags.DEFINE_string("table", None, "CSV file to write the table of all files to")
    return "audio_dir", "dry_run", "strict", "table"


def report_collection(table, all_rows=True, forecast=None):
    """Prints the table of --audio_dir, writes --table, and refuses what --strict, or anybody, can't go on with.

    `all_rows=False` leaves out the files of which there is nothing to say. `forecast`, a function to lines of text, is
    printed below the table where there is work to do.
    """
    print(table.text(all_rows), flush=True)
    if FLAGS.table:
        table.write(FLAGS.table)
    if forecast is not None and table.paths:
        print(*forecast(), sep="\n")
    table.check(f"--audio_dir={FLAGS.audio_dir}", FLAGS.strict)


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


def take_latents():
    """Fills in --checkpoint_dir and --latents_dir where nobody gave them, for what learns from latents, and says so.
    UserError where there are no latents, or several folders of them."""
    taken = [] if FLAGS["checkpoint_dir"].present else ["checkpoint_dir"]
    if not FLAGS.latents_dir:
        folders = sorted(str(path) for path in Path("latents").glob("*") if path.is_dir())
        if len(folders) > 1 and _LATENTS not in folders:
            raise UserError(f"--latents_dir is missing: there are {', '.join(folders)}; name one of them")
        FLAGS.latents_dir = _LATENTS if _LATENTS in folders else "".join(folders)
        require("latents_dir")
        taken.append("latents_dir")
    say_defaults(*taken)


def holds_autoencoder(checkpoint_dir):
    """Whether an autoencoder was, or is being, trained in a folder of checkpoints."""
    return os.path.isfile(os.path.join(checkpoint_dir, AUTOENCODER_FILE))


@contextlib.contextmanager
def bundle_of(*flag_names):
    """Around what reads bundles: errors name the flag that this program has for the folder."""
    try:
        yield
    except UserError as error:
        said = str(error)
        flag = next((name for name in flag_names if f"--bundle_dir={FLAGS[name].value}" in said), flag_names[0])
        raise UserError(said.replace("--bundle_dir=", f"--{flag}=", 1)) from error


def resolve(*flag_names):
    """Makes flags that name what is shipped, such as models/techno, or on a hub, hf://user/name, name its folder."""
    for flag in flag_names:
        value = FLAGS[flag].value
        if value and names.is_hub_name(value):
            from musika_tf.hub import fetch

            FLAGS[flag].value = str(fetch.fetch(value, FLAGS.trust, start_tensorflow))
        elif value:
            FLAGS[flag].value = str(shipped.find(value))


def check_folders(*names):
    """Refuses flags that name a file to write in a folder that isn't there; before any work is done."""
    for name in names:
        path = FLAGS[name].value
        if path and not Path(path).absolute().parent.is_dir():
            raise UserError(f"--{name}={path}: no such folder to write to")
        if path and Path(path).is_dir():
            raise UserError(f"--{name}={path}: is a folder; give the name of a file in it")


def start_tensorflow(threads=None):
    """Imports TensorFlow and Keras without start-up notices and applies --threads, or `threads` where no flags were
    parsed; before anything else imports them."""
    start_rendering(threads)
    with no_collector():
        import keras
    gc.freeze()

    keras.config.set_floatx("float32")  # whatever a user's keras.json says
    keras.config.set_image_data_format("channels_last")


def start_training(threads=None):
    """`start_tensorflow` with oneDNN's kernels on an x86 processor, unless the user's TF_ENABLE_ONEDNN_OPTS says
    otherwise: training is faster with them everywhere (benchmarks/kernels.py)."""
    processor.prefer_onednn(True)
    start_tensorflow(threads)


def start_rendering(threads=None):
    """`start_tensorflow` without Keras: for what runs bundles and builds no networks, and where a musician waits."""
    threads = FLAGS.threads if threads is None else threads
    os.environ.pop("TF_USE_LEGACY_KERAS", None)
    tf = import_tensorflow()
    gc.freeze()  # imports are no garbage: looking through them at the program's end took half a second
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)


def make_devices():
    """The Devices that --strategy and --xla ask for; right after `start_tensorflow`."""
    from musika_tf.training import devices

    return devices.create(FLAGS.strategy, FLAGS.xla)


def run(program):
    """Runs a program: a module with `main(argv)`, flags, and a docstring that --help shows. Bad input becomes one line
    on stderr and exit status 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["MPLBACKEND"] = "agg"  # a notebook's is inherited, and not installed here
    outputs.prepare()

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


def _expand(flag):
    """Puts the user's home for a ~ in a path, which shells leave alone after a =; refuses an empty one."""
    if settings.is_path(flag.name) and flag.present and isinstance(flag.value, str):
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
