"""Any audio file as a stream of blocks, in order and each decoded once: a recording of hours in constant memory.

The blocks joined are `files.read` of the whole file, bit for bit (Opus to some 1e-9, as there).
"""

import numpy as np

from musika_tf.audio import files, resampling

BLOCK_SECONDS = 10


def read(path, sample_rate=files.SAMPLE_RATE, watch=None):
    """Yields float32 `[samples, 2]`, about ten seconds each, from a file's beginning to its end.

    Args:
      sample_rate: of the blocks, Hz; None: the file's own.
      watch: as of `files.read_on`.

    Raises:
      AudioFileError: the file can't be read, or ends before the length in its header.
    """
    info = files.probe(path)
    with files.opened(path) as file:
        yield from resampled(_stored(file, info, watch), info.sample_rate, sample_rate or info.sample_rate)


def _stored(file, info, watch):
    """Blocks of an open file at its own rate."""
    size = BLOCK_SECONDS * info.sample_rate
    if files.can_seek(file):
        file.seek(0)  # as `files.read` does: mpg123 rounds otherwise after it
    files.in_order(file)
    for position in range(0, info.n_samples, size):
        yield files.read_on(file, info, position, min(size, info.n_samples - position), watch)


def resampled(blocks, from_rate, to_rate):
    """Consecutive blocks, float32 `[samples, channels]`, at another rate in Hz, by whole seconds: the grid that
    `files.read` resamples on. Joined they are `resampling.resample` of the whole."""
    if from_rate == to_rate:
        yield from blocks
        return
    margin = resampling.margin_samples(from_rate, to_rate)
    known, start, done = np.zeros([0, 2], np.float32), 0, 0  # the input from sample `start` on; seconds put out
    for block in blocks:
        known = np.concatenate([known, block])
        second = (start + len(known) - margin) // from_rate
        if second <= done:
            continue
        yield resampling.resample_part(known, start, from_rate, to_rate, done * to_rate, second * to_rate)
        done, first = second, max(second * from_rate - margin, start)
        known, start = known[first - start :], first
    total = resampling.resampled_length(start + len(known), from_rate, to_rate)
    if total > done * to_rate:
        yield resampling.resample_part(known, start, from_rate, to_rate, done * to_rate, total)
