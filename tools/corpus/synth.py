"""The voices that no sample gives: bass notes, an acid line, chords of detuned saws."""

import numpy as np
import scipy.signal

from corpus import mixing

FILTER_BLOCK = 128


def hertz(midi_pitch):
    """Frequency of a MIDI pitch; 69 is 440 Hz."""
    return 440.0 * 2.0 ** ((midi_pitch - 69) / 12)


def oscillator(frequency, shape):
    """A "saw", "square" or "sine" whose frequency in Hz is given for every sample."""
    phase = np.cumsum(frequency) / mixing.SAMPLE_RATE
    if shape == "sine":
        return np.sin(2 * np.pi * phase)
    ramp = 2 * (phase % 1) - 1
    return ramp if shape == "saw" else np.sign(ramp) * 0.7


def sweep_lowpass(waveform, cutoff, resonance):
    """Resonant two-pole low-pass whose cutoff moves, one setting per block of 128 samples.

    Args:
        waveform: [samples].
        cutoff: [samples], Hz.
        resonance: Q; 0.7 has no peak, 8 sings.
    """
    out = np.empty(len(waveform), np.float32)
    state = np.zeros(2)
    for start in range(0, len(waveform), FILTER_BLOCK):
        block = slice(start, start + FILTER_BLOCK)
        numerator, denominator = _lowpass_coefficients(min(cutoff[start], 16000.0), resonance)
        out[block], state = scipy.signal.lfilter(numerator, denominator, waveform[block], zi=state)
    return out


def _lowpass_coefficients(cutoff, resonance):
    """Robert Bristow-Johnson's cookbook low-pass, normalised by a0."""
    angle = 2 * np.pi * cutoff / mixing.SAMPLE_RATE
    alpha = np.sin(angle) / (2 * resonance)
    cosine = np.cos(angle)
    a0 = 1 + alpha
    numerator = np.array([(1 - cosine) / 2, 1 - cosine, (1 - cosine) / 2]) / a0
    return numerator, np.array([1, -2 * cosine / a0, (1 - alpha) / a0])


def bass_note(midi_pitch, seconds, shape, cutoff, resonance=1.2):
    """One filtered bass note, mono [samples, 2], peak 1: bright at the attack, then duller."""
    n_samples = round(seconds * mixing.SAMPLE_RATE)
    time = np.arange(n_samples) / mixing.SAMPLE_RATE
    tone = oscillator(np.full(n_samples, hertz(midi_pitch)), shape)
    tone = sweep_lowpass(tone, cutoff * (0.4 + 2 * np.exp(-time / 0.06)), resonance)
    tone *= np.minimum(time / 0.002, 1) * np.exp(-time / 0.5)
    sound = np.repeat(tone[:, None], 2, axis=1)
    mixing.fade_out(sound, 0.015)
    return sound / max(float(np.abs(sound).max()), 1e-6)


def acid_line(notes, n_samples, cutoff, resonance, shape="saw"):
    """A monophonic line of a resonant bass synthesiser, with accents and slides.

    Args:
        notes: (position, length, midi_pitch, accent, slide) in samples, ascending; slide
            glides from the note before instead of striking anew.
        n_samples: length of the line.
        cutoff: resting cutoff in Hz; each struck note opens it and lets it fall.
        resonance: Q of the filter.
        shape: oscillator shape.

    Returns:
        float32 [n_samples, 2], both sides equal, peak about 1.
    """
    frequency = np.full(n_samples, hertz(notes[0][2]))
    opening = np.zeros(n_samples)
    volume = np.zeros(n_samples)
    for position, length, pitch, accent, slide in notes:
        time = np.arange(n_samples - position) / mixing.SAMPLE_RATE
        glide = np.exp(-time / 0.02) if slide else 0.0
        before = frequency[position]
        frequency[position:] = hertz(pitch) + (before - hertz(pitch)) * glide
        if not slide:
            opening[position:] = (6.0 if accent else 3.0) * np.exp(-time / (0.12 if accent else 0.2))
        held = slice(position, position + length)
        volume[held] = 1.0 if accent else 0.7
    # A few milliseconds of smoothing keep the gate from clicking.
    volume = scipy.signal.lfilter([0.01], [1, -0.99], volume)
    tone = sweep_lowpass(oscillator(frequency, shape), cutoff * (1 + opening), resonance)
    tone = np.tanh(1.2 * tone * volume)
    return np.repeat(tone[:, None], 2, axis=1).astype(np.float32)


def saw_chord(midi_pitches, seconds, rng, detune_cents=9.0, voices=3):
    """Detuned saws with other phases left and right, which makes them wide.

    Returns:
        float32 [samples, 2], RMS about 1, not filtered.
    """
    n_samples = round(seconds * mixing.SAMPLE_RATE)
    time = np.arange(n_samples) / mixing.SAMPLE_RATE
    chord = np.zeros((n_samples, 2), np.float32)
    for pitch in midi_pitches:
        for _ in range(voices):
            cents, phase = rng.uniform(-detune_cents, detune_cents), rng.uniform(size=2)
            cycles = (time * hertz(pitch + cents / 100))[:, None] + phase
            chord += 2 * (cycles % 1) - 1
    return chord / np.float32(np.sqrt(len(midi_pitches) * voices / 3))
