"""Space: synthetic room responses, chorus, and two channels made of one.

A mix is float32 [samples, 2], left and right, at 44.1 kHz.
"""

import numpy as np
import scipy.signal

from corpus import mixing

# Bands of a room: walls and air swallow what is high sooner. (from hertz, to hertz, share of the decay time)
BANDS = ((80, 500, 1.15), (500, 2500, 1.0), (2500, 9000, 0.55))
SPREAD_SECONDS = 0.03
SPREAD_BASS_HERTZ = 180.0
WIDEST_SIDE_GAIN = 2.5


def room_response(rng, seconds, distance=0.5):
    """A room's answer to a clap: separate early echoes, then noise that is different left and right.

    Args:
        rng: numpy.random.Generator.
        seconds: time in which the noise falls by 60 dB.
        distance: 0 to 1; how late and how dense the echoes come.

    Returns:
        float32 [samples, 2], energy 1 in each channel, without the direct sound.
    """
    before = round((0.004 + 0.03 * distance) * mixing.SAMPLE_RATE)
    n_tail = round(1.15 * seconds * mixing.SAMPLE_RATE)
    time = np.arange(n_tail) / mixing.SAMPLE_RATE
    response = np.zeros((before + n_tail, 2), np.float32)
    for low, high, share in BANDS:
        noise = rng.standard_normal((n_tail, 2)).astype(np.float32)
        noise *= (10 ** (-3 * time / (share * seconds))).astype(np.float32)[:, None]
        band = mixing.filtered(noise, "bandpass", (low, high), order=1)
        response[before:] += band / np.sqrt((band**2).sum(axis=0)) * np.float32(share)
    response /= np.sqrt((response**2).sum(axis=0))
    n_echoes = int(rng.integers(6, 14))
    arrivals = before * 0.3 + rng.uniform(0, 0.06, (n_echoes, 2)) * mixing.SAMPLE_RATE * (0.4 + distance)
    strengths = rng.choice([-1, 1], (n_echoes, 2)) * rng.uniform(0.05, 0.25, (n_echoes, 2))
    for side in range(2):
        places = np.minimum(arrivals[:, side].astype(int), len(response) - 1)
        np.add.at(response[:, side], places, strengths[:, side].astype(np.float32))
    return response / np.sqrt((response**2).sum(axis=0))


def reverberate(mix, response, wet_db):
    """The mix with its room behind it.

    Args:
        mix: [samples, 2].
        response: [taps, 2], as room_response gives it.
        wet_db: level of the room against the mix.

    Returns:
        float32 [samples, 2], the tail cut at the mix's end.
    """
    wet = scipy.signal.oaconvolve(mix, response, axes=0)[: len(mix)]
    gain = 10 ** (wet_db / 20) * mixing.rms(mix) / max(mixing.rms(wet), 1e-9)
    return (mix + np.float32(gain) * wet).astype(np.float32)


def chorus(mix, rng, depth_seconds=0.002, share=0.5):
    """Adds a copy whose delay swings, a quarter of a period apart left and right.

    Args:
        mix: [samples, 2].
        rng: numpy.random.Generator; draws the rate (0.2 to 0.9 Hz) and the phase.
        depth_seconds: how far the delay swings to either side.
        share: gain of the copy.
    """
    places = np.arange(len(mix))
    turns = rng.uniform(0.2, 0.9) * places / mixing.SAMPLE_RATE + rng.uniform()
    middle = 2 * depth_seconds + rng.uniform(0.004, 0.010)
    swung = np.empty_like(mix)
    for side, phase in enumerate((0.0, 0.25)):
        delay = middle + depth_seconds * np.sin(2 * np.pi * (turns + phase))
        swung[:, side] = np.interp(places - delay * mixing.SAMPLE_RATE, places, mix[:, side], left=0.0)
    return ((mix + np.float32(share) * swung) / np.float32(np.sqrt(1 + share**2))).astype(np.float32)


def spread(mono, rng, amount):
    """Two channels of one: a decorrelated copy is added left and taken away right, above the bass.

    Their sum stays the original's (Lauridsen's pseudo-stereo).

    Args:
        mono: [samples].
        rng: numpy.random.Generator.
        amount: level of the copy against the original, about 0.3 to 0.9.

    Returns:
        float32 [samples, 2].
    """
    n_taps = round(SPREAD_SECONDS * mixing.SAMPLE_RATE)
    taps = rng.standard_normal(n_taps) * 10 ** (-1.5 * np.arange(n_taps) / n_taps)
    taps = taps * (rng.random(n_taps) < 0.05)
    upper = mixing.filtered(mono, "highpass", SPREAD_BASS_HERTZ)
    side = scipy.signal.oaconvolve(upper, taps / np.sqrt((taps**2).sum()))[: len(mono)]
    side *= amount * upper.std() / max(side.std(), 1e-9)
    return np.stack([mono + side, mono - side], axis=1).astype(np.float32)


def correlation(mix):
    """Correlation of left and right over the whole mix; 0 where one of them is silent."""
    left, right = mix.astype(np.float64).T
    energy = np.sqrt(np.square(left).sum() * np.square(right).sum())
    return float((left * right).sum() / energy) if energy > 0 else 0.0


def set_correlation(mix, wanted, most=WIDEST_SIDE_GAIN):
    """Scales the side above 100 Hz so that left and right correlate as wanted over the whole mix.

    Args:
        mix: [samples, 2].
        wanted: correlation, -1 to 1.
        most: the largest gain of the side: a nearly mono mix stays closer to mono than wanted.
    """
    middle, side = mix.mean(axis=1), mixing.filtered((mix[:, 0] - mix[:, 1]) / 2, "highpass", 100)
    level = np.sqrt((1 - wanted) / (1 + wanted)) * mixing.rms(middle)
    side *= np.float32(min(level / max(mixing.rms(side), 1e-9), most))
    return np.stack([middle + side, middle - side], axis=1)
