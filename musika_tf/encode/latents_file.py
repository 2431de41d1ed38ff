"""The `.npz` of one audio file: which audio and which model it is of, and writing it.

latents              float32 [n, 2 * latent_size]
n_samples            of the audio, at sample_rate
sample_rate          Hz
source               name below the collection's folder
audio                absolute path when it was encoded
audio_bytes          its size then
audio_modified       time of its last change then, ns
model_id             identity of the autoencoder
flags                of its table.Row
conditioning_<signal>, extractor_<signal>, confidence_<signal>
                     float32 [n, channels], the extractor's name and how sure it was
"""

import errno
import os
from pathlib import Path

import numpy as np

from musika_tf import atomic
from musika_tf.errors import UserError, writing
from musika_tf.gan.latents import read_latents


def target_of(row, out_dir):
    """Where the latents of a file go."""
    return Path(out_dir) / f"{row.file}.npz"


def check_name(target):
    """Refuses a file whose name is so long that its latents can have none."""
    try:
        os.lstat(target)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise UserError(f"{target}: a name that is too long; shorten that of the audio") from error


def check_model(path, found, wanted):
    """Refuses latents of another model."""
    if found != wanted:
        raise UserError(f"{path}: latents of model {found}, this is {wanted}; give another --out_dir or remove them")


def read(target, model_id):
    """The arrays of an `.npz`; UserError where it is damaged or another model's."""
    arrays = read_latents(target)
    check_model(target, arrays["model_id"], model_id)
    return arrays


def is_of(arrays, row):
    """Whether an `.npz` was made from the audio that is there now, by its size and the time of its last change."""
    found = [int(arrays.get(name, -1)) for name in ("audio_bytes", "audio_modified")]
    return found == [row.n_bytes, row.modified]


def audio_of(row):
    """The arrays that say which audio an `.npz` is of."""
    return {
        "source": row.file,
        "audio": os.path.abspath(row.path),
        "audio_bytes": np.int64(row.n_bytes),
        "audio_modified": np.int64(row.modified),
    }


def save(target, arrays):
    """Writes an `.npz` under its name only when it is complete, and on the disk; UserError where it can't."""
    with writing(target, "free space or give another --out_dir"):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(target, to_disk=True) as hidden_path, open(hidden_path, "wb") as file:
            np.savez(file, **arrays)
