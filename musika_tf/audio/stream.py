"""Waveforms -> a WAV stream that has no name and may have no end: standard output, a pipe into a player."""

import contextlib
import os
import struct
import sys

from musika_tf.audio.writer import to_int16
from musika_tf.errors import UserError

_UNKNOWN = 0xFFFFFFFF  # what players and ffmpeg take as "until the stream ends"
_BYTES_PER_SAMPLE = 4  # two sides of 16 bits


class ReaderGone(Exception):
    """The reader of the stream has closed it, which is how an endless one ends."""


def header(sample_rate, n_samples=None, comment="", marked=None):
    """The bytes of a stereo 16-bit WAV file before its samples.

    Args:
      n_samples: per channel, or None for a stream without end; so is one of more than 4 GB.
      comment: text for the file's comment tag.
      marked: Markers of what is known in advance, or None.
    """
    text = comment.encode() + b"\0"
    text += b"\0" * (len(text) % 2)
    tag = struct.pack("<4sI4s4sI", b"LIST", len(text) + 12, b"INFO", b"ICMT", len(text)) + text if comment else b""
    rate = sample_rate * _BYTES_PER_SAMPLE
    encoding = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 2, sample_rate, rate, _BYTES_PER_SAMPLE, 16)
    tag += marked.chunks(sample_rate) if marked else b""
    between = len(encoding) + len(tag) + 12  # "WAVE" and the head of "data" are counted too
    size = _UNKNOWN if n_samples is None else n_samples * _BYTES_PER_SAMPLE
    whole = size + between
    if whole >= _UNKNOWN:
        size = whole = _UNKNOWN
    return struct.pack("<4sI4s", b"RIFF", whole, b"WAVE") + encoding + tag + struct.pack("<4sI", b"data", size)


class WavStream:
    """Writes a WAV stream to a file descriptor, which stays open; `with` like `AudioWriter`.

    Arguments as of `header`; its own `n_samples` are those written so far, per channel.
    """

    def __init__(self, descriptor, sample_rate, comment="", n_samples=None, marked=None):
        self.n_samples = 0
        self._descriptor = descriptor
        self._header = header(sample_rate, n_samples, comment, marked)

    def __enter__(self):
        self._write_bytes(self._header)
        return self

    def write(self, waveform):
        """Appends samples, float `[samples, 2]` in [-1, 1]; what lies outside is clipped.

        Raises:
          ReaderGone: the reader closed the stream.
          UserError: the disk behind the stream is full.
        """
        self._write_bytes(to_int16(waveform).tobytes())
        self.n_samples += len(waveform)

    def _write_bytes(self, data):
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BrokenPipeError as error:
            raise ReaderGone from error
        except OSError as error:
            raise UserError(f"--out=-: standard output can't be written ({error.strerror})") from error

    def __exit__(self, *error):
        pass


@contextlib.contextmanager
def standard_output():
    """The descriptor of standard output, for the samples alone: prints go to standard error meanwhile.

    UserError where it is a terminal.
    """
    if os.isatty(1):
        raise UserError("--out=-: standard output is a terminal; add a player, such as: --out - | aplay")
    sys.stdout.flush()
    samples = os.dup(1)
    os.dup2(2, 1)
    try:
        yield samples
    finally:
        sys.stdout.flush()
        os.dup2(samples, 1)
        os.close(samples)
