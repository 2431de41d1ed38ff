"""The published code beside ours: python -m benchmarks.published --checkout=DIR --site=DIR [--threads=1] [--json=FILE]

Generates, encodes and trains a GAN step at reference size, ours before and after the published code in each round, each
in a process of its own. Ours has the published networks; to generate and to encode also those of flags/reference.flags,
which code one channel in place of two, and these in half precision. --checkout is a developer's own checkout of the
published code, --site a folder with tf_keras, for which it was written; benchmarks/published/README.md says how to make
both.
"""

import contextlib
import importlib.util
import os
import sys
from importlib import metadata
from pathlib import Path

from absl import flags

from benchmarks import (
    presets,  # it defines --json and --runs
    results,
    rounds,
    worker,
)
from benchmarks.published import theirs
from benchmarks.published.task import (
    BFLOAT16,
    ENCODE,
    GENERATE,
    LATENTS,
    OURS,
    PRESET,
    PUBLISHED,
    SAMPLE_RATE,
    SAMPLES_PER_LATENT,
    STEP,
    Task,
)
from musika_tf import processor
from musika_tf.errors import UserError
from musika_tf.evaluation import tables
from musika_tf.processor import ONEDNN_CAP, ONEDNN_SWITCH
from musika_tf.programs import cli

FLAGS = flags.FLAGS
FACTS = ("name", "parameters")
_NAMES = {
    PUBLISHED: "the published networks",
    PRESET: "flags/reference.flags",
    BFLOAT16: "flags/reference.flags, --precision=bfloat16",
}
_README = "benchmarks/published/README.md says how to make one"

flags.DEFINE_string("checkout", "../musika", "folder of the published code")
flags.DEFINE_string("site", None, "folder that tf_keras is installed in; default: this environment has it")
flags.DEFINE_list("what", [GENERATE, ENCODE, STEP], "what to measure")
flags.DEFINE_list("ways", list(theirs.WAYS), "how the published step runs: plain, xla")
flags.DEFINE_list("ours", list(_NAMES), "what ours runs: published, preset, bfloat16; to train a step, published alone")
flags.DEFINE_float("audio_seconds", 48.0, "seconds to generate and to encode, in whole pieces of 23.8", lower_bound=1.0)
flags.DEFINE_integer("batch_size", 8, "of a GAN step", lower_bound=1)


def check(checkout, site, **lists):
    """Refuses what can't be measured, before any process starts; `lists` are the flags `what`, `ways` and `ours`."""
    known_of = {"what": theirs.TASKS, "ways": theirs.WAYS, "ours": _NAMES}
    for flag, given in lists.items():
        known = known_of[flag]
        if wrong := [name for name in given if name not in known]:
            raise UserError(f"--{flag}: no {wrong[0]!r}; there are {', '.join(known)}")
    if missing := [name for name in theirs.FILES if not Path(checkout, name).is_file()]:
        raise UserError(f"--checkout={checkout}: no {missing[0]} there; name one of the published code; {_README}")
    if not (Path(site, "tf_keras").is_dir() if site else importlib.util.find_spec("tf_keras")):
        version = ".".join(metadata.version("tensorflow").split(".")[:2])
        advice = f"pip install --no-deps --target=DIR tf-keras=={version}.*, and give --site=DIR"
        raise UserError(f"--site={site}: no tf_keras; {advice}" if site else f"--site is missing: {advice}")


def chosen(whats, ours, lacking_bfloat16):
    """The (what, networks of ours) to measure, in order.

    Raises:
      UserError: there are none.
    """
    left_out = {BFLOAT16} if lacking_bfloat16 else set()
    found = [(what, name) for what in whats for name in OURS[what] if name in set(ours) - left_out]
    if not found:
        raise UserError(f"--ours={','.join(ours)}: nothing of it with --what={','.join(whats)}; give {PUBLISHED}")
    return found


def environment(site=None, training=False):
    """What a process finds in its environment: TensorFlow's defaults, as of the processor that this one stands for.

    Args:
      site: of the published code; None for ours.
      training: whether it is our training, which sets its own.
    """
    found = dict(os.environ)
    if presets.without_avx512() and not training:
        found.setdefault(ONEDNN_SWITCH, "0")  # as TensorFlow chooses there
    if site is not None:
        path = os.pathsep.join(part for part in (site, found.get("PYTHONPATH")) if part)
        found |= {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "TQDM_DISABLE": "1", "PYTHONPATH": path}
    return found


def started(task, networks, ways, checkout, site, stack):
    """(our Worker with these networks, those of the published code in these ways) for a task; `stack` ends them."""

    def start(name, module, words, variables):
        line = [sys.executable, "-m", f"benchmarks.published.{module}", *map(str, (*words, *task))]
        process = worker.Worker(name, line, FACTS, f"leave it out: --what, --ways; {_README}", variables)
        stack.callback(process.close)
        return process

    ours = start("ours", "ours", (networks,), environment(training=task.what == STEP))
    return ours, [start(theirs.WAYS[way], "theirs", (checkout, way), environment(site or "")) for way in ways]


def rows_of(task, networks, ours, others, n_runs):
    """Rows of a task with these networks of ours, one for each of the others.

    Returns:
      Dicts of `what`, our `networks`, who is `beside`, `parameters` of theirs and ours, CPU seconds of `theirs` and
      `ours`, each a `results.spread`, and `times_as_fast`, of `rounds.times_as_fast`.
    """
    found = {}
    for i, *took in rounds.interleaved(others, lambda w: w.take(task.what), lambda: ours.take(task.what), n_runs):
        found.setdefault(i, []).append(took)
    return [
        {
            "what": task.label,
            "networks": _NAMES[networks],
            "beside": others[i].facts["name"],
            "parameters": [others[i].facts["parameters"], ours.facts["parameters"]],
            "theirs": results.spread(took.cpu for took, *_ in measured),
            "ours": results.spread(own.cpu for _, *both in measured for own in both),
            "times_as_fast": rounds.times_as_fast((took, both) for took, *both in measured),
        }
        for i, measured in found.items()
    ]


def table(rows):
    """The rows as a Markdown table."""
    head = ["", "ours", "beside", "parameters, millions: theirs, ours", "theirs, CPU seconds", "ours, CPU seconds"]
    head += ["times as fast by CPU seconds", "by the clock"]
    cells = []
    for row in rows:
        spreads = row["theirs"], row["ours"], row["times_as_fast"]["cpu"], row["times_as_fast"]["wall"]
        parameters = ", ".join(f"{n / 1e6:.1f}" for n in row["parameters"])
        cells.append([row["what"], row["networks"], row["beside"], parameters, *map(results.spread_text, spreads)])
    return tables.markdown(head, cells)


def main(_):
    cli.check_folders("json")
    check(FLAGS.checkout, FLAGS.site, what=FLAGS.what, ways=FLAGS.ways, ours=FLAGS.ours)
    n_pieces = max(round(FLAGS.audio_seconds * SAMPLE_RATE / LATENTS / SAMPLES_PER_LATENT), 1)
    threads, rows, machine = FLAGS.threads or os.cpu_count(), [], ""
    ways = [way for way in FLAGS.ways if way != theirs.XLA or not presets.without_avx512()]
    lacking = processor.lacks_bfloat16()
    for what, networks in chosen(FLAGS.what, FLAGS.ours, lacking):
        task = Task(what, n_pieces, FLAGS.batch_size, threads)
        with contextlib.ExitStack() as stack:
            its_ways = ways if what == STEP else [theirs.PLAIN]
            ours, others = started(task, networks, its_ways, FLAGS.checkout, FLAGS.site, stack)
            rows += rows_of(task, networks, ours, others, FLAGS.runs)
            machine = ours.facts["machine"]
    print(machine, "", table(rows), sep="\n")
    if len(ways) < len(FLAGS.ways):
        print(f"\nWithout XLA, which can't be made to take this processor for another ({ONEDNN_CAP}).")
    if BFLOAT16 in FLAGS.ours and lacking:
        print(f"\nWithout bfloat16: {lacking}.")
    if FLAGS.json:
        results.write(FLAGS.json, {"machine": machine, "rows": rows})


if __name__ == "__main__":
    cli.run(sys.modules["__main__"])
