"""How fast music is made: python -m benchmarks.generate [--flagfile=flags/reference.flags] [--json=FILE]

Coordinates, generator, both decoders, both channels, inverse STFT, overlap-add, by the functions of an exported
bundle with fresh weights, in the parts that generate.py asks for. An hour at the reference size takes minutes.
"""

from absl import flags

from benchmarks import fresh, presets

FLAGS = flags.FLAGS
flags.DEFINE_list("seconds", ["10", "120", "3600"], "lengths of the pieces")


def rows_of(name, values, signals=()):
    """The rows of one preset, with these signals to steer it, or without."""
    from benchmarks import arithmetic, measure
    from musika_tf.generate import rendering
    from musika_tf.generate.piece import Piece
    from musika_tf.generate.styles import StylePlan
    from musika_tf.model import bundle

    autoencoder, gan, conditioner = fresh.networks(values, signals)
    with fresh.bundle_of(autoencoder, gan, conditioner, name=name) as path:
        loaded, metadata = bundle.load(path)
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
