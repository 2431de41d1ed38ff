"""A piece as the WAV file that generate.py writes of it, any range of whose bytes can be made by itself.

    bytes    |<- head ->|<------ samples, 4 bytes each ------>|<- tail: markers ->|
    blocks              |16|  to 128 |    128    |   ...         latents; each is rendered by itself

A range renders its own blocks and nothing before them, since every sample is a function of (model, piece, position).
How much is rendered at once may still round a sample otherwise, by one of 16 bits. So what is to have the very bytes of
generate.py is rendered in its parts, of up to a minute and a half; a player, which others wait beside, in short ones.
"""

import hashlib
import itertools

from musika_tf.audio import writer
from musika_tf.generate import landmarks, rendering


def blocks(metadata, start, end=None, part_windows=1):
    """Yields (first sample, one beyond the last) of the blocks that a range is rendered in, without end where it has
    none: a short one, for what is heard at once, then parts of so many windows, the same whatever the range."""
    for cut in rendering.cuts(metadata, start, part_windows):
        stop = cut if end is None else min(cut, end)
        if stop > start:
            yield start, stop
        if stop == end:
            return
        start = max(start, cut)


class WavFile:
    """The file of a Piece, of a facade.Model.

    Args:
      exact: whether it has the very bytes that generate.py writes, or those of a player.

    Attributes:
      size: in bytes.
      tag: text that differs where the bytes do.
    """

    def __init__(self, model, piece, studio, exact=False):
        self._metadata, self._piece, self._studio, self._exact = model.metadata, piece, studio, exact
        rate, comment = model.sample_rate, piece.comment(model.metadata)
        marked = landmarks.of(piece, model.metadata)
        self._head, self._tail = writer.wav_frame(rate, comment, piece.n_samples, marked)
        self._sample_bytes = piece.n_samples * writer.WAV_SAMPLE_BYTES
        self._renderer = rendering.Renderer(model.loaded, model.metadata, piece)
        self.size = len(self._head) + self._sample_bytes + len(self._tail)
        self.tag = hashlib.sha256(f"{model.path} {comment} {exact}".encode()).hexdigest()[:24]

    async def read(self, first=0, last=None):
        """Yields the bytes `first` .. `last - 1`, rendered as they are asked for; Busy, before the first of them."""
        last = self.size if last is None else last
        head, end = len(self._head), len(self._head) + self._sample_bytes
        begin, stop = max(first, head) - head, min(last, end) - head
        parts, ready = self.samples(begin // writer.WAV_SAMPLE_BYTES, -(-stop // writer.WAV_SAMPLE_BYTES)), None
        if begin < stop:
            ready = await anext(parts)
        if first < head:
            yield self._head[first:last]
        if ready:
            yield _cut(*ready, begin, stop)
            async for part in parts:
                yield _cut(*part, begin, stop)
        if last > end:
            yield self._tail[max(first - end, 0) : last - end]

    async def samples(self, start=0, end=None):
        """Yields (first sample, int16 samples as bytes) of the blocks that hold a range; `end` defaults to that of the
        piece. Busy, before the first of them."""
        patient = False
        for begin, stop in self._blocks(start, self._piece.n_samples if end is None else end):
            key = self.tag, begin, stop
            yield begin, await self._studio.kept(key, lambda span=(begin, stop): self._render(*span), patient)
            patient = True

    def _blocks(self, start, end):
        if not self._exact:
            return blocks(self._metadata, start, end)
        spans = blocks(self._metadata, 0, self._piece.n_samples, rendering.PART_WINDOWS)
        return itertools.takewhile(lambda span: span[0] < end, (span for span in spans if span[1] > start))

    def _render(self, begin, stop):
        return writer.to_int16(self._renderer.range(begin, stop)).tobytes()


def _cut(place, data, begin, stop):
    """The bytes `begin` .. `stop - 1` of all samples, of a block that begins at sample `place`."""
    offset = place * writer.WAV_SAMPLE_BYTES
    return data[max(begin - offset, 0) : stop - offset]
