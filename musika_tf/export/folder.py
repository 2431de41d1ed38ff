"""A bundle -> a folder that plays without TensorFlow: a file for each network, and a JSON with all else."""

import json
import os
from pathlib import Path

from musika_tf import atomic
from musika_tf.errors import UserError, writing
from musika_tf.export import description, litert_format, networks, onnx_format
from musika_tf.model import bundle

FORMATS = {"litert": litert_format, "onnx": onnx_format}


def export(bundle_dir, export_dir, file_format, progress=lambda name: None):
    """Writes a new folder, which appears when it is complete.

    Args:
      bundle_dir: a bundle; that of an autoencoder alone encodes and decodes.
      export_dir: the new folder.
      file_format: one of FORMATS.
      progress: called with the name of each file before it is made.

    Raises:
      UserError: there is something at `export_dir`, or it can't be written; the converter is not installed; there is
        no bundle, or it is damaged.
    """
    converter = FORMATS[file_format]
    if os.path.lexists(export_dir):
        raise UserError(f"--export_dir={export_dir}: exists; name a new folder")
    converter.check()
    autoencoder, gan, conditioner, metadata = bundle.load_networks(bundle_dir)
    files = {f"{network.name}{converter.SUFFIX}": network for network in networks.of(autoencoder, gan)}
    described = description.describe(metadata, files, autoencoder, gan, conditioner)
    with (
        writing(f"--export_dir={export_dir}", "make room, or name another folder"),
        atomic.new_folder(export_dir) as folder,
    ):
        for name, network in files.items():
            progress(name)
            Path(folder, name).write_bytes(converter.convert(network))
        Path(folder, description.FILE).write_text(json.dumps(described) + "\n", encoding="utf-8")
