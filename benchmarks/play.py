"""What benchmarks/export.py starts: plays a model in a process of its own, and says when sound came.

Arguments: bundle, onnx or litert; the folder; latents; an .npy file to write the waveform to. Prints lines "first" and
"done", each with the seconds of processor time so far, because others may use the machine.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "examples"))


def blocks(kind, folder, n_latents):
    """The piece of seed 7, in consecutive blocks, by the example for this kind."""
    if kind == "bundle":
        import plain_tensorflow
        import tensorflow as tf

        return plain_tensorflow.blocks(tf.saved_model.load(folder), 7, n_latents)
    import numpy_player

    return numpy_player.Player(folder, seed=7).stream(0, n_latents)


def main(kind, folder, n_latents, out):
    made = blocks(kind, folder, int(n_latents))
    first = next(made)
    print("first", time.process_time(), len(first), flush=True)
    waveform = [first, *made]
    print("done", time.process_time(), flush=True)
    import numpy as np

    np.save(out, np.concatenate(waveform))


if __name__ == "__main__":
    main(*sys.argv[1:])
