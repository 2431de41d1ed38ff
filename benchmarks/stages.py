"""What benchmarks/startup.py starts: loads a model and plays its beginning in a process of its own.

Argument: the bundle. Prints a JSON list of [stage, seconds by the clock, CPU seconds].
"""

import json
import os
import sys
import time


def stages(bundle_dir):
    """Yields the name of each stage as it ends; imports stand where they are measured."""
    from musika_tf.programs import cli

    yield "the command line"
    cli.start_rendering(threads=0)
    yield "TensorFlow, as ours imports it"
    from musika_tf.generate import rendering
    from musika_tf.generate.request import plain_piece
    from musika_tf.model import bundle

    yield "our modules"
    loaded, metadata = bundle.load(bundle_dir)
    yield "the bundle"
    for name in ("the first chunk, 1.5 s of sound", "the same again"):
        next(rendering.waveforms(loaded, metadata, plain_piece(7, 60, {}, metadata)))
        yield name


def main(bundle_dir):
    rows, wall, cpu = [], time.perf_counter(), time.process_time()
    for name in stages(bundle_dir):
        rows.append([name, time.perf_counter() - wall, time.process_time() - cpu])
        wall, cpu = time.perf_counter(), time.process_time()
    print(json.dumps(rows), flush=True)
    os._exit(0)  # what TensorFlow does at the end is of no interest


if __name__ == "__main__":
    main(*sys.argv[1:])
