"""Left and right of any number of channels."""

import math

import numpy as np

# Each input channel's place, in the order of WAVE_FORMAT_EXTENSIBLE: left, right, centre, low frequency, left and
# right surround, back centre. Quadraphonic back channels count as surround.
_LAYOUTS = {3: "LRC", 4: "LRlr", 5: "LRClr", 6: "LRCFlr", 7: "LRCFblr", 8: "LRCFlrlr"}
_LEFT_GAINS = {"L": 1.0, "C": math.sqrt(0.5), "l": math.sqrt(0.5), "b": 0.5}  # ITU-R BS.775
_RIGHT_GAINS = {"R": 1.0, "C": math.sqrt(0.5), "r": math.sqrt(0.5), "b": 0.5}
# Vorbis stores the channels in an order of its own; where each channel of the layouts above is found.
_VORBIS_ORDER = {3: [0, 2, 1], 5: [0, 2, 1, 3, 4], 6: [0, 2, 1, 5, 3, 4], 7: [0, 2, 1, 6, 5, 3, 4],
                 8: [0, 2, 1, 7, 5, 6, 3, 4]}  # fmt: skip


def to_stereo(waveform, layout=""):
    """Left and right, float32 `[samples, 2]`, of a waveform with any number of channels.

    One channel is copied to both sides; two stay as they are. Three to eight channels, in the order of
    WAVE_FORMAT_EXTENSIBLE, follow ITU-R BS.775: left = L + 0.707 C + 0.707 Ls (+ 0.5 back centre), the low-frequency
    channel dropped, all divided by the sum of the gains so that it can't clip. More than eight: left is the
    mean of the channels 0, 2, 4 ..., right of 1, 3, 5 ...

    Args:
      waveform: `[samples, channels]`; ValueError if it is anything else.
      layout: the place of each channel in the letters of `_LAYOUTS`, where it is known; "": the usual one.
    """
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 2 or waveform.shape[1] == 0:
        raise ValueError(f"waveform must be [samples, channels], got {list(waveform.shape)}")
    n_channels = waveform.shape[1]
    if n_channels == 1:
        return np.repeat(waveform, 2, axis=1)
    if n_channels == 2:
        return waveform
    layout = layout or _LAYOUTS.get(n_channels) or ("LR" * n_channels)[:n_channels]
    # Summed channel by channel and not as a matrix product, whose rounding depends on the number of rows.
    return np.stack([_mix(waveform, layout, gains) for gains in (_LEFT_GAINS, _RIGHT_GAINS)], axis=1)


def _mix(waveform, layout, gains):
    """Weighted mean of the channels, float32 `[samples]`."""
    weights = np.array([gains.get(place, 0.0) for place in layout])
    weights = (weights / weights.sum()).astype(np.float32)
    return sum(waveform[:, channel] * weight for channel, weight in enumerate(weights) if weight)


def from_vorbis(waveform):
    """`[samples, channels]` in the order of Vorbis -> in that of WAVE_FORMAT_EXTENSIBLE."""
    order = _VORBIS_ORDER.get(waveform.shape[1])
    return waveform if order is None else waveform[:, order]
