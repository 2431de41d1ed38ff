"""How fast audio becomes latents: python -m benchmarks.encode [--flagfile=flags/reference.flags] [--json=FILE]

STFT, both encoders, both channels, by the function that encode.py uses, with fresh weights; reading files is apart.
"""

from absl import flags

from benchmarks import presets
from musika_tf.config import AutoencoderConfig
from musika_tf.programs import settings

FLAGS = flags.FLAGS
flags.DEFINE_list("seconds", ["10", "120", "3600"], "lengths of the pieces")


def rows_of(name, values):
    """The rows of one preset."""
    import numpy as np

    from benchmarks import arithmetic, measure
    from musika_tf.audio.blocks import BLOCK_SECONDS
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.model import codec

    config = settings.config(AutoencoderConfig, values)
    autoencoder = Autoencoder.create(config)
    encode = codec.StreamEncoder(autoencoder)
    per_second = arithmetic.encode(autoencoder) * config.latents_per_second
    rows = []
    for seconds in map(float, FLAGS.seconds):
        n_blocks = max(round(seconds / BLOCK_SECONDS), 1)
        size = round(seconds * config.sample_rate / n_blocks)
        block = np.random.default_rng(0).uniform(-0.5, 0.5, [size, 2]).astype(np.float32)
        n_runs = 1 if seconds >= 1800 else FLAGS.runs
        row = measure.row(name, lambda b=[block] * n_blocks: encode(b), per_second * seconds, seconds, n_runs)
        rows.append(row)
    return rows


if __name__ == "__main__":
    presets.run(rows_of)
