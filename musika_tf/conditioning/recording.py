"""What extractors hear: a recording of any length, block by block, so that hours take the memory of minutes.

Detectors that hear a few seconds around each place get parts that overlap::

    part 0   |<------- its own ------->|<- context ->|
    part 1             |<- context ->|<------- its own ------->|<- context ->|
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import soxr

from musika_tf.conditioning.signal import SAMPLE_RATE

FRAME = SAMPLE_RATE // 100  # MadMom's: parts that begin on one are heard as the whole is
_BLOCK = 10 * SAMPLE_RATE


@dataclasses.dataclass(frozen=True)
class Recording:
    """Audio at 44.1 kHz that can be read again and again: `blocks()` are consecutive float32 `[samples, 2]`."""

    n_samples: int
    blocks: Callable

    @classmethod
    def of(cls, audio):
        """The Recording of a waveform `[samples, 2]`; a Recording is returned as it is."""
        if isinstance(audio, cls):
            return audio
        return cls(len(audio), lambda: (audio[i : i + _BLOCK] for i in range(0, len(audio), _BLOCK)))

    def __len__(self):
        return self.n_samples

    def mono_at(self, rate):
        """Both sides averaged, at another rate in Hz: yields consecutive float32 `[samples]`."""
        resampler = soxr.ResampleStream(SAMPLE_RATE, rate, 1)
        for block in self.blocks():
            yield resampler.resample_chunk(np.asarray(block, np.float32).mean(axis=1))
        yield resampler.resample_chunk(np.zeros([0], np.float32), last=True)

    def parts(self, seconds, context_seconds):
        """Its Parts, cut at frames of 10 ms; as the function `parts`, in seconds."""
        return parts(self.blocks(), seconds * SAMPLE_RATE, context_seconds * SAMPLE_RATE, FRAME)


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a stream, with context on both sides.

    Attributes:
      waveform: float32 `[samples, 2]`, or anything else with a row per moment.
      start: row of the stream that it begins with.
      first: row of the stream that its own share begins with.
      end: one beyond its own last row; None: the stream's end.
    """

    waveform: np.ndarray
    start: int
    first: int
    end: int | None

    def own_rows(self, values, size=1):
        """The values of its own share; `values` has one for every `size` rows of the part."""
        last = None if self.end is None else (self.end - self.start) // size
        return values[(self.first - self.start) // size : last]

    def own_events(self, seconds):
        """The events in its own share, in seconds of the recording; `seconds` are of the waveform."""
        frames = (np.asarray(seconds, np.float64) * SAMPLE_RATE + self.start) / FRAME + 0.5  # none lies on a cut
        inside = frames >= self.first / FRAME
        if self.end is not None:
            inside &= frames < self.end / FRAME
        return (frames[inside] - 0.5) * FRAME / SAMPLE_RATE


def parts(blocks, least, context, unit=1):
    """Cuts a stream of consecutive arrays `[rows, ...]`: yields Parts, at least one if there is a block.

    Args:
      least: fewest rows of a part's own share, except the last.
      context: rows of the neighbours on each side, rounded down to whole units.
      unit: rows; cuts lie at whole units.
    """
    context = int(context) // unit * unit
    kept, start, settled = None, 0, 0
    for block in blocks:
        kept = block if kept is None else np.concatenate([kept, block])
        end = (start + len(kept) - context) // unit * unit
        if end - settled < max(least, 1):
            continue
        yield Part(kept, start, settled, end)
        settled, begin = end, max(end - context, start)
        kept, start = kept[begin - start :], begin
    if kept is not None:
        yield Part(kept, start, settled, None)


def spans(chunks, size, step):
    """Cuts a stream of consecutive float32 `[samples]` into spans that begin every `step` samples, at most `size`.

    Yields:
      float32 `[size]`, and last what is left, which is shorter.
    """
    known = np.zeros([0], np.float32)
    for chunk in chunks:
        known = np.concatenate([known, chunk])
        while len(known) >= size:
            yield known[:size]
            known = known[step:]
    yield known
