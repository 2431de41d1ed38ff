"""Decoded, resampled audio of a collection, kept on a local disk: for remote disks and formats that are slow to decode.

Each file becomes one WAV file at the training's rate, named by that and by what it was made from: the path, size and
time of modification of the source. A source that changes gets a new one; sources that stay are decoded once, however
often training starts. What is read from it is what is read from the source, sample by sample: 16-bit sources stay
16-bit (at 44.1 kHz 0.6 GB an hour), the rest is 32-bit float (1.3 GB an hour). Delete the folder when it is no longer
wanted.
"""

import concurrent.futures
import contextlib
import hashlib
import logging
import os
import shutil
import threading
from pathlib import Path

import soundfile

from musika_tf import atomic
from musika_tf.audio import blocks, files
from musika_tf.audio.writer import to_int16
from musika_tf.errors import UserError

logger = logging.getLogger(__name__)

_VERSION = 2  # of what the samples are: another decoder or resampler is another cache
_HEADER_BYTES = 4096  # more than any
_MOST_WAV_BYTES = 2**32 - 2**16
_BYTES_PER_SAMPLE = {"PCM_16": 2 * 2, "FLOAT": 2 * 4}


def cached(paths, sample_rate, cache_dir):
    """The Path of the file that stands in for each audio file, with its samples at `sample_rate` Hz.

    Files without a sample stand for themselves. Those that are missing or damaged are made, as is `cache_dir`, which
    several processes may use at once.

    Raises:
      files.AudioFileError: a source can't be read.
      UserError: the folder can't be written, or has too little room.
    """
    with failures_named(cache_dir):
        Path(cache_dir).mkdir(parents=True, exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        entries = list(pool.map(lambda path: _Entry(path, sample_rate, cache_dir), paths))
        missing = list({entry.target: entry for entry in entries if not entry.is_whole()}.values())
        if missing:
            _check_room(missing, cache_dir)
            logger.info("--cache_dir=%s: decoding %d of %d files, once", cache_dir, len(missing), len(entries))
            stop = threading.Event()
            futures = [pool.submit(entry.make, stop) for entry in missing]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            finally:  # after an error or Ctrl-C nobody waits for the rest
                stop.set()
                pool.shutdown(cancel_futures=True)
    return [entry.target if entry.n_samples else entry.source for entry in entries]


@contextlib.contextmanager
def failures_named(cache_dir):
    """Within it, what the disk refuses becomes a UserError that names the cache's folder."""
    try:
        yield
    except (OSError, soundfile.LibsndfileError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "error_string", error)
        raise UserError(f"--cache_dir={cache_dir}: can't be written ({reason}); name another folder") from error


class _Entry:
    """One source and the file in the cache that has its samples."""

    def __init__(self, source, sample_rate, cache_dir):
        self.source, self.sample_rate = Path(source), sample_rate
        info = files.probe(source)
        self.n_samples = files.n_samples_at(info, sample_rate)
        is_16_bit = info.encoding.endswith("PCM_16") and info.sample_rate == sample_rate and info.n_channels <= 2
        self.encoding = "PCM_16" if is_16_bit else "FLOAT"
        self.n_bytes = self.n_samples * _BYTES_PER_SAMPLE[self.encoding]
        stat = self.source.stat()
        made_from = f"{_VERSION}\0{sample_rate}\0{self.source.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}"
        self.target = Path(cache_dir) / f"{hashlib.sha256(os.fsencode(made_from)).hexdigest()[:32]}.wav"

    def is_whole(self):
        """Whether there is nothing to be made: the file is there, at its full length."""
        if not self.n_samples:
            return True
        try:
            info = files.probe(self.target)
            size = self.target.stat().st_size
        except (files.AudioFileError, OSError):
            return False
        return info.n_samples == self.n_samples and self.n_bytes <= size <= self.n_bytes + _HEADER_BYTES

    def make(self, stop):
        """Decodes the source into a hidden file, which takes its name when it is complete; not after `stop` is set."""
        container = "WAV" if self.n_bytes < _MOST_WAV_BYTES else "RF64"
        with (
            failures_named(self.target.parent),
            contextlib.suppress(concurrent.futures.CancelledError),
            atomic.replacing(self.target, to_disk=True) as hidden_path,
            soundfile.SoundFile(hidden_path, "w", self.sample_rate, 2, self.encoding, format=container) as file,
        ):
            for waveform in blocks.read(self.source, self.sample_rate):
                if stop.is_set():
                    raise concurrent.futures.CancelledError
                file.write(to_int16(waveform) if self.encoding == "PCM_16" else waveform)


def _check_room(entries, cache_dir):
    needed = sum(entry.n_bytes + _HEADER_BYTES for entry in entries)
    free = shutil.disk_usage(cache_dir).free
    if needed > free:
        raise UserError(
            f"--cache_dir={cache_dir}: {needed / 1e9:.1f} GB needed for {len(entries)} files, {free / 1e9:.1f} GB "
            "free; name another folder, or leave it out"
        )
