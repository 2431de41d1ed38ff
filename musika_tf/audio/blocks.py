"""Any audio file as a stream of blocks, in order and each decoded once: a recording of hours in constant memory.

The blocks joined are `files.read` of the whole file, bit for bit (Opus to some 1e-9, as there).
"""

import numpy as np

from musika_tf.audio import files

BLOCK_SECONDS = 10


def read(path, sample_rate=files.SAMPLE_RATE, watch=None):
    """Reads a file from its beginning to its end.

    Args:
      path: an audio file.
      sample_rate: of the blocks, Hz; None: the file's own.
      watch: function that is shown the samples as they are stored, float32 `[samples, channels]`, or None.

    Yields:
      float32 `[samples, 2]`, about ten seconds each.

    Raises:
      AudioFileError: the file can't be read, or ends before the length in its header.
    """
    with files.opened(path) as file:
        blocks = _stored(file, path, watch)
        if sample_rate in (None, file.samplerate):
            yield from blocks
        else:
            yield from _resampled(blocks, file.samplerate, sample_rate)


def _stored(file, path, watch):
    """Blocks of an open file at its own rate."""
    size = BLOCK_SECONDS * file.samplerate
    file.seek(0)  # as `files.read` does: mpg123 rounds otherwise after it
    # After every read soundfile seeks to where it is, if the file allows it: mpg123 then rounds otherwise, and the last
    # page of an Opus file decodes to something else.
    file.seekable = lambda: False
    for position in range(0, file.frames, size):
        yield files.read_on(file, path, position, min(size, file.frames - position), watch)


def _resampled(blocks, from_rate, to_rate):
    """Blocks at another rate, by whole seconds: the grid that `files.read` resamples on."""
    margin = files.margin_samples(from_rate, to_rate)
    known, start, done = np.zeros([0, 2], np.float32), 0, 0  # the input from sample `start` on; seconds put out
    for block in blocks:
        known = np.concatenate([known, block])
        second = (start + len(known) - margin) // from_rate
        if second <= done:
            continue
        yield files.resample_part(known, start, from_rate, to_rate, done * to_rate, second * to_rate)
        done, first = second, max(second * from_rate - margin, start)
        known, start = known[first - start :], first
    total = files.resampled_length(start + len(known), from_rate, to_rate)
    if total > done * to_rate:
        yield files.resample_part(known, start, from_rate, to_rate, done * to_rate, total)
