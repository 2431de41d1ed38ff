"""What soundfile doesn't read, read by the program `ffmpeg` where it is installed: M4A, AAC, WMA, AC-3, Ogg FLAC ...

ffmpeg decodes from the beginning, which is exact in every format (seeking is not); edit lists are honoured. A stream of
samples comes through a pipe. Random access goes to a decoded copy in the system's folder for temporary files, which the
process removes when it ends; the copies that were not used for longest go when they get too large together. Training on
many such files is faster with --cache_dir, which keeps them.
"""

import collections
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import numpy as np

from musika_tf.audio.errors import AudioFileError
from musika_tf.audio.source import identity, remembered

HOW_TO_INSTALL = "install ffmpeg (Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg)"

_MOST_BYTES = 16 << 30  # of decoded copies; never more than half of the free disk
_SKIPPED = 1 << 16  # samples read at a time where they are only counted
_MOST_CHANNELS = 255  # a damaged header may say anything
_TIMED = ("mov", "matroska", "asf")  # containers that state how long they are
_ENOUGH_SECONDS, _ENOUGH_SHARE = 0.5, 0.99  # of what is stated, to count as whole
# Layouts that the number of channels doesn't tell, in ffmpeg's words and in the letters of `channels`.
_LAYOUTS = {
    "2.1": "LRF", "3.0(back)": "LRb", "4.0": "LRCb", "3.1": "LRCF", "4.1": "LRCFb", "5.0(side)": "LRClr",
    "6.0": "LRCblr", "hexagonal": "LRClrb", "6.1(back)": "LRCFlrb",
}  # fmt: skip
_ENTRIES = (
    "stream=codec_type,codec_name,sample_rate,channels,channel_layout"
    ":stream_disposition=attached_pic:format=format_name,duration"
)
_FROM_FILES_ALONE = ("-protocol_whitelist", "file")  # a playlist must not open connections


def is_installed():
    """Whether the programs ffmpeg and ffprobe are found."""
    return bool(shutil.which("ffmpeg") and shutil.which("ffprobe"))


@dataclasses.dataclass(frozen=True)
class Description:
    """What ffprobe says of a file's first audio stream.

    Attributes:
      sample_rate: Hz; encoding: container and codec; layout: of the channels, as of `channels.to_stereo`.
      seconds: as the container states, None where it does not; n_streams: of audio; has_pictures: a film.
    """

    sample_rate: int
    n_channels: int
    encoding: str
    layout: str
    seconds: float | None
    n_streams: int
    has_pictures: bool


@remembered
def describe(path):
    """Description of a file; AudioFileError where ffmpeg finds no audio in it."""
    command = ["ffprobe", "-v", "error", *_FROM_FILES_ALONE, "-of", "json", "-show_entries", _ENTRIES]
    done = subprocess.run([*command, _url(path)], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    try:
        found = json.loads(done.stdout or b"{}")
    except ValueError as error:  # it died while it wrote
        raise _failure(path, _first_line(done.stderr) or f"ffprobe ended with {done.returncode}") from error
    streams = [stream for stream in found.get("streams", []) if "codec_type" in stream]
    audio = [s for s in streams if s["codec_type"] == "audio" and int(s.get("sample_rate", 0)) and s.get("channels")]
    if not audio:
        raise _failure(path, _first_line(done.stderr) or "no audio stream")
    first, container = audio[0], found["format"]["format_name"].split(",")[0]
    pictures = [s for s in streams if s["codec_type"] == "video" and not s.get("disposition", {}).get("attached_pic")]
    seconds = float(found["format"].get("duration", 0)) if container in _TIMED else 0
    encoding = f"{container} {first.get('codec_name', 'unknown')}".upper()
    rate, channels = int(first["sample_rate"]), int(first["channels"])
    if channels > _MOST_CHANNELS:
        raise _failure(path, f"{channels} channels")
    layout = _LAYOUTS.get(first.get("channel_layout"), "")
    return Description(rate, channels, encoding, layout, seconds or None, len(audio), bool(pictures))


@remembered
def count(path):
    """Number of samples per channel, by decoding all of them, and ffmpeg's first complaint, "" where it has none."""
    with Decoder(path) as decoder:
        n_samples = 0
        while n := len(decoder.read(_SKIPPED)):
            n_samples += n
        return n_samples, decoder.complaint


def missing_seconds(description, n_samples):
    """Seconds that a container states beyond `n_samples`, 0 where it is whole or states nothing."""
    stated, there = description.seconds or 0.0, n_samples / description.sample_rate
    return stated - there if stated - there > _ENOUGH_SECONDS and there < _ENOUGH_SHARE * stated else 0.0


class Pcm:
    """A soundfile.SoundFile as far as `files` uses it, over a file of raw float32 samples that ffmpeg decoded."""

    subtype = "FFMPEG"

    def __init__(self, path, file):
        described = describe(path)
        self.path, self.samplerate, self.channels = path, described.sample_rate, described.n_channels
        self.format, self.layout = described.encoding, described.layout
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def seekable(self):
        return True

    def seek(self, position):
        self._file.seek(position * 4 * self.channels)

    def read(self, n_samples, dtype="float32", always_2d=True):
        """float32 `[n_samples, channels]`, fewer where the file ends."""
        del dtype, always_2d
        data = self._file.read(n_samples * 4 * self.channels)
        whole = len(data) // (4 * self.channels) * 4 * self.channels
        return np.frombuffer(data[:whole], "<f4").reshape(-1, self.channels)


class Decoder(Pcm):
    """All samples of a file in order, as a `with` block.

    Attributes:
      complaint: ffmpeg's first error, once all was read.
    """

    complaint, _has_begun = "", False

    def __init__(self, path):
        super().__init__(path, None)

    def __enter__(self):
        self._errors = tempfile.TemporaryFile()
        ask = command(self.path, self.samplerate, "-")
        self._process = subprocess.Popen(ask, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors)
        self._file = self._process.stdout
        return self

    def seekable(self):
        return False

    def read(self, n_samples, dtype="float32", always_2d=True):
        samples = super().read(n_samples)
        self._has_begun |= len(samples) > 0
        if len(samples) < n_samples:
            status = self._process.wait()
            self._errors.seek(0)
            self.complaint = _first_line(self._errors.read())
            if status and not self._has_begun:
                raise _failure(self.path, self.complaint)
        return samples

    def __exit__(self, *error):
        self._process.stdout.close()  # what ffmpeg still writes fails, and it ends
        self._process.kill()
        self._process.wait()
        self._errors.close()


def random_access(path):
    """Pcm of a decoded copy of a file, whose `seek` is exact and quick, or a Decoder where copies have no room."""
    file = _copies.open(*identity(path))
    return Pcm(path, file) if file else Decoder(path)


def command(path, sample_rate, out):
    """The command that decodes a file's first audio stream to raw float32, without pictures or questions.

    The number of channels isn't given: ffmpeg would mix a layout other than the usual one of so many.
    """
    quietly = ["ffmpeg", "-nostdin", "-v", "error", "-threads", "1", *_FROM_FILES_ALONE]
    what = ["-map", "0:a:0", "-f", "f32le", "-c:a", "pcm_f32le", "-ar", str(sample_rate)]
    return [*quietly, "-i", _url(path), *what, "-y", out]


def _url(path):
    return b"file:" + os.fsencode(path)


def _first_line(text):
    """ffmpeg's first complaint, "" where it has none."""
    for line in text.decode(errors="replace").splitlines():
        if line.strip() and "to muxer" not in line:  # whose clock jumps where streams are joined; no sample is lost
            return line.strip().split("] ", 1)[-1].rstrip(".")  # without the address of the decoder
    return ""


def _failure(path, reason):
    return AudioFileError(f"{path}: ffmpeg can't read it ({reason}); convert it, or take it out", "corrupt", reason)


class _Copies:
    """Decoded copies, least recently used first."""

    def __init__(self):
        self._sizes = collections.OrderedDict()  # file of a copy -> bytes
        self._lock, self._making = threading.Lock(), collections.defaultdict(threading.Lock)
        self._folder = None

    def open(self, *identity):
        """The copy of a file, open for reading bytes; None where there is no room for it."""
        with self._lock:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="musika_tf-")
            making = self._making[identity]
        with making:
            copy = Path(self._folder.name, f"{abs(hash(identity)):x}.f32")
            if copy not in self._sizes and not self._make(identity[0], copy):
                return None
            with self._lock, contextlib.suppress(OSError):
                self._sizes.move_to_end(copy)
                return open(copy, "rb")
        return None

    def _make(self, path, copy):
        described = describe(path)
        n_bytes = count(path)[0] * described.n_channels * 4
        if not self._has_room(n_bytes):
            return False
        ask = command(path, described.sample_rate, str(copy))
        subprocess.run(ask, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if not copy.is_file() or copy.stat().st_size != n_bytes:
            copy.unlink(missing_ok=True)
            return False
        with self._lock:
            self._sizes[copy] = n_bytes
        return True

    def _has_room(self, n_bytes):
        with self._lock:
            kept = sum(self._sizes.values())
            most = min(_MOST_BYTES, (shutil.disk_usage(self._folder.name).free + kept) // 2)
            while self._sizes and kept + n_bytes > most:
                old, size = self._sizes.popitem(last=False)
                old.unlink(missing_ok=True)  # who reads it still has it open
                kept -= size
            return n_bytes <= most


_copies = _Copies()
