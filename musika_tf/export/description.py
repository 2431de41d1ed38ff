"""What a player must know beside the networks, as JSON: docs/export.md has the keys."""

import numpy as np

from musika_tf.audio import limiter, spectrogram
from musika_tf.conditioning import tempo
from musika_tf.randomness import Stream
from musika_tf.stereo import parametric

FILE = "player.json"
FORMAT_VERSION = 1
_ABOUT = ("name", "licence", "trained_on", "autoencoder_id", "sample_rate", "samples_per_latent")


def describe(metadata, files, autoencoder, gan=None, conditioner=None):
    """The dict that `player.json` holds.

    Args:
      metadata: of the bundle.
      files: dict of a file's name -> Network.
      autoencoder, gan, conditioner: the last two None of an autoencoder alone.
    """
    named = {network.name: {"file": file, "inputs": network.inputs, "outputs": list(network.outputs)}
             for file, network in files.items()}  # fmt: skip
    described = {
        "format_version": FORMAT_VERSION,
        **{name: metadata[name] for name in _ABOUT if name in metadata},
        "networks": named,
        **_signal_path(autoencoder.config),
    }
    return described | (_line(metadata, gan, conditioner) if gan is not None else {})


def _signal_path(config):
    """Sizes of the STFT and the decoders' windows, and how one channel becomes two."""
    stereo = {"layout": config.stereo}
    if config.stereo == "parametric":
        stereo |= {
            "bands": config.stereo_bands,
            "band_of_bin": parametric.band_of_bin(config).tolist(),
            "turns": parametric.turns(config).astype(np.int32).tolist(),
        }
    return {
        "hop_length": config.hop_length,
        "fft_length": config.fft_length,
        "frames_per_latent": config.frames_per_latent,
        "window_latents": config.window_latents,
        "latent_size": config.latent_size,
        "spectrum": {
            "db_offset": spectrogram.DB_OFFSET,
            "db_range": spectrogram.DB_RANGE,
            "floor": spectrogram.SYNTHESIS_FLOOR,
        },
        "stereo": stereo,
    }


def _line(metadata, gan, conditioner):
    """The infinite line: coordinates, noise, what a style draws, and what is done to latents and samples."""
    standardiser = gan.standardiser
    return {
        "window": gan.config.window,
        "anchor_size": gan.config.anchor_size,
        "anchor_spacing": gan.config.anchor_spacing,
        "streams": {stream.name.lower(): int(stream) for stream in Stream},
        "latent_mean": standardiser.mean.numpy().tolist(),
        "latent_deviation": standardiser.deviation.numpy().tolist(),
        "tempo_range": list(tempo.span(metadata)),
        "conditioning": conditioner.drawings(),
        "limiter": {"knee": limiter.KNEE, "ceiling": limiter.CEILING},
        **({"refiner": {"margin": gan.refiner.margin}} if gan.refiner else {}),
    }
