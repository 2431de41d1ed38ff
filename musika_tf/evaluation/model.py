"""Measures what a model generates by itself: several pieces from consecutive seeds, at 44.1 kHz whatever its rate."""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from musika_tf.audio import files, resampling
from musika_tf.evaluation import report, structure
from musika_tf.frechet import frechet_distance
from musika_tf.model.codec import Codec
from musika_tf.model.line import Line, steady


def evaluate_model(networks, seeds, seconds, reference, embed, report_line=print):
    """Generates pieces that nobody steers and measures them.

    Args:
      networks: (Autoencoder, Gan, Conditioner).
      seeds: one piece each.
      seconds: of a piece, rounded up to whole windows.
      reference: paths of real audio for the Frechet distance; may be empty.
      embed: `musicnn.MusiCNN`.
      report_line: called with a line per piece.

    Returns:
      As `report.compare_folders`, with `position_share` (one template for all pieces) and `position_share_per_piece`.
    """
    autoencoder, gan, conditioner = networks
    line = Line(Codec(autoencoder), gan, conditioner)
    n_windows = int(np.ceil(seconds * autoencoder.config.latents_per_second / gan.config.window))
    render = tf.function(functools.partial(_render, line, n_windows), [tf.TensorSpec([], tf.int64)], autograph=False)
    has_tempo = any(signal.name == "tempo" for signal in conditioner.signals)
    figures, features, latents = [], [], []
    for seed in seeds:
        seed = tf.constant(seed, tf.int64)
        waveform, piece = (array.numpy() for array in render(seed))
        waveform = resampling.resample(waveform, autoencoder.config.sample_rate, files.SAMPLE_RATE)
        bpm = float(conditioner.draw_bpm(seed)) if has_tempo else None
        track, heard = report.measure(f"seed {int(seed)}", waveform, embed, bpm)
        figures.append(track)
        features.append(heard)
        latents.append(piece)
        report_line(report.table([dataclasses.asdict(track)]).splitlines()[-1])
    reference_figures, reference_features = report.measure_tracks(reference, embed)
    distance = frechet_distance(np.concatenate(features), reference_features) if reference else None
    return {
        "frechet_distance": distance,
        **report.described(figures, reference_figures),
        "position_share": structure.position_share(latents, gan.config.window),
        "position_share_per_piece": structure.position_share(latents, gan.config.window, per_piece=True),
    }


def _render(line, n_windows, seed):
    """Waveform and latents `[n, latent_size]` of a piece's beginning."""
    zero, window = tf.constant(0, tf.int64), line.gan.config.window
    course = steady(seed, seed, 2.0, tf.zeros([0, 0]), zero)
    waveform = line.render(course, zero, n_windows * window)
    return waveform, line.latents_between(course, zero, tf.constant(n_windows * window, tf.int64))
