"""Gives a model another contrast: python tools/contrast.py --init_from=models/misc --audio_dir=FOLDER --bundle_dir=NEW

For models older than the contrast, which train_ae.py measures at the end of phase 4; --ae_contrast says how much, 1
takes it away. --audio_dir is the music that the autoencoder learned from.
"""

import sys
from pathlib import Path

from absl import flags

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from musika_tf.programs import cli, settings

FLAGS = flags.FLAGS
for name in ("init_from", "audio_dir", "bundle_dir", "ae_contrast"):
    flags.declare_key_flag(name)
flags.DEFINE_integer("crops", 400, "crops to measure the mean from", lower_bound=1)


def main(_):
    source, target, audio_dir = (cli.require(name) for name in ("init_from", "bundle_dir", "audio_dir"))
    cli.start_tensorflow()
    from musika_tf.audio import spectrogram
    from musika_tf.autoencoder.contrast import Contrast
    from musika_tf.collection import augmentation, dataset, scan
    from musika_tf.config import AutoencoderTraining
    from musika_tf.model import bundle
    from musika_tf.model.metadata import told

    training = settings.config(AutoencoderTraining)
    bundle.check_target(target)
    with cli.bundle_of("init_from"):
        autoencoder, gan, conditioner, metadata = bundle.load_networks(source)
    audio = dataset.Collection(scan.find_audio(audio_dir), autoencoder.config.sample_rate)
    crops = dataset.crops(audio, training.crop_samples(autoencoder.config), 1, seed=0).take(FLAGS.crops)
    spectra = (spectrogram.log_magnitude(x, autoencoder.config) for x in augmentation.mixed_down(crops))
    autoencoder.contrast = Contrast.measured(training.contrast, autoencoder, spectra)
    bundle.save(target, autoencoder, gan, conditioner, metadata.get("has_critic", False), **told(metadata))
    print(f"{target}: {source} with a contrast of {training.contrast:g}")


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
