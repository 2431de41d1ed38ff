"""The stereo image: correlation, level difference and coherence, of one recording and against another.

A waveform float32 `[samples, 2]` at 44.1 kHz is cut into blocks of 4,096 samples (93 ms) and 24 mel bands (librosa's,
0 to 22,050 Hz). With X_L, X_R the STFTs (periodic Hann window of 4,096 samples, hop 1,024, no padding), frames 4b to
4b + 3 in block b, w_m(k) the weight of bin k in band m, and sums over the block's frames and k:

    L = sum of w_m |X_L|^2    R = sum of w_m |X_R|^2    C = sum of w_m Re(X_L conj(X_R))
    level difference = 10 log10(L / R), clipped to +-25 dB
    coherence        = C / sqrt(L R), -1..1: 1 for one source, wherever it is panned; 0 for independent channels

An error is the mean absolute difference to the original's figure over the bands and blocks that count: for the level
difference those whose L + R in the original is within 60 dB of its loudest band and block; for the coherence those of
them whose level difference in the original is below 25 dB, since a silent channel coheres with nothing.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

N_BANDS = 24
BLOCK_SAMPLES = 4096
LARGEST_DIFFERENCE_DB = 25.0
SILENT_DB = -60.0

_HOP_LENGTH = 1024
_FRAMES = BLOCK_SAMPLES // _HOP_LENGTH
_BLOCKS_AT_ONCE = 256  # bounds the memory
_NOTHING = 1e-20  # power that keeps silence out of divisions and logarithms


@dataclass(frozen=True)
class Image:
    """L, R and C of the module's text, float64 `[24, blocks]`."""

    left: np.ndarray
    right: np.ndarray
    cross: np.ndarray

    @cached_property
    def level_difference(self):
        """dB, `[24, blocks]`; positive where the left is louder."""
        difference = 10 * np.log10((self.left + _NOTHING) / (self.right + _NOTHING))
        return np.clip(difference, -LARGEST_DIFFERENCE_DB, LARGEST_DIFFERENCE_DB)

    @cached_property
    def coherence(self):
        """-1..1, `[24, blocks]`; 0 where a channel is silent."""
        return self.cross / np.sqrt(self.left * self.right + _NOTHING**2)


def image(waveform):
    """The `Image` of float32 `[samples, 2]`, 7,168 samples or more (ValueError); samples behind the last whole block
    and its window aren't heard."""
    import librosa

    n_blocks = 1 + (len(waveform) - 2 * BLOCK_SAMPLES + _HOP_LENGTH) // BLOCK_SAMPLES
    if n_blocks < 1:
        raise ValueError(f"a stereo image needs {2 * BLOCK_SAMPLES - _HOP_LENGTH} samples, got {len(waveform)}")
    mel = librosa.filters.mel(sr=44_100, n_fft=BLOCK_SAMPLES, n_mels=N_BANDS).astype(np.float64)
    parts = []
    for first in range(0, n_blocks, _BLOCKS_AT_ONCE):
        last = min(first + _BLOCKS_AT_ONCE, n_blocks)
        span = waveform[first * BLOCK_SAMPLES : (last + 1) * BLOCK_SAMPLES - _HOP_LENGTH]
        left, right = librosa.stft(np.transpose(span), n_fft=BLOCK_SAMPLES, hop_length=_HOP_LENGTH, center=False)
        powers = np.abs(left) ** 2, np.abs(right) ** 2, (left * right.conj()).real
        parts.append([(mel @ p).reshape(N_BANDS, last - first, _FRAMES).sum(axis=-1) for p in powers])
    return Image(*(np.concatenate(part, axis=1) for part in zip(*parts, strict=True)))


def errors(original, made):
    """(error of the level difference in dB, error of the coherence) of one `Image` against the original's; 0 where
    nothing counts: the original is silent, or, for the coherence, one of its channels is."""
    power = original.left + original.right
    counts = power > max(power.max() * 10 ** (SILENT_DB / 10), _NOTHING)
    two_sided = counts & (np.abs(original.level_difference) < LARGEST_DIFFERENCE_DB)
    return (
        _mean_error(original.level_difference, made.level_difference, counts),
        _mean_error(original.coherence, made.coherence, two_sided),
    )


def _mean_error(original, made, counts):
    return float(np.abs(original - made)[counts].mean()) if counts.any() else 0.0


def correlation(waveform):
    """Pearson correlation of left and right, -1..1; `[samples, 2]`. 0 where a channel is constant (silent)."""
    left, right = (channel.astype(np.float64) for channel in np.transpose(waveform))
    left -= left.mean()
    right -= right.mean()
    power = np.sqrt((left @ left) * (right @ right)) / len(left)
    return float(left @ right / len(left) / power) if power > 1e-12 else 0.0
