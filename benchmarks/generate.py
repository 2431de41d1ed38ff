"""How fast music is made: python -m benchmarks.generate [--flagfile=flags/reference.flags] [--json=FILE]

Coordinates, generator, both decoders, both channels, inverse STFT, overlap-add, by the functions of an exported
bundle with fresh weights, in the parts that generate.py asks for. An hour at the reference size takes minutes.
"""

import tempfile

from absl import flags

from benchmarks import presets
from musika_tf.config import AutoencoderConfig, GanConfig
from musika_tf.programs import settings

FLAGS = flags.FLAGS
flags.DEFINE_list("seconds", ["10", "120", "3600"], "lengths of the pieces")


def write_bundle(folder, name, values, signals=()):
    """Writes a bundle of networks of one preset's sizes with fresh weights; returns its Autoencoder and Gan."""
    import numpy as np

    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.conditioning.conditioner import Conditioner
    from musika_tf.gan.model import Gan
    from musika_tf.model import bundle

    autoencoder_config, gan_config = settings.config(AutoencoderConfig, values), settings.config(GanConfig, values)
    autoencoder = Autoencoder.create(autoencoder_config)
    conditioner = Conditioner(signals, autoencoder_config.latents_per_second)
    conditioner.fit([np.linspace(0.5, 1.0, 1000 * conditioner.n_channels, dtype=np.float32).reshape(1000, -1)])
    gan = Gan.create(gan_config, autoencoder_config.latent_channels, conditioner.n_channels)
    bundle.save(folder, autoencoder, gan, conditioner, keep_critic=False, name=name)
    return autoencoder, gan


def rows_of(name, values, signals=()):
    """The rows of one preset, with these signals to steer it, or without."""
    from benchmarks import arithmetic, measure
    from musika_tf.generate import rendering
    from musika_tf.generate.piece import Piece
    from musika_tf.generate.styles import StylePlan
    from musika_tf.model import bundle

    with tempfile.TemporaryDirectory() as folder:
        autoencoder, gan = write_bundle(f"{folder}/bundle", name, values, signals)
        loaded, metadata = bundle.load(f"{folder}/bundle")
    autoencoder_config = autoencoder.config
    per_second = (arithmetic.decode(autoencoder) + arithmetic.generate(gan)) * autoencoder_config.latents_per_second
    rows = []
    for seconds in map(float, FLAGS.seconds):
        n_samples = round(seconds * autoencoder_config.sample_rate)
        piece = Piece(seed=0, style=StylePlan.constant(0), n_samples=n_samples)

        def run(piece=piece):
            for _ in rendering.waveforms(loaded, metadata, piece):
                pass

        n_runs = 1 if seconds >= 1800 else FLAGS.runs
        rows.append(measure.row(name, run, per_second * seconds, seconds, n_runs))
    return rows


if __name__ == "__main__":
    presets.run(rows_of)
