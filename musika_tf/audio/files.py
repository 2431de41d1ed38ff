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
import os
import pathlib

import numpy as np
import soundfile
import soxr

from musika_tf.audio import mp3
from musika_tf.errors import UserError

SAMPLE_RATE = 44_100  # Hz, of every waveform inside musika_tf
EXTENSIONS = (".aif", ".aiff", ".au", ".caf", ".flac", ".mp3", ".oga", ".ogg", ".opus", ".w64", ".wav")

_SLOWEST_RATE, _FASTEST_RATE = 1000, 1_000_000  # Hz; a damaged header may say anything, and resampling would believe it
_MARGIN_SECONDS = 0.1  # the HQ filter reaches less than 20 ms at 8 kHz, and less still at higher rates
# A seek into the last page of an OGG Vorbis file lands beside the target (libsndfile issue 885): seek before it and
# read on. A page has at most 255 packets of at most 1,024 samples.
_VORBIS_PAGE_SAMPLES = 255 * 1024

# Each input channel's place, in the order of WAVE_FORMAT_EXTENSIBLE: left, right, centre, low frequency, left and
# right surround, back centre. Quadraphonic back channels count as surround.
_LAYOUTS = {3: "LRC", 4: "LRlr", 5: "LRClr", 6: "LRCFlr", 7: "LRCFblr", 8: "LRCFlrlr"}
_LEFT_GAINS = {"L": 1.0, "C": math.sqrt(0.5), "l": math.sqrt(0.5), "b": 0.5}  # ITU-R BS.775
_RIGHT_GAINS = {"R": 1.0, "C": math.sqrt(0.5), "r": math.sqrt(0.5), "b": 0.5}
# Vorbis stores the channels in an order of its own; where each channel of the layouts above is found.
_VORBIS_ORDER = {3: [0, 2, 1], 5: [0, 2, 1, 3, 4], 6: [0, 2, 1, 5, 3, 4], 7: [0, 2, 1, 6, 5, 3, 4],
                 8: [0, 2, 1, 7, 5, 6, 3, 4]}  # fmt: skip


class AudioFileError(UserError):
    """An audio file or folder that can't be used: one line with its name, what is wrong and what would work."""


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


def find_audio(path):
    """Lists the audio files of a folder, or the one file that is named.

    Folders are searched recursively, links to folders not followed; hidden files and folders are skipped. A broken
    link is listed like a file, so that reading it says what is wrong.

    Args:
      path: a folder, or a file (of any extension: it was named on purpose).

    Returns:
      list of pathlib.Path, sorted by the path relative to the folder.

    Raises:
      AudioFileError: the path does not exist, or the folder holds no audio file.
    """
    path = pathlib.Path(path)
    if not path.exists():
        raise AudioFileError(f"{path}: no such file or folder; give an audio file or a folder of them")
    if not path.is_dir():
        return [path]
    found = []
    for folder, subfolders, names in os.walk(path):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [pathlib.Path(folder, name) for name in names if _is_named_like_audio(name)]
    if not found:
        raise AudioFileError(f"{path}: no audio in this folder; accepted are files named *{' *'.join(EXTENSIONS)}")
    return sorted(found, key=lambda file: file.relative_to(path).as_posix())


def _is_named_like_audio(name):
    return not name.startswith(".") and name.lower().endswith(EXTENSIONS)


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
    if path.is_dir():
        raise AudioFileError(f"{path}: is a folder; give an audio file")
    if not path.exists():
        raise AudioFileError(f"{path}: no such file, or a broken link; give an audio file")
    try:
        with _sound_file(path) as file:
            if not _SLOWEST_RATE <= file.samplerate <= _FASTEST_RATE:
                reason = f"{file.samplerate} samples per second, which no music has"
                raise AudioFileError(f"{path}: {reason}; correct its header, or take it out")
            yield file
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        if "does not exist" in reason:  # what libsndfile says of any file named .mp3 that isn't one
            reason = "Format not recognised"
        raise AudioFileError(
            f"{path}: can't be read as audio ({reason}); convert it to WAV, FLAC, OGG or MP3, or take it out"
        ) from error
    except OSError as error:
        raise AudioFileError(f"{path}: {error.strerror or error}; make it readable or take it out") from error


def _sound_file(path):
    try:
        return soundfile.SoundFile(mp3.source(path))
    except TypeError as error:  # a name like x.raw promises samples without a header, whose rate nobody knows
        raise AudioFileError(f"{path}: named like samples without a header; convert it to WAV or FLAC") from error


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


def to_stereo(waveform):
    """Left and right of a waveform with any number of channels.

    One channel is copied to both sides; two stay as they are. Three to eight channels, in the order of
    WAVE_FORMAT_EXTENSIBLE, follow ITU-R BS.775: left = L + 0.707 C + 0.707 Ls (+ 0.5 back centre), the low-frequency
    channel dropped, all divided by the sum of the gains so that it can't clip. More than eight: left is the
    mean of the channels 0, 2, 4 ..., right of 1, 3, 5 ...

    Args:
      waveform: `[samples, channels]`.

    Returns:
      float32 `[samples, 2]`.

    Raises:
      ValueError: the waveform isn't two-dimensional or has no channel.
    """
    waveform = np.asarray(waveform, np.float32)
    if waveform.ndim != 2 or waveform.shape[1] == 0:
        raise ValueError(f"waveform must be [samples, channels], got {list(waveform.shape)}")
    n_channels = waveform.shape[1]
    if n_channels == 1:
        return np.repeat(waveform, 2, axis=1)
    if n_channels == 2:
        return waveform
    layout = _LAYOUTS.get(n_channels) or ("LR" * n_channels)[:n_channels]
    # Summed channel by channel and not as a matrix product, whose rounding depends on the number of rows.
    return np.stack([_mix(waveform, layout, gains) for gains in (_LEFT_GAINS, _RIGHT_GAINS)], axis=1)


def _mix(waveform, layout, gains):
    """Weighted mean of the channels, float32 `[samples]`."""
    weights = np.array([gains.get(place, 0.0) for place in layout])
    weights = (weights / weights.sum()).astype(np.float32)
    return sum(waveform[:, channel] * weight for channel, weight in enumerate(weights) if weight)


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
            return _finite(_read_span(file, path, start, stop)[:, sides], path)
        first, last = _input_span(file.samplerate, sample_rate, start, stop)
        first, last = max(first, 0), min(last, file.frames)
        known = _finite(_read_span(file, path, first, max(first, last))[:, sides], path)
        return _finite(resample_part(known, first, file.samplerate, sample_rate, start, stop), path)


def _finite(waveform, path):
    """The waveform, unless it has samples that are no numbers: one alone would end a training in NaN."""
    if waveform.size and not (math.isfinite(waveform.min()) and math.isfinite(waveform.max())):
        raise AudioFileError(f"{path}: has samples that are no finite numbers (NaN, inf); repair it or take it out")
    return waveform


def _read_span(file, path, start, stop):
    """float32 `[stop - start, 2]` of a freshly opened file, at its own rate."""
    lead = 0
    if file.subtype == "VORBIS" and start > file.frames - _VORBIS_PAGE_SAMPLES:
        lead = start - max(file.frames - _VORBIS_PAGE_SAMPLES, 0)
    file.seek(start - lead)
    return read_on(file, path, start - lead, stop - start + lead)[lead:]


def read_on(file, path, position, n_samples):
    """float32 `[n_samples, 2]` of an open file that stands at sample `position`, at its own rate."""
    try:
        waveform = file.read(n_samples, dtype="float32", always_2d=True)
    except (MemoryError, OverflowError) as error:
        reason = f"{n_samples} samples, as its header says, don't fit into memory"
        raise AudioFileError(f"{path}: {reason}; cut it into parts, or correct it") from error
    if len(waveform) < n_samples:
        raise AudioFileError(
            f"{path}: truncated, only {position + len(waveform)} of {file.frames} samples are there; "
            "get the whole file, or convert what is left to a new one"
        )
    if file.subtype == "VORBIS" and file.channels in _VORBIS_ORDER:
        waveform = waveform[:, _VORBIS_ORDER[file.channels]]
    return to_stereo(waveform)
