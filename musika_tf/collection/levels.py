"""What the samples of a file say about it, block by block."""

import numpy as np

SILENCE = 2.0**-15  # one step of 16 bits, -90 dB: digital silence is below
_STEP = 2.0**-15  # of 16 bits, by which the largest positive value stays below full scale
_RUN = 3  # a peak may touch full scale; this many samples in a row were cut off
CLIPPED_SHARE = 1e-4  # of the samples, from which on a file is called clipped


class Levels:
    """Clipping and peak, the largest absolute value, of what was shown to `add`, `n_values` samples of all channels."""

    def __init__(self):
        self.peak, self.n_values, self._n_clipped = 0.0, 0, 0

    def add(self, waveform, full_scale=1.0):
        """Takes the next samples into account: float `[samples, channels]`, all finite, `full_scale` at most."""
        if not waveform.size:
            return
        self.n_values += waveform.size
        peak = float(max(waveform.max(), -waveform.min()))
        self.peak = max(self.peak, peak)
        if peak >= full_scale - _STEP:
            high = np.abs(waveform) >= full_scale - _STEP
            runs = np.logical_and.reduce([high[i : len(high) - _RUN + 1 + i] for i in range(_RUN)])
            self._n_clipped += int(runs.sum())

    @property
    def clipped(self):
        """Share of the samples that lie in runs at full scale."""
        return self._n_clipped / max(self.n_values, 1)
