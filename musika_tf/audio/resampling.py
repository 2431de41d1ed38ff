"""Other sample rates: soxr, in blocks on a fixed grid of whole seconds, so that a part is that part of the whole.

Each second of output is made from its own second of input and a margin on both sides that is longer than the filter:

    input at from_rate    ...|-- margin --|------ 1 s ------|-- margin --|...
    soxr HQ                               |                 |
    output at to_rate                     |------ 1 s ------|
"""

import math

import numpy as np
import soxr

_MARGIN_SECONDS = 0.1  # the HQ filter reaches less than 20 ms at 8 kHz, and less still at higher rates


def resampled_length(n_samples, from_rate, to_rate):
    """ceil(n_samples * to_rate / from_rate)."""
    return -(-n_samples * to_rate // from_rate)


def resample(waveform, from_rate, to_rate):
    """Changes the sample rate, integer Hz, with soxr, quality HQ; outside its ends the input counts as silence.

    float `[samples, channels]` -> float32 `[ceil(samples * to_rate / from_rate), channels]`.
    """
    waveform = np.asarray(waveform, np.float32)
    if from_rate == to_rate:
        return waveform
    return resample_part(waveform, 0, from_rate, to_rate, 0, resampled_length(len(waveform), from_rate, to_rate))


def margin_samples(from_rate, to_rate):
    """Input samples beside a block: enough for the filter, and a whole number of output samples."""
    period = from_rate // math.gcd(from_rate, to_rate)
    return math.ceil(_MARGIN_SECONDS * from_rate / period) * period


def input_span(from_rate, to_rate, start, stop):
    """First and last + 1 input sample that the blocks of output samples start..stop are made from."""
    margin = margin_samples(from_rate, to_rate)
    return start // to_rate * from_rate - margin, -(-stop // to_rate) * from_rate + margin


def resample_part(known, known_start, from_rate, to_rate, start, stop):
    """Output samples start..stop, float32 `[stop - start, channels]`.

    Of the input all that lies in `input_span` is `known`, float32 `[samples, channels]` from `known_start` on.
    """
    margin = margin_samples(from_rate, to_rate)
    skip = margin * to_rate // from_rate
    output = np.empty((stop - start, known.shape[1]), np.float32)
    for second in range(start // to_rate, -(-stop // to_rate)):
        first = second * from_rate - margin - known_start  # in known
        part = known[max(first, 0) : first + from_rate + 2 * margin]
        block = np.zeros((from_rate + 2 * margin, known.shape[1]), np.float32)
        block[max(-first, 0) :][: len(part)] = part
        resampled = soxr.resample(block, from_rate, to_rate, "HQ")[skip : skip + to_rate]
        origin = second * to_rate
        low, high = max(start, origin), min(stop, origin + to_rate)
        output[low - start : high - start] = resampled[low - origin : high - origin]
    return output
