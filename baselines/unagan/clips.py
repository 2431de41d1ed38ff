"""Mel spectrograms of a collection of audio as training batches."""

import functools
import logging

import numpy as np

from baselines.unagan import mel
from musika_tf.errors import UserError
from musika_tf.gan import data
from musika_tf.gan.latents import LatentPieces

logger = logging.getLogger(f"musika_tf.{__name__}")  # whose lines the programs print


def load(paths, n_frames):
    """The spectrograms of audio files, in memory: 100 MB an hour.

    Files shorter than a clip are left out with a warning.

    Args:
      paths: of audio files.
      n_frames: of a clip.

    Returns:
      LatentPieces whose latents are float32 `[frames, 80]`.

    Raises:
      AudioFileError: a file can't be read.
      UserError: none is as long as a clip.
    """
    pieces = LatentPieces([], [], "mel", mirror=lambda spectrogram: spectrogram)  # mono has no sides to swap
    for path in paths:
        spectrogram = mel.read(path)
        if len(spectrogram) < n_frames:
            logger.warning("%s: shorter than a clip of %d frames; left out", path, n_frames)
            continue
        pieces.latents.append(spectrogram)
        pieces.conditioning.append(np.zeros([len(spectrogram), 0], np.float32))
    if not pieces.latents:
        seconds = n_frames / mel.FRAMES_PER_SECOND
        raise UserError(f"--audio_dir: {len(paths)} files, none of {seconds:.1f} s; give longer audio")
    return pieces


def batches(pieces, config, training):
    """Function of the first step's number to endless batches of random clips, as `training.loop.train` takes them."""
    n_frames = training.clip_steps * config.frames_per_step
    return functools.partial(data.batches, pieces, n_frames, training.batch_size, training.seed)
