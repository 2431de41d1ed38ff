"""What an autoencoder has to beat: simpler ways from a spectrogram, or from few bits, back to sound.

Each takes and returns whole waveforms, float32 `[samples, 2]` at 44.1 kHz, of equal length and aligned in time.
"""

import io

import numpy as np

from musika_tf.audio import spectrogram
from musika_tf.config import AutoencoderConfig

MP3_RATES = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)  # kbit/s at 44.1 kHz
_MP3_DELAY = 1105  # samples that LAME (576) and any decoder (529) put before the sound


def log_magnitude(waveform):
    """`[samples, 2]` -> normalised log magnitude float32 `[2, frames, 513]`, extended as the encoder does."""
    config = AutoencoderConfig()
    return spectrogram.log_magnitude(spectrogram.extend(np.transpose(waveform), config), config).numpy()


def _amplitude(magnitude):
    """Normalised log magnitude -> linear, as SPEC 2 defines it."""
    return 10 ** ((np.asarray(magnitude, np.float32) * spectrogram.DB_RANGE - spectrogram.DB_OFFSET) / 20)


def _trim(channels, n_samples):
    """Whole inverse transforms `[samples']`, one per channel -> float32 `[n_samples, 2]`, edges cut off."""
    start = AutoencoderConfig().edge_samples
    return np.stack(channels, axis=1)[start : start + n_samples].astype(np.float32)


def random_phase(magnitude, n_samples, seed=0):
    """Given magnitudes with uniformly random, independent phase; arguments as those of `griffin_lim`."""
    import librosa

    amplitude = _amplitude(magnitude)
    turns = np.random.default_rng(seed).random(amplitude.shape, np.float32)
    spectra = amplitude * np.exp(2j * np.pi * turns)
    hop = AutoencoderConfig().hop_length
    return _trim([librosa.istft(x.T, hop_length=hop, center=False) for x in spectra], n_samples)


def griffin_lim(magnitude, n_samples, iterations=32, seed=0):
    """Griffin & Lim's phase (librosa's fast variant, momentum 0.99) for given magnitudes: float32 `[n_samples, 2]`.

    Args:
      magnitude: normalised log magnitude `[2, frames, 513]`, as `log_magnitude` gives it.
      n_samples: at most 256 per frame.
      iterations: rounds of inverse and forward STFT.
      seed: of the random phase at the start.
    """
    import librosa

    channels = [
        librosa.griffinlim(
            channel.T,
            n_iter=iterations,
            hop_length=AutoencoderConfig().hop_length,
            center=False,
            random_state=seed + i,
        )
        for i, channel in enumerate(_amplitude(magnitude))
    ]
    return _trim(channels, n_samples)


def mp3(waveform, kilobits):
    """MP3 and back at a constant bit rate of `MP3_RATES` (both channels), by the LAME inside libsndfile (soundfile >=
    0.13).

    The waveform, float32 `[samples, 2]`, is clipped to +-1. ValueError for other rates.
    """
    import soundfile

    decoded, _ = soundfile.read(io.BytesIO(mp3_bytes(waveform, kilobits)), dtype="float32")
    # A header frame tells the decoder what to cut. Below 64 kbit/s it does not fit, and nothing is cut.
    start = _MP3_DELAY if len(decoded) > len(waveform) else 0
    return decoded[start : start + len(waveform)]


def mp3_bytes(waveform, kilobits):
    """The MP3 file of `mp3`, as bytes."""
    import soundfile

    if kilobits not in MP3_RATES:
        raise ValueError(f"MP3 at 44.1 kHz has {MP3_RATES} kbit/s, not {kilobits}")
    low, high = MP3_RATES[0], MP3_RATES[-1]
    # libsndfile takes the rate as a place between the highest (0) and the lowest (1, which it refuses itself).
    level = min((high - kilobits) / (high - low), 0.9999)
    file = io.BytesIO()
    soundfile.write(file, waveform, 44_100, format="MP3", bitrate_mode="CONSTANT", compression_level=level)
    return file.getvalue()
