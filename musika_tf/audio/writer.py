"""Waveforms -> audio files, as a stream: nothing but the block in hand is kept in memory."""

import contextlib
import errno
import io
import os
import pathlib
import shutil
import struct
import zlib

import numpy as np
import soundfile

from musika_tf import atomic
from musika_tf.audio import files, markers, ogg
from musika_tf.errors import UserError

# Container and sample format by extension, in libsndfile's words.
FORMATS = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS")}

# libsndfile's Vorbis encoder keeps all of one write on the stack, so that long ones crash it, and short ones change its
# output: every write has this length. To the others it makes no difference; libsndfile takes its time for each write.
_VORBIS_SAMPLES = 4096
_PCM_SAMPLES = 2**15  # what becomes 16 bits while it is in the cache
_MAX_WAV_SAMPLES = (2**32 - 2**18) // 4  # its header counts bytes in 32 bits; 2**18 for it, comment and markers
WAV_SAMPLE_BYTES = 4  # two sides of 16 bits
_MAX_WAV_COMMENT = 50_000  # bytes; libsndfile writes nothing of those above 51,195


def check_output(path, comment=""):
    """Finds out, before any work is done, whether an AudioWriter can write a file.

    Raises:
      UserError: the extension isn't one of FORMATS, the folder doesn't exist, or the format can't hold the comment.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in FORMATS:
        raise UserError(f"{path}: the name must end in one of {', '.join(FORMATS)}")
    if os.path.isdir(path):
        raise UserError(f"{path}: is a folder; give the name of a file in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UserError(f"{path}: is no file; give another name, or stream WAV into it: --out - > {path}")
    if not os.path.isdir(path.parent):
        raise UserError(f"{path}: there is no folder {path.parent}; make it, or write elsewhere")
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass
    except OSError as error:  # its name is too long
        raise UserError(f"{path}: can't be written ({error.strerror}); give another name") from error
    n_bytes = len(comment.encode())
    if path.suffix.lower() == ".wav" and n_bytes > _MAX_WAV_COMMENT:
        raise UserError(
            f"{path}: a comment of {n_bytes} bytes, as a long curve or plan of styles makes it, and a WAV file holds "
            f"{_MAX_WAV_COMMENT}; write a .flac or .ogg"
        )


class AudioWriter:
    """Writes one stereo file; its name appears only when all of it is there.

        with AudioWriter("song.flac", comment="seed 7") as writer:
            for waveform in parts:
                writer.write(waveform)

    The samples go to a hidden file beside it, which takes the name on a clean exit and vanishes after an error. WAV
    and FLAC hold the same 16 bits. The same samples and comment are the same bytes, however they are cut into calls of
    `write`.

    Args:
      path: name that ends in .wav, .flac or .ogg; a file of that name is replaced, of a link the file that it leads to.
      comment: text for the file's comment tag.
      n_samples: how many will be written, where that is known; a WAV file of more than 4 GB becomes an RF64 file, which
        has the same extension. As an attribute: how many were written so far, per channel.
      marked: Markers, which WAV and RF64 hold behind the samples; the other formats can't.

    Raises:
      UserError: see `check_output`; also when writing fails, or nothing was written.
    """

    def __init__(self, path, sample_rate=files.SAMPLE_RATE, comment="", n_samples=None, marked=None):
        check_output(path, comment)
        self.n_samples = 0
        self._pending = np.zeros([0, 2], np.float32)  # less than a block of Vorbis
        self._path = pathlib.Path(os.path.realpath(path) if os.path.islink(path) else path)
        self._hidden_path = atomic.hidden(self._path)
        self._sample_rate = sample_rate
        self._comment = comment
        self._chunks = marked.chunks(sample_rate) if marked else b""
        self._container, self._encoding = FORMATS[self._path.suffix.lower()]
        if self._container == "WAV" and (n_samples or 0) > _MAX_WAV_SAMPLES:
            self._container = "RF64"

    def __enter__(self):
        with contextlib.ExitStack() as undo, self._failures_named():
            undo.callback(atomic.remove, self._hidden_path)  # a signal that arrives now finds nobody else to do it
            self._hidden_path.touch()  # which says why it can't be, as libsndfile does not
            self._file = soundfile.SoundFile(
                os.fsencode(self._hidden_path), "w", self._sample_rate, 2, self._encoding, format=self._container
            )
            if self._comment:
                self._file.comment = self._comment
            undo.pop_all()
        return self

    def write(self, waveform):
        """Appends samples, float `[samples, 2]` in [-1, 1]; WAV and FLAC clip what lies outside.

        Raises:
          ValueError: another shape, or samples that are no numbers.
          UserError: the disk is full, or the format can't hold so much.
        """
        waveform = np.asarray(waveform, np.float32)
        if waveform.ndim != 2 or waveform.shape[1] != 2:
            raise ValueError(f"waveform must be [samples, 2], got {list(waveform.shape)}")
        if not np.isfinite(waveform).all():
            raise ValueError(f"{self._path}: the waveform holds NaN or infinite samples")
        self.n_samples += len(waveform)
        if self._container == "WAV" and self.n_samples > _MAX_WAV_SAMPLES:
            raise UserError(f"{self._path}: more than a WAV file's 4 GB, which nobody announced; write a .flac")
        if self._encoding != "VORBIS":
            for start in range(0, len(waveform), _PCM_SAMPLES):
                self._write_block(waveform[start : start + _PCM_SAMPLES])
            return
        waveform = np.concatenate([self._pending, waveform])
        n_whole = len(waveform) // _VORBIS_SAMPLES * _VORBIS_SAMPLES
        self._pending = waveform[n_whole:].copy()  # a view would keep all of the waveform
        for start in range(0, n_whole, _VORBIS_SAMPLES):
            self._write_block(waveform[start : start + _VORBIS_SAMPLES])

    def _write_block(self, block):
        with self._failures_named():
            self._file.write(block if self._encoding == "VORBIS" else to_int16(block))

    def __exit__(self, error_type, *error):
        try:
            if error_type is None:
                self._write_block(self._pending)
            with self._failures_named():
                self._file.close()
            if error_type is None:
                if not self.n_samples:
                    raise UserError(f"{self._path}: not written, there are no samples to put into it")
                with self._failures_named():
                    if self._container in ("WAV", "RF64") and self._chunks:
                        markers.append(self._hidden_path, self._chunks)
                    if self._container == "OGG":
                        ogg.set_serial(self._hidden_path, zlib.crc32(self._comment.encode()))
                    os.replace(self._hidden_path, self._path)
        finally:
            atomic.remove(self._hidden_path)

    @contextlib.contextmanager
    def _failures_named(self):
        try:
            yield
        except (soundfile.LibsndfileError, OSError) as error:
            raise UserError(
                f"{self._path}: can't be written ({self._reason(error)}); choose a folder that is writable and has room"
            ) from error

    def _reason(self, error):
        if isinstance(error, OSError):
            return error.strerror
        full = shutil.disk_usage(self._path.parent).free < 2**16  # what libsndfile calls a system error
        return os.strerror(errno.ENOSPC) if full else error.error_string.rstrip(".")


def wav_frame(sample_rate, comment, n_samples, marked=None):
    """What an AudioWriter's WAV file of so many samples holds before them and behind them: (bytes, bytes). Arguments as
    of AudioWriter. UserError where it would be larger than 4 GB.
    """
    if n_samples > _MAX_WAV_SAMPLES:
        raise UserError("more than a WAV file's 4 GB; make it shorter")
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", sample_rate, 2, "PCM_16", format="WAV") as wav:
        if comment:
            wav.comment = comment
        wav.write(np.zeros([1, 2], np.int16))
    head, tail = bytearray(file.getvalue()[:-WAV_SAMPLE_BYTES]), marked.chunks(sample_rate) if marked else b""
    n_bytes = n_samples * WAV_SAMPLE_BYTES
    struct.pack_into("<I", head, 4, len(head) + n_bytes + len(tail) - 8)
    struct.pack_into("<I", head, len(head) - 4, n_bytes)
    return bytes(head), tail


def to_int16(waveform):
    """float `[samples, 2]` to int16, rounded and clipped."""
    # Not left to libsndfile, which scales by 32,767 for WAV and 32,768 for FLAC: the two would differ, and a WAV
    # file that is read and written again would change.
    scaled = waveform * 32768.0
    return np.clip(np.rint(scaled, out=scaled), -32768, 32767, out=scaled).astype(np.int16)


def from_int16(data):
    """The bytes of int16 samples, two sides in turn -> float32 `[samples, 2]`, which `to_int16` turns back exactly."""
    return np.frombuffer(data, np.int16).reshape(-1, 2) / np.float32(32768)
