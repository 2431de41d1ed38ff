"""Which sizes a benchmark runs at: the flagfile on its command line, or its own, reference and mini for most."""

import os
import sys
import types
from pathlib import Path

from absl import flags

from musika_tf import processor
from musika_tf.programs import cli, flagfiles, settings

FLAGS = flags.FLAGS
_WITHOUT_AVX512 = ("SSE41", "AVX", "AVX2", "AVX2_VNNI", "AVX2_VNNI_2")
DEFAULT = ("flags/reference.flags", "flags/mini.flags")

flags.DEFINE_string("json", None, "file to write the rows to")
flags.DEFINE_integer("runs", 3, "rounds, of which the median counts", lower_bound=1)


def chosen(default=DEFAULT):
    """Yields (name, flag values) of each preset to measure; `default`: the flagfiles where none is named."""
    files = flagfiles.named(sys.argv)
    if files or any(FLAGS[name].present for name in settings.config_flags()):
        yield Path(files[-1]).stem if files else "flags", FLAGS
        return
    for path in default:
        yield Path(path).stem, settings.with_flagfile(path)


def without_avx512():
    """Whether oneDNN's cap makes this processor one without AVX-512."""
    return os.environ.get(processor.ONEDNN_CAP, "").upper() in _WITHOUT_AVX512


def start_tensorflow():
    """Imports TensorFlow with the kernels that it takes by itself on the processor that this one stands for."""
    if without_avx512():
        processor.prefer_onednn(False)
    cli.start_tensorflow()


def run(rows_of, default=DEFAULT, start=start_tensorflow):
    """A benchmark as a program: the rows of all presets as a table, and as JSON where one is wanted.

    Args:
      rows_of: function of a preset's name and flag values to the rows of `measure.row`.
      default: as of `chosen`.
      start: imports TensorFlow.
    """

    def main(_):
        cli.check_folders("json")
        start()
        from benchmarks import measure

        rows = [row for name, values in chosen(default) for row in rows_of(name, values)]
        print(f"{measure.machine()}\n\n{measure.table(rows)}")
        if FLAGS.json:
            measure.save(FLAGS.json, rows)

    module = sys.modules["__main__"]
    cli.run(types.SimpleNamespace(main=main, __doc__=module.__doc__, __name__=module.__name__))
