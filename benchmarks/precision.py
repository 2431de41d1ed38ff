"""What bfloat16 is worth: python -m benchmarks.precision [--bundle_dir=models/techno | --flagfile=PRESET]

Renders a piece in float32 and in bfloat16, in turn, so that both meet the same disturbance, by CPU seconds; and
compares the two. A bundle, or networks of a preset's sizes with fresh weights, whose sound means nothing.
"""

import contextlib
import functools
import sys
from pathlib import Path

from absl import flags

from benchmarks import fresh, presets, results  # noqa: F401 (presets defines --json and --runs)
from musika_tf import processor, shipped
from musika_tf.programs import cli, flagfiles

FLAGS = flags.FLAGS
flags.declare_key_flag("bundle_dir")
flags.DEFINE_integer("length_seconds", 60, "seconds of the piece", lower_bound=1)
_LEAST = 1e-12


def difference(given, expected):
    """How far a waveform is from another, `[samples, channels]` each, as decibels of its root mean square: their
    difference, the largest, and that of the magnitudes of their STFTs."""
    import numpy as np

    def magnitudes(waveform):
        frames = np.lib.stride_tricks.sliding_window_view(waveform[:, 0], 1024)[::512]
        return np.abs(np.fft.rfft(frames * np.hanning(1024)))

    def size(x):
        return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))))

    def decibels(value, of):
        return 20.0 * float(np.log10(max(value, _LEAST) / max(of, _LEAST)))

    whole, one, other = size(expected), magnitudes(given), magnitudes(expected)
    return {
        "difference": decibels(size(given - expected), whole),
        "largest": decibels(float(np.abs(given - expected).max()), whole),
        "magnitudes": decibels(size(one - other), size(other)),
    }


def row_of(bundle_dir, name):
    """Seconds of each precision, how many times as fast bfloat16 is round by round, and `difference`."""
    import numpy as np

    from benchmarks import measure
    from musika_tf.generate import rendering
    from musika_tf.generate.request import plain_piece
    from musika_tf.model import bundle

    loaded = {precision: bundle.load(bundle_dir, precision) for precision in processor.PRECISIONS}
    music, seconds = {}, {precision: [] for precision in loaded}

    def render(precision):
        model, metadata = loaded[precision]
        piece = plain_piece(7, FLAGS.length_seconds, {}, metadata)
        music[precision] = np.concatenate(list(rendering.waveforms(model, metadata, piece)))

    for i in range(FLAGS.runs + 1):
        for precision in loaded:
            taken = measure.taken(functools.partial(render, precision)).cpu
            if i:  # the first makes the graph's kernels
                seconds[precision].append(taken)
    times = [full / half for full, half in zip(*seconds.values(), strict=True)]
    row = {"what": name} | {precision: results.spread(values) for precision, values in seconds.items()}
    return row | {"times": results.spread(times)} | difference(music["bfloat16"], music["float32"])


def table(rows):
    """The rows as a Markdown table."""
    from musika_tf.evaluation import tables

    names = ["", *processor.PRECISIONS, "times as fast", "difference, dB", "largest, dB", "magnitudes, dB"]
    cells = [
        [row["what"], *(results.spread_text(row[name]) for name in (*processor.PRECISIONS, "times"))]
        + [f"{row[name]:.1f}" for name in ("difference", "largest", "magnitudes")]
        for row in rows
    ]
    return tables.markdown(names, cells)


def main(_):
    cli.check_folders("json")
    processor.check_precision("bfloat16")
    with contextlib.ExitStack() as stack:
        if files := flagfiles.named(sys.argv):
            cli.start_tensorflow()
            name = Path(files[-1]).stem
            folder = stack.enter_context(fresh.bundle_of(*fresh.networks(FLAGS), name=name))
        else:
            cli.start_rendering()
            folder = Path(FLAGS.bundle_dir or shipped.default_model())
            name = folder.name
        rows = [row_of(str(folder), name)]
    print(table(rows))
    if FLAGS.json:
        results.write(FLAGS.json, rows)


if __name__ == "__main__":
    cli.run(sys.modules["__main__"])
