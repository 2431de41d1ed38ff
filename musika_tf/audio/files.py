"""Any audio file -> float32 waveform `[samples, 2]` in [-1, 1], exactly.

One law holds for every format and every rate: `read(path, start, n)` equals `read(path)[start:start + n]`, and only
about that much is decoded, so that memory stays bounded however long a file is. Equal means bit for bit; only two
decoders never quite forget where they started: Opus differs by some 1e-9, MP3 of 24 kHz or less by up to 1e-6.

Files at another rate are resampled in blocks on a fixed grid of whole seconds, each from its own second of the file
and a margin on both sides that is longer than the resampling filter:

    file at from_rate   ...|-- margin --|------ 1 s ------|-- margin --|...
    soxr HQ                             |                 |
    output at to_rate                   |------ 1 s ------|
"""

import contextlib
import dataclasses
import math
import pathlib

import numpy as np
import soundfile
import soxr

from musika_tf.audio import channels, mp3
from musika_tf.errors import UserError

SAMPLE_RATE = 44_100  # Hz, of every waveform inside musika_tf

_SLOWEST_RATE, _FASTEST_RATE = 1000, 1_000_000  # Hz; a damaged header may say anything, and resampling would believe it
_LARGEST = 1e9  # what is beyond is as good as infinite: resampled or squared it may well be
_MARGIN_SECONDS = 0.1  # the HQ filter reaches less than 20 ms at 8 kHz, and less still at higher rates
# A seek into the last page of an OGG Vorbis file lands beside the target (libsndfile issue 885): seek before it and
# read on. A page has at most 255 packets of at most 1,024 samples.
_VORBIS_PAGE_SAMPLES = 255 * 1024

_UNKNOWN_FORMAT = "Format not recognised"  # in libsndfile's words


class AudioFileError(UserError):
    """An audio file or folder that can't be used: one line with its name, what is wrong and what would work.

    Attributes:
      problem: what is wrong in a word or two: not audio, corrupt, truncated, not finite, unreadable.
      reason: the rest of it.
    """

    def __init__(self, message, problem="unreadable", reason=""):
        super().__init__(message)
        self.problem, self.reason = problem, reason


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says.

    Attributes:
      path: the file.
      sample_rate: Hz, as stored.
      n_channels: as stored.
      n_samples: per channel, at the stored rate.
      encoding: container and sample format in libsndfile's words, such as "WAV PCM_16".
    """

    path: pathlib.Path
    sample_rate: int
    n_channels: int
    n_samples: int
    encoding: str


def probe(path):
    """Reads the header of an audio file.

    Args:
      path: an audio file.

    Returns:
      AudioInfo.

    Raises:
      AudioFileError: the file is missing, a folder, or nothing that libsndfile reads.
    """
    with opened(path) as file:
        encoding = f"{file.format} {file.subtype}"
        return AudioInfo(pathlib.Path(path), file.samplerate, file.channels, file.frames, encoding)


@contextlib.contextmanager
def opened(path):
    """Opens an audio file for the length of a with block.

    Args:
      path: an audio file.

    Yields:
      soundfile.SoundFile, at its first sample.

    Raises:
      AudioFileError: the file can't be opened, or libsndfile found something wrong in it within the block.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        _raise_no_file(path)
    try:
        # Without a buffer, because libsndfile begins where the descriptor stands.
        with open(path, "rb", buffering=0) as plain, soundfile.SoundFile(_source(path, plain), closefd=False) as file:
            if not _SLOWEST_RATE <= file.samplerate <= _FASTEST_RATE:
                reason = f"{file.samplerate} samples per second, which no music has"
                raise AudioFileError(f"{path}: {reason}; correct its header, or take it out", "corrupt", reason)
            yield file
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        if "does not exist" in reason:  # what libsndfile says of what looks like MP3 and isn't
            reason = _UNKNOWN_FORMAT
        problem = "not audio" if reason == _UNKNOWN_FORMAT else "corrupt"
        advice = "convert it to WAV, FLAC, OGG or MP3, or take it out"
        raise AudioFileError(f"{path}: can't be read as audio ({reason}); {advice}", problem, reason) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise AudioFileError(f"{path}: {reason}; make it readable or take it out", reason=reason) from error


def _raise_no_file(path):
    if path.is_dir():
        raise AudioFileError(f"{path}: is a folder; give an audio file", "not audio", "a folder")
    if path.exists():
        raise AudioFileError(f"{path}: is no regular file; give an audio file", "not audio", "no regular file")
    reason = "a broken link" if path.is_symlink() else "no such file"
    raise AudioFileError(f"{path}: no such file, or a broken link; give an audio file", reason=reason)


def _source(path, plain):
    """What soundfile is to open: MP3 as `mp3` says, all else by its descriptor.

    A descriptor has no name, so that content decides. Going by the names .au, .snd, .vox, .gsm and .raw, libsndfile
    takes any bytes for samples; and without the name .mp3 it finds no MP3 behind leading junk.
    """
    source = mp3.source(path, plain)
    return plain.fileno() if source is path and path.suffix.lower() != ".mp3" else source


def n_samples_at(info, sample_rate=SAMPLE_RATE):
    """Length of a file after resampling.

    Args:
      info: AudioInfo.
      sample_rate: target rate in Hz.

    Returns:
      ceil(n_samples * target rate / stored rate), per channel.
    """
    return resampled_length(info.n_samples, info.sample_rate, sample_rate)


def resampled_length(n_samples, from_rate, to_rate):
    return -(-n_samples * to_rate // from_rate)


def resample(waveform, from_rate, to_rate):
    """Changes the sample rate with soxr, quality HQ.

    Args:
      waveform: float `[samples, channels]`.
      from_rate: Hz, integer.
      to_rate: Hz, integer.

    Returns:
      float32 `[ceil(samples * to_rate / from_rate), channels]`; outside its ends the input counts as silence.
    """
    waveform = np.asarray(waveform, np.float32)
    if from_rate == to_rate:
        return waveform
    return resample_part(waveform, 0, from_rate, to_rate, 0, resampled_length(len(waveform), from_rate, to_rate))


def margin_samples(from_rate, to_rate):
    """Input samples beside a block: enough for the filter, and a whole number of output samples."""
    period = from_rate // math.gcd(from_rate, to_rate)
    return math.ceil(_MARGIN_SECONDS * from_rate / period) * period


def _input_span(from_rate, to_rate, start, stop):
    """First and last + 1 input sample that the blocks of output samples start..stop are made from."""
    margin = margin_samples(from_rate, to_rate)
    return start // to_rate * from_rate - margin, -(-stop // to_rate) * from_rate + margin


def resample_part(known, known_start, from_rate, to_rate, start, stop):
    """Output samples start..stop of an input of which the samples from known_start on are known.

    Args:
      known: float32 `[samples, channels]`, all of the input that lies in `_input_span`.

    Returns:
      float32 `[stop - start, channels]`.
    """
    margin = margin_samples(from_rate, to_rate)
    skip = margin * to_rate // from_rate
    output = np.empty((stop - start, known.shape[1]), np.float32)
    for second in range(start // to_rate, -(-stop // to_rate)):
        first = second * from_rate - margin - known_start  # in known
        part = known[max(first, 0) : first + from_rate + 2 * margin]
        block = np.zeros((from_rate + 2 * margin, known.shape[1]), np.float32)
        block[max(-first, 0) :][: len(part)] = part
        resampled = soxr.resample(block, from_rate, to_rate, "HQ")[skip : skip + to_rate]
        origin = second * to_rate
        low, high = max(start, origin), min(stop, origin + to_rate)
        output[low - start : high - start] = resampled[low - origin : high - origin]
    return output


def read(path, start=0, n_samples=None, sample_rate=SAMPLE_RATE, side=None):
    """Reads a part of an audio file, or all of it, as stereo at one rate.

    Args:
      path: an audio file.
      start: first sample to return, counted at `sample_rate`, not negative.
      n_samples: how many, counted at `sample_rate`; None: all that follow.
      sample_rate: of the result, Hz.
      side: 0 or 1 for the left or the right one alone, which takes less time where it is resampled; None for both.

    Returns:
      float32 `[samples, 2]`, or `[samples, 1]` of a side; like a slice, shorter than `n_samples` where the file ends.

    Raises:
      AudioFileError: the file can't be read, ends before the length in its header, or has samples that are not finite.
    """
    with opened(path) as file:
        sides = slice(None) if side is None else slice(side, side + 1)
        total = resampled_length(file.frames, file.samplerate, sample_rate)
        start = min(start, total)
        stop = total if n_samples is None else min(start + n_samples, total)
        if file.samplerate == sample_rate:
            return _read_span(file, path, start, stop)[:, sides]
        first, last = _input_span(file.samplerate, sample_rate, start, stop)
        first, last = max(first, 0), min(last, file.frames)
        known = _read_span(file, path, first, max(first, last))[:, sides]
        return resample_part(known, first, file.samplerate, sample_rate, start, stop)


def _read_span(file, path, start, stop):
    """float32 `[stop - start, 2]` of a freshly opened file, at its own rate."""
    lead = 0
    if file.subtype == "VORBIS" and start > file.frames - _VORBIS_PAGE_SAMPLES:
        lead = start - max(file.frames - _VORBIS_PAGE_SAMPLES, 0)
    file.seek(start - lead)
    return read_on(file, path, start - lead, stop - start + lead)[lead:]


def read_on(file, path, position, n_samples, watch=None):
    """Reads on in a file.

    Args:
      file: an open one, that stands at sample `position`.
      path: of it, for errors.
      position: see `file`.
      n_samples: how many, at the file's own rate.
      watch: function that is shown the samples as they are stored, float32 `[samples, channels]`, or None.

    Returns:
      float32 `[n_samples, 2]`.

    Raises:
      AudioFileError: as `read`.
    """
    waveform = _stored(file, path, position, n_samples)
    if watch is not None:
        watch(waveform)
    if file.subtype == "VORBIS":
        waveform = channels.from_vorbis(waveform)
    return channels.to_stereo(waveform)


def _stored(file, path, position, n_samples):
    """float32 `[n_samples, channels]` of an open file that stands at sample `position`."""
    try:
        waveform = file.read(n_samples, dtype="float32", always_2d=True)
    except (MemoryError, OverflowError) as error:
        reason = f"{n_samples} samples, as its header says, don't fit into memory"
        raise AudioFileError(f"{path}: {reason}; cut it into parts, or correct it", "corrupt", reason) from error
    if len(waveform) < n_samples:
        reason = f"only {position + len(waveform)} of {file.frames} samples are there"
        advice = "get the whole file, or convert what is left to a new one"
        raise AudioFileError(f"{path}: truncated, {reason}; {advice}", "truncated", reason)
    if waveform.size and not (waveform.min() > -_LARGEST and waveform.max() < _LARGEST):
        first = position + int(np.argmin((np.abs(waveform) < _LARGEST).all(axis=1)))
        reason = f"NaN or infinity at {first / file.samplerate:.3f} s"
        raise AudioFileError(f"{path}: {reason}; write the file again, or take it out", "not finite", reason)
    return waveform
