"""Any audio file -> float32 waveform `[samples, 2]` in [-1, 1], exactly.

One law holds for every format and every rate: `read(path, start, n)` equals `read(path)[start:start + n]`, and only
about that much is decoded, so that memory stays bounded however long a file is. Equal means bit for bit; only two
decoders never quite forget where they started: Opus differs by some 1e-9, MP3 of 24 kHz or less by up to 1e-6.

Another law: every sample that decodes is read. `headers` finds the files whose own word on their length is not to be
trusted, and what soundfile is given in their place. What soundfile doesn't read, `ffmpeg` does, where it is installed.
"""

import contextlib
import dataclasses
import pathlib

import numpy as np
import soundfile

from musika_tf.audio import channels, ffmpeg, headers
from musika_tf.audio.errors import AudioFileError
from musika_tf.audio.resampling import input_span, resample_part, resampled_length
from musika_tf.audio.source import SplicedFile, remembered

SAMPLE_RATE = 44_100  # Hz, where a caller names no other; a model's is in its AutoencoderConfig

_SLOWEST_RATE, _FASTEST_RATE = 1000, 1_000_000  # Hz; a damaged header may say anything, and resampling would believe it
_LARGEST = 1e9  # what is beyond is as good as infinite: resampled or squared it may well be
_COUNTED = 1 << 16  # samples decoded at a time to count them
# A seek into the last page of an OGG Vorbis file lands beside the target (libsndfile issue 885): seek before it and
# read on. A page has at most 255 packets of at most 1,024 samples.
_VORBIS_PAGE_SAMPLES = 255 * 1024
_MP3_PERIOD = 4608  # samples, after which mpg123's filter bank stands, and so rounds, as at the beginning
_MP3_RESERVOIR = 2 * _MP3_PERIOD  # a frame's bits may lie in up to ten frames before it; mpg123 goes back by four
# Codecs without an exact seek.
_IN_ORDER = ("GSM610", "G721", "G723", "DWVW", "NMS_ADPCM", "VOX")  # and what follows
_IN_ORDER_LAYERS = ("MPEG_LAYER_I", "MPEG_LAYER_II")  # not III

_FULL_SCALES = {"ALAW": 32256 / 2**15, "ULAW": 32124 / 2**15, "PCM_U8": 1 - 2**-7, "PCM_S8": 1 - 2**-7}
_SOUND_NAMES = (".m4a", ".m4b", ".mka", ".wma", ".aac", ".oga", ".ogg", ".opus")  # pictures in them are covers


@dataclasses.dataclass(frozen=True)
class AudioInfo:
    """What there is in an audio file.

    Attributes:
      sample_rate, n_channels: as stored, the rate in Hz.
      n_samples: per channel, at the stored rate: what decodes, or what the header promises if that is more.
      encoding: container and sample format in libsndfile's words, such as "WAV PCM_16", or in ffmpeg's.
      as_stored: whether any decoder finds the same by the header alone.
      notes: pairs (flag, note) of what is to be said of it, such as what of the file is not read.
    """

    path: pathlib.Path
    sample_rate: int
    n_channels: int
    n_samples: int
    encoding: str
    as_stored: bool = True
    notes: tuple = ()

    @property
    def seconds(self):
        return self.n_samples / self.sample_rate


def probe(path):
    """AudioInfo of an audio file; cheap where its header can be trusted, remembered until it changes.

    Raises:
      AudioFileError: the file is missing, a folder, or nothing that libsndfile or an installed ffmpeg reads.
    """
    path = pathlib.Path(path)
    with _failures_named(path):
        return _probe(path)


@remembered
def _probe(path):
    with opened(path) as file:
        if isinstance(file, ffmpeg.Decoder):
            return _described(path)
        source = headers.find(path)
        encoding, notes = f"{file.format} {file.subtype}", source.notes
        n_samples = file.frames if source.n_samples is None else source.n_samples
        if source.recount or file.format != "MP3" and file.subtype.startswith("MPEG_LAYER"):  # no length is stated
            counted, complaint = _count(path)
            n_samples = file.frames if source.recount else counted
            if complaint:
                notes += (("damaged", f"what follows {counted / file.samplerate:.1f} s does not decode ({complaint})"),)
        if source.more:
            notes += (("partly", f"{source.more} not used; to use them, {ffmpeg.HOW_TO_INSTALL}"),)
        return AudioInfo(path, file.samplerate, file.channels, n_samples, encoding, not source.splice, notes)


def _described(path):
    """AudioInfo of a file that ffmpeg reads."""
    found, (n_samples, complaint) = ffmpeg.describe(path), ffmpeg.count(path)
    notes = ()
    if complaint:
        notes += (("damaged", f"not all of it decodes (ffmpeg: {complaint})"),)
    if found.n_streams > 1:
        notes += (("partly", f"the first of its {found.n_streams} audio streams used"),)
    n_samples += round(ffmpeg.missing_seconds(found, n_samples) * found.sample_rate)
    return AudioInfo(path, found.sample_rate, found.n_channels, n_samples, found.encoding, False, notes)


@remembered
def _count(path):
    """Number of samples that soundfile decodes, and what it says where it then fails, else ""."""
    n_samples = 0
    with opened(path, counting=True) as file:
        in_order(file)
        try:
            while n := len(file.read(_COUNTED, dtype="float32", always_2d=True)):
                n_samples += n
        except soundfile.LibsndfileError as error:
            if not n_samples:
                raise
            return n_samples, _reason(error)
    return n_samples, ""


def _reason(error):
    return error.error_string.removeprefix("Error : ").rstrip(".")


@contextlib.contextmanager
def opened(path, random_access=False, counting=False):
    """An audio file, at its first sample, as a soundfile.SoundFile or what reads like one, for a with block.

    Args:
      random_access: whether parts of it will be read that lie far from its beginning.
      counting: whether to open it so that it may promise more samples than it has.

    Raises:
      AudioFileError: the file can't be opened, or libsndfile found something wrong in it within the block.
    """
    path = pathlib.Path(path)
    with _failures_named(path), contextlib.ExitStack() as stack:
        source = headers.find(path)
        if source.more and ffmpeg.is_installed():
            yield _by_ffmpeg(path, stack, random_access)
            return
        splice = source.splice
        if source.recount and not counting:
            splice = source.recount(_count(path)[0])
        # Without a buffer, because libsndfile begins where the descriptor stands.
        plain = stack.enter_context(open(path, "rb", buffering=0))
        # A descriptor has no name, so that content decides: going by the names .au, .snd, .vox, .gsm and .raw,
        # libsndfile takes any bytes for samples.
        given = SplicedFile(splice, plain) if splice else plain.fileno()
        try:
            file = stack.enter_context(soundfile.SoundFile(given, closefd=False))
        except soundfile.LibsndfileError as error:
            if not (name := headers.signature(path)):
                raise
            file = _by_ffmpeg(path, stack, random_access, name, error)
        if not _SLOWEST_RATE <= file.samplerate <= _FASTEST_RATE:
            reason = f"{file.samplerate} samples per second, which no music has"
            raise AudioFileError(f"{path}: {reason}; correct its header, or take it out", "corrupt", reason)
        yield file


def _by_ffmpeg(path, stack, random_access, name="", error=None):
    """Opens what soundfile does not read."""
    if not ffmpeg.is_installed():
        how = ffmpeg.HOW_TO_INSTALL
        message = f"{path}: {name}, which is read where ffmpeg is installed; {how}, or convert it to FLAC"
        raise AudioFileError(message, "needs ffmpeg", f"{name}: {how}") from error
    if ffmpeg.describe(path).has_pictures and path.suffix.lower() not in _SOUND_NAMES:
        raise AudioFileError(f"{path}: a film; save its sound as a file of its own", "not audio", "a film")
    return stack.enter_context(ffmpeg.random_access(path) if random_access else ffmpeg.Decoder(path))


@contextlib.contextmanager
def _failures_named(path):
    """Within it, what the disk or libsndfile finds wrong with a file becomes an AudioFileError."""
    if not path.is_file():
        _raise_no_file(path)
    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = _reason(error)
        problem = "not audio" if reason == "Format not recognised" else "corrupt"
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


def n_samples_at(info, sample_rate=SAMPLE_RATE):
    """Samples per channel of the file of an AudioInfo at another rate in Hz."""
    return resampled_length(info.n_samples, info.sample_rate, sample_rate)


def read(path, start=0, n_samples=None, sample_rate=SAMPLE_RATE):
    """A part of an audio file, or all of it, as stereo at `sample_rate` Hz.

    Args:
      start: first sample to return, counted at `sample_rate`, not negative.
      n_samples: how many, counted at `sample_rate`; None: all that follow.

    Returns:
      float32 `[samples, 2]`; like a slice, shorter than `n_samples` where the file ends.

    Raises:
      AudioFileError: the file can't be read, ends before the length in its header, or has samples that are not finite.
    """
    info = probe(path)
    total = n_samples_at(info, sample_rate)
    start = min(start, total)
    stop = total if n_samples is None else min(start + n_samples, total)
    if info.sample_rate == sample_rate:
        return _read_span(info, start, stop)
    first, last = input_span(info.sample_rate, sample_rate, start, stop)
    first, last = max(first, 0), min(last, info.n_samples)
    known = _read_span(info, first, max(first, last))
    return resample_part(known, first, info.sample_rate, sample_rate, start, stop)


def _read_span(info, start, stop):
    """float32 `[stop - start, 2]` of a file at its own rate."""
    with opened(info.path, random_access=start > 0) as file:
        if (lead := _sought(file, info, start)) is not None:
            return read_on(file, info, start - lead, stop - start + lead)[lead:]
    with opened(info.path) as file:
        _skip(file, start)
        return read_on(file, info, start, stop - start)


def _sought(file, info, start):
    """Seeks to a sample or one before it; returns how many before, None where the file has to be read on."""
    if not can_seek(file):
        return None
    lead = min(start % _MP3_PERIOD + _MP3_RESERVOIR, start) if file.subtype == "MPEG_LAYER_III" else 0
    if file.subtype == "VORBIS" and start > info.n_samples - _VORBIS_PAGE_SAMPLES:
        lead = start - max(info.n_samples - _VORBIS_PAGE_SAMPLES, 0)
    try:
        file.seek(start - lead)
    except soundfile.LibsndfileError:  # one false number in the header of a FLAC file suffices; all of it decodes
        return None
    return lead


def can_seek(file):
    """Whether an open file can be entered anywhere, exactly."""
    return file.seekable() and not file.subtype.startswith(_IN_ORDER) and file.subtype not in _IN_ORDER_LAYERS


def _skip(file, n_samples):
    """Brings a file whose codec can't seek from its beginning to a sample."""
    in_order(file)
    while n_samples > 0 and (n := len(file.read(min(n_samples, _COUNTED), dtype="float32", always_2d=True))):
        n_samples -= n


def in_order(file):
    """Makes a soundfile.SoundFile read on without seeking.

    After every read soundfile seeks to where it is, if the file allows it: some codecs fail at that, mpg123 then rounds
    otherwise, and the last page of an Opus file decodes to something else.
    """
    file.seekable = lambda: False


def read_on(file, info, position, n_samples, watch=None):
    """float32 `[n_samples, 2]` of an open file that stands at sample `position`, at its own rate; errors as `read`.

    Args:
      watch: function that is shown the samples as they are stored, float32 `[samples, channels]`, and the largest value
        that their encoding has; or None.
    """
    try:
        waveform = file.read(n_samples, dtype="float32", always_2d=True)
    except (MemoryError, OverflowError) as error:
        reason = f"{n_samples} samples, as its header says, don't fit into memory"
        raise AudioFileError(f"{info.path}: {reason}; cut it into parts, or correct it", "corrupt", reason) from error
    if len(waveform) < n_samples:
        reason = f"only {position + len(waveform)} of {info.n_samples} samples are there"
        advice = "get the whole file, or convert what is left to a new one"
        raise AudioFileError(f"{info.path}: truncated, {reason}; {advice}", "truncated", reason)
    if waveform.size and not (waveform.min() > -_LARGEST and waveform.max() < _LARGEST):
        first = position + int(np.argmin((np.abs(waveform) < _LARGEST).all(axis=1)))
        reason = f"NaN or infinity at {first / info.sample_rate:.3f} s"
        raise AudioFileError(f"{info.path}: {reason}; write the file again, or take it out", "not finite", reason)
    if watch is not None:
        watch(waveform, _FULL_SCALES.get(file.subtype, 1.0))
    if file.subtype in ("VORBIS", "OPUS"):
        waveform = channels.from_vorbis(waveform)
    return channels.to_stereo(waveform, getattr(file, "layout", ""))
