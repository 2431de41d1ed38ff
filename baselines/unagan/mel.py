"""Waveforms -> log-mel spectrograms and back, by librosa.

Magnitudes of an STFT of 1,024 samples at 22,050 Hz, in 80 mel bands up to 11,025 Hz, log10, not below
1e-5: as published.
"""

import librosa
import numpy as np

from musika_tf.audio import blocks

SAMPLE_RATE = 22_050  # Hz
FFT_LENGTH, HOP_LENGTH = 1024, 256
N_MELS = 80
FRAMES_PER_SECOND = SAMPLE_RATE / HOP_LENGTH
_FLOOR, _CEILING = -5.0, 2.5  # log10 of magnitudes: what a generator makes beyond is no music
_ROUNDS = 32  # of Griffin-Lim
_PART_FRAMES, _MARGIN_FRAMES = 2048, 32


def n_frames(n_samples):
    """Frames that `to_waveform` makes `n_samples` of."""
    return -(-n_samples // HOP_LENGTH) + 1


def log_mel(waveform):
    """float32 `[frames, 80]`, frames = samples // 256 + 1, of a mono waveform float32 `[samples]` at 22,050 Hz."""
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=SAMPLE_RATE, n_fft=FFT_LENGTH, hop_length=HOP_LENGTH, n_mels=N_MELS, power=1.0
    )
    return np.log10(np.maximum(mel, 10.0**_FLOOR)).T.astype(np.float32)


def read(path):
    """`log_mel` of an audio file of any rate, both channels' mean; AudioFileError where it can't be read."""
    mono = [block.mean(axis=1) for block in blocks.read(path, SAMPLE_RATE)]
    return log_mel(np.concatenate(mono)) if mono else np.zeros([0, N_MELS], np.float32)


def to_waveform(log_mel, n_samples, seed):
    """The waveform of a log-mel spectrogram: magnitudes by non-negative least squares, phase by Griffin-Lim.

    The phase is made in parts of 24 seconds that overlap and are faded into each other, so that memory stays bounded.

    Args:
      log_mel: float32 `[frames, 80]`.
      n_samples: how many to return, at most 256 * (frames - 1).
      seed: of the random phase that Griffin-Lim starts from.

    Returns:
      float32 `[n_samples]`, mono, scaled down where its peak is above 1.
    """
    waveform = np.zeros(HOP_LENGTH * (len(log_mel) - 1), np.float32)
    fade = np.linspace(0.0, 1.0, HOP_LENGTH * _MARGIN_FRAMES, endpoint=False, dtype=np.float32)
    for start in range(0, len(log_mel), _PART_FRAMES):
        part = _of_part(log_mel[start : start + _PART_FRAMES + _MARGIN_FRAMES + 1], seed + start)
        first, n = start * HOP_LENGTH, len(part)
        if start:
            ramp = fade[:n]
            part[: len(ramp)] = ramp * part[: len(ramp)] + (1 - ramp) * waveform[first : first + len(ramp)]
        waveform[first : first + n] = part
    waveform = waveform[:n_samples]
    return waveform / max(1.0, np.abs(waveform).max(initial=0.0))


def _of_part(log_mel, seed):
    """float32 `[256 * (frames - 1)]`."""
    mel = 10.0 ** np.clip(log_mel.T, _FLOOR, _CEILING)
    magnitudes = librosa.feature.inverse.mel_to_stft(mel, sr=SAMPLE_RATE, n_fft=FFT_LENGTH, power=1.0)
    return librosa.griffinlim(
        magnitudes, n_iter=_ROUNDS, hop_length=HOP_LENGTH, n_fft=FFT_LENGTH, random_state=seed, dtype=np.float32
    )
