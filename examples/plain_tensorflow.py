"""Makes music by a bundle in plain TensorFlow, where musika_tf is not installed:

python examples/plain_tensorflow.py models/techno song.wav --seed 7 --seconds 30
"""

import argparse
import json
import pathlib
import wave

import tensorflow as tf

FIRST_LATENTS, LATENTS = 16, 128  # 1.5 s, so that sound begins early, and then 12 s at once, in constant memory


def blocks(bundle, seed, n_latents):
    """Yields consecutive float32 `[samples, 2]` of the piece of a seed, of a loaded SavedModel."""
    generate = bundle.signatures["generate"]
    first = 0
    while first < n_latents:
        count = min(LATENTS if first else FIRST_LATENTS, n_latents - first)
        yield generate(
            seed=tf.constant(seed, tf.int64),
            style_seed=tf.constant(seed, tf.int64),
            first_latent=tf.constant(first, tf.int64),
            n_latents=tf.constant(count),
            truncation=tf.constant(2.0),
            conditioning=tf.zeros([0, 0]),  # no channels: the style draws them
        )["waveform"].numpy()
        first += count


def parser():
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("bundle", help="a bundle's folder")
    made.add_argument("out", help="a WAV file to write")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--seconds", type=float, default=30.0)
    return made


def main():
    arguments = parser().parse_args()
    metadata = json.loads(pathlib.Path(arguments.bundle, "metadata.json").read_text())
    n_samples = round(arguments.seconds * metadata["sample_rate"])
    n_latents = -(-n_samples // metadata["samples_per_latent"])
    with wave.open(arguments.out, "wb") as file:
        file.setparams((2, 2, metadata["sample_rate"], 0, "NONE", ""))
        for block in blocks(tf.saved_model.load(arguments.bundle), arguments.seed, n_latents):
            file.writeframes((block[: n_samples - file.tell()] * 32767).round().astype("<i2").tobytes())


if __name__ == "__main__":
    main()
