"""Synthetic pieces whose onsets are known."""

import numpy as np

SAMPLE_RATE = 44_100
LATENTS_PER_SECOND = SAMPLE_RATE / 4096


def times(seconds):
    """Centres of the latents of a piece, float64 `[n]`."""
    return (np.arange(-(-int(seconds * SAMPLE_RATE) // 4096)) + 0.5) / LATENTS_PER_SECOND


def clicks(onsets, seconds, gains=None, hertz=1000.0):
    """Short decaying tones at `onsets` (seconds), float32 `[samples, 2]`, over noise that nobody hears."""
    rng = np.random.default_rng(0)
    mono = 1e-4 * rng.standard_normal(int(seconds * SAMPLE_RATE))
    clock = np.arange(int(0.08 * SAMPLE_RATE)) / SAMPLE_RATE
    click = np.exp(-clock / 0.015) * np.sin(2 * np.pi * hertz * clock)
    for onset, gain in zip(onsets, np.broadcast_to(0.5 if gains is None else gains, len(onsets)), strict=True):
        start = round(onset * SAMPLE_RATE)
        end = min(start + len(click), len(mono))
        mono[start:end] += gain * click[: end - start]
    return np.repeat(mono.astype(np.float32)[:, None], 2, axis=1)
