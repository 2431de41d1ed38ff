"""What a training is judged by, seen and heard with, at each checkpoint."""

import numpy as np

from baselines.unagan import mel
from musika_tf.frechet import frechet_distance
from musika_tf.training import preview

_SEEDS, _FRAMES = range(1, 9), 1280  # 15 seconds each
_STEP = 4  # frames between the two of a pair: movement counts
_MOST_ROWS = 8192
_PREVIEWS, _PREVIEW_SECONDS = 3, 6


def assessor(model, pieces):
    """A function to figures of the averaged generator: the Frechet distance of its mel spectrograms, pairs of frames
    46 ms apart, each band divided by its deviation."""
    deviation = np.tile(model.standardiser.deviation.numpy(), 2)

    def pairs(some):
        rows = np.concatenate([np.concatenate([x[:-_STEP], x[_STEP:]], axis=1) for x in some])
        return rows[:: -(-len(rows) // _MOST_ROWS)] / deviation

    real = pairs(pieces.latents)
    return lambda: {"frechet": frechet_distance(real, pairs([model.generate(seed, _FRAMES) for seed in _SEEDS]))}


def previewer(model):
    """A function (directory, step) that writes the beginnings of the same pieces every time."""
    n_frames = int(_PREVIEW_SECONDS * mel.FRAMES_PER_SECOND)
    n_samples = mel.HOP_LENGTH * (n_frames - 1)

    def write(directory, step):
        made = [model.generate(seed, _FRAMES)[:n_frames] for seed in _SEEDS[:_PREVIEWS]]
        waveforms = [mel.to_waveform(x, n_samples, seed) for seed, x in enumerate(made)]
        preview.write(directory / "previews", step, waveforms, mel.SAMPLE_RATE)

    return write
