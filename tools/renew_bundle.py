"""Writes a bundle again with the functions of this version: same networks, same metadata.

python tools/renew_bundle.py --bundle_dir=models/techno-mini
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from musika_tf.programs import cli

ABOUT = ("name", "licence", "trained_on", "steps", "flags")


def main(_):
    bundle_dir = cli.require("bundle_dir")
    cli.start_tensorflow()
    from musika_tf.model import bundle

    autoencoder, gan, conditioner, metadata = bundle.load_networks(bundle_dir)
    conditioner.restore(metadata["conditioning"])
    about = {key: metadata[key] for key in ABOUT if key in metadata}
    bundle.save(bundle_dir, autoencoder, gan, conditioner, keep_critic=metadata["has_critic"], **about)


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
