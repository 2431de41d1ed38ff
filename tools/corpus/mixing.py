"""What a mixing desk does: placing, panning, ducking, echo, reverb, loudness.

A bus is float32 [samples, 2], left and right, at 44.1 kHz.
"""

import numpy as np
import scipy.signal

SAMPLE_RATE = 44100
PEAK_CEILING = 0.95
LIMITER_KNEE = 0.6


def to_stereo(waveform):
    """[samples, 1 or 2] -> [samples, 2]; mono is copied to both sides."""
    return np.repeat(waveform, 2, axis=1) if waveform.shape[1] == 1 else waveform


def to_mono(waveform):
    """[samples, 2] -> [samples, 2] with equal sides."""
    return np.repeat(waveform.mean(axis=1, keepdims=True), 2, axis=1)


def add_at(bus, sound, position, gain=1.0):
    """Adds gain * sound [samples, 2] to the bus at a sample position, cut at the bus's end."""
    sound = sound[: max(len(bus) - position, 0)]
    bus[position : position + len(sound)] += sound * np.asarray(gain, np.float32)


def pan_gains(position):
    """Left and right gain of constant power for a position from -1 (left) to 1 (right)."""
    angle = (position + 1) * np.pi / 4
    return np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)], np.float32)


def fade_out(waveform, seconds):
    """Fades the last seconds of [samples, 2] to zero, in place."""
    n_samples = min(round(seconds * SAMPLE_RATE), len(waveform))
    if n_samples:
        waveform[-n_samples:] *= np.linspace(1, 0, n_samples, dtype=np.float32)[:, None]


def cut(sound, seconds, fade_seconds=0.01):
    """A copy of at most this length whose end is faded, not clicked off."""
    sound = sound[: round(seconds * SAMPLE_RATE)].copy()
    fade_out(sound, fade_seconds)
    return sound


def decay(sound, seconds):
    """A copy that falls by 60 dB within the given seconds, on top of its own decay."""
    n_samples = min(len(sound), round(seconds * SAMPLE_RATE))
    envelope = 10 ** (-3 * np.arange(n_samples) / (seconds * SAMPLE_RATE))
    return cut(sound[:n_samples] * envelope[:, None].astype(np.float32), seconds)


def filtered(waveform, kind, hertz, order=2):
    """Butterworth "lowpass", "highpass" or "bandpass" along time."""
    sections = scipy.signal.butter(order, hertz, kind, fs=SAMPLE_RATE, output="sos")
    return scipy.signal.sosfilt(sections, waveform, axis=0).astype(np.float32)


def ducking(n_samples, positions, depth, seconds):
    """Gain over time that drops at every position and swings back, as a sidechain does.

    Args:
        n_samples: length of the gain.
        positions: sample positions of the kicks, ascending.
        depth: 0 leaves the gain at 1, 1 drops to silence.
        seconds: time from the drop until the gain is back at 1.

    Returns:
        float32 [n_samples, 1].
    """
    gain = np.ones(n_samples, np.float32)
    n_swing = round(seconds * SAMPLE_RATE)
    swing = 1 - depth * (0.5 + 0.5 * np.cos(np.linspace(0, np.pi, n_swing, dtype=np.float32)))
    for position in positions:
        span = gain[position : position + n_swing]
        np.minimum(span, swing[: len(span)], out=span)
    return gain[:, None]


def ping_pong(bus, delay_samples, feedback, n_echoes=4):
    """The echoes alone of a bus, each weaker and on the other side than the last."""
    echoes = np.zeros_like(bus)
    mono = bus.mean(axis=1)
    for echo in range(1, n_echoes + 1):
        offset = echo * delay_samples
        if offset < len(bus):
            echoes[offset:, echo % 2] += np.float32(feedback**echo * 1.4) * mono[:-offset]
    return echoes


def reverb(bus, rng, seconds):
    """The reverberation alone of a bus: stereo noise that falls by 60 dB in the given time."""
    n_samples = round(seconds * SAMPLE_RATE)
    noise = rng.standard_normal((n_samples, 2)).astype(np.float32)
    noise *= (10 ** (-3 * np.arange(n_samples) / n_samples)).astype(np.float32)[:, None]
    response = filtered(noise, "bandpass", (250, 7000), order=1)
    response /= np.sqrt((response**2).sum(axis=0, keepdims=True))
    return scipy.signal.oaconvolve(bus, response, axes=0)[: len(bus)].astype(np.float32)


def set_width(mix, correlation, bass_hertz=150.0, most=2.5):
    """Scales the side signal towards a wanted correlation of left and right above the bass.

    Below bass_hertz the side is dropped: a wide bass cancels on one loudspeaker.

    Args:
        mix: [samples, 2].
        correlation: wanted correlation of what lies above bass_hertz, between 0 and 1.
        bass_hertz: what lies below becomes mono.
        most: largest gain of the side, so that a nearly mono mix is not torn apart.
    """
    middle = mix.mean(axis=1)
    upper = filtered(np.stack([middle, (mix[:, 0] - mix[:, 1]) / 2], axis=1), "highpass", bass_hertz)
    middle_level, side_level = upper.std(axis=0)
    wanted = np.sqrt((1 - correlation) / (1 + correlation)) * middle_level
    side = upper[:, 1] * np.float32(min(wanted / max(side_level, 1e-9), most))
    return np.stack([middle + side, middle - side], axis=1)


def soft_limit(waveform, ceiling=PEAK_CEILING):
    """Leaves what is below the knee alone and bends the rest so that it stays under the ceiling."""
    room = ceiling - LIMITER_KNEE
    level = np.abs(waveform)
    bent = LIMITER_KNEE + room * np.tanh((level - LIMITER_KNEE) / room)
    return np.where(level > LIMITER_KNEE, np.sign(waveform) * bent, waveform)


def rms(waveform):
    """Root mean square over time and channels."""
    return float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64))))


def set_loudness(mix, rms_dbfs):
    """Scales and limits a mix [samples, 2] to an RMS level in dBFS with a peak below 0.95."""
    wanted = 10 ** (rms_dbfs / 20)
    gain = wanted / max(rms(mix), 1e-9)
    limited = soft_limit(mix * gain)
    # The limiter takes some loudness away; three corrections bring it back within 0.2 dB.
    for _ in range(3):
        gain *= wanted / max(rms(limited), 1e-9)
        limited = soft_limit(mix * np.float32(gain))
    return limited.astype(np.float32)
