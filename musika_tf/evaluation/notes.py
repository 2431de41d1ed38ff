"""Which notes sound, by Basic Pitch (Bittner et al. 2022, arXiv:2203.09893): how much of the pitch a system keeps.

The network is the TFLite file of the wheel `basic-pitch` (Spotify, Apache-2.0), whose own code is never imported. It
hears 22,050 Hz mono in windows of 43,844 samples and gives 172 frames of 256 samples each. Windows overlap by 30
frames, and 15 are cut off on each side:

    window 0    |<-15->|<------ 142 frames ------>|<-15->|
    window 1                               |<-15->|<------ 142 frames ------>|<-15->|

Windows start every 36,164 samples, a little less than 142 frames, so a frame's time is counted from its window's.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import tensorflow as tf

from musika_tf.errors import UserError

SAMPLE_RATE = 22_050
HOP_LENGTH = 256
N_PITCHES = 88  # MIDI 21 to 108, the piano's keys
SOUNDS = 0.3  # posterior above which a note sounds
STARTS = 0.5  # posterior above which a peak is an onset; this and the next are Basic Pitch's own settings
SHORTEST_FRAMES = 11  # 128 ms: a note lasts longer, and a gap in it is shorter
ONSET_TOLERANCE = 0.05  # seconds, as MIREX and mir_eval have it
LOWEST_MIDI = 21
EXCERPT_SECONDS = 24  # enough for figures of a piece

_WINDOW = 2 * SAMPLE_RATE - HOP_LENGTH
_CUT_FRAMES = 15
_STEP = _WINDOW - 2 * _CUT_FRAMES * HOP_LENGTH
_WINDOW_FRAMES = 172 - 2 * _CUT_FRAMES
_BATCH_WINDOWS = 32  # a minute of audio; bounds the memory


@dataclass(frozen=True)
class Heard:
    """Posteriors of notes that sound (`note`) and that start (`onset`), float32 `[frames, 88]` each, in 0..1."""

    note: np.ndarray
    onset: np.ndarray


class BasicPitch:
    """The network, by `BasicPitch.load()`; call it with a waveform."""

    def __init__(self, path):
        """Args: path: of nmp.tflite."""
        self._run = tf.lite.Interpreter(str(path), num_threads=1).get_signature_runner()

    @classmethod
    def load(cls):
        """The network of the installed wheel; UserError if that is missing or has none."""
        spec = importlib.util.find_spec("basic_pitch")  # finds a top-level package without running it
        if spec is None or not spec.submodule_search_locations:
            raise UserError("Basic Pitch is missing: pip install --no-deps basic-pitch==0.4.0")
        path = Path(spec.submodule_search_locations[0]) / "saved_models" / "icassp_2022" / "nmp.tflite"
        if not path.is_file():
            raise UserError(f"{path}: missing; pip install --force-reinstall --no-deps basic-pitch==0.4.0")
        return cls(path)

    def __call__(self, waveform, sample_rate=44_100):
        """Hears a waveform float32 `[samples, 2]` or `[samples]`: `Heard`, 86 frames a second. ValueError where there
        are no samples, or values that are not finite."""
        mono = np.asarray(waveform, np.float32)
        mono = mono.mean(axis=1) if mono.ndim == 2 else mono
        if not mono.size or not np.isfinite(mono).all():
            raise ValueError("Basic Pitch needs samples, all of them finite")
        mono = soxr.resample(mono, sample_rate, SAMPLE_RATE)
        n_windows = -(-len(mono) // _STEP)
        before = _CUT_FRAMES * HOP_LENGTH
        padded = np.pad(mono, (before, n_windows * _STEP + before - len(mono)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP, :, None]
        batches = [self._run(input_2=windows[i : i + _BATCH_WINDOWS]) for i in range(0, n_windows, _BATCH_WINDOWS)]
        n_frames = np.count_nonzero(_times(n_windows * _WINDOW_FRAMES) < len(mono) / SAMPLE_RATE)
        return Heard(*(_joined([batch[name] for batch in batches])[:n_frames] for name in ("note", "onset")))


def excerpt(waveform, sample_rate=44_100):
    """The middle 24 s of a waveform `[samples, ...]`, or all of a shorter one."""
    n_samples = EXCERPT_SECONDS * sample_rate
    start = max(0, (len(waveform) - n_samples) // 2)
    return waveform[start : start + n_samples]


def _joined(batches):
    """List of `[windows, 172, 88]` -> `[windows * 142, 88]`."""
    return np.concatenate(batches)[:, _CUT_FRAMES:-_CUT_FRAMES].reshape(-1, N_PITCHES)


def _times(n_frames):
    """Seconds from the beginning to each frame, `[n_frames]`."""
    window, frame = np.divmod(np.arange(n_frames), _WINDOW_FRAMES)
    return (window * _STEP + frame * HOP_LENGTH) / SAMPLE_RATE


@dataclass(frozen=True)
class NoteFigures:
    """What is heard of one piece; None where nothing sounds.

    Attributes:
      polyphony: mean number of pitches that sound (posterior above 0.3), over all frames.
      pitch_low, pitch_high: 5th and 95th percentile, MIDI, of the pitches that sound, each frame counted.
      sharpness: 0..1, see `sharpness`.
      note_rate: notes (`onsets`) per second.
    """

    polyphony: float
    pitch_low: float | None
    pitch_high: float | None
    sharpness: float | None
    note_rate: float


def figures(heard):
    """`NoteFigures` of a `Heard`; ValueError if it has no frames."""
    if not len(heard.note):
        raise ValueError("figures of notes need a frame at least")
    sounding = heard.note > SOUNDS
    pitches = LOWEST_MIDI + np.nonzero(sounding)[1]
    low, high = np.percentile(pitches, [5, 95]) if len(pitches) else (None, None)
    seconds = _times(len(heard.note))[-1] + HOP_LENGTH / SAMPLE_RATE
    return NoteFigures(
        polyphony=float(sounding.sum(axis=1).mean()),
        pitch_low=None if low is None else float(low),
        pitch_high=None if high is None else float(high),
        sharpness=sharpness(heard.note),
        note_rate=sum(map(len, onsets(heard))) / float(seconds),
    )


def sharpness(note):
    """Share of the posterior's mass that lies in clear peaks, of float `[frames, 88]`: mean over the frames with sound.

    The network's posterior is about 0.1 where nothing sounds, so mass is what exceeds the frame's median over pitches:

        excess    = max(0, note - median over pitches)
        peak      = a pitch above 0.3 and above the pitch below, and no less than the one above
        sharpness = sum of excess over the peaks / sum of excess over all pitches

    A frame has sound if its excess sums to more than 0.3. A recorded piano has 0.7, white noise 0.04.

    Returns:
      1 if single pitches stand out and all others are equal, 1/3 for three equal ones side by side, 0 if none passes
      0.3; None if no frame has sound.
    """
    excess = np.maximum(note - np.median(note, axis=1, keepdims=True), 0)
    below, above = np.pad(note, ((0, 0), (1, 0)))[:, :-1], np.pad(note, ((0, 0), (0, 1)))[:, 1:]
    peaks = (note > SOUNDS) & (note > below) & (note >= above)
    mass = excess.sum(axis=1)
    has_sound = mass > SOUNDS
    if not has_sound.any():
        return None
    return float(np.mean((excess * peaks).sum(axis=1)[has_sound] / mass[has_sound]))


def frame_f1(original, made):
    """F1 over all frames and pitches of what sounds (posterior above 0.3) in two `Heard` of equal length; 1 where both
    hear nothing."""
    wanted, found = original.note > SOUNDS, made.note > SOUNDS
    return _f1(np.count_nonzero(wanted & found), np.count_nonzero(wanted), np.count_nonzero(found))


def note_f1(original, made):
    """F1 of the notes of two `Heard`: one is found where another of its pitch starts within 50 ms, each used once; 1
    where both have no note."""
    wanted, found = onsets(original), onsets(made)
    hits = sum(_matches(a, b) for a, b in zip(wanted, found, strict=True))
    return _f1(hits, sum(map(len, wanted)), sum(map(len, found)))


def onsets(heard):
    """Seconds at which the notes of a `Heard` start: 88 ascending arrays, one a pitch.

    A note starts at a peak over time of the onset posterior, 0.5 at least, and lasts for more than 11 frames of note
    posterior above 0.3; gaps of up to 10 frames count as sounding.
    """
    times = _times(len(heard.onset))
    middle = heard.onset[1:-1]
    peaks = (middle >= STARTS) & (middle > heard.onset[:-2]) & (middle >= heard.onset[2:])
    starts = [np.flatnonzero(column) + 1 for column in peaks.T]
    sounding = [np.flatnonzero(column) for column in (heard.note > SOUNDS).T]
    return [times[[i for i in at if _lasts(i, on)]] for at, on in zip(starts, sounding, strict=True)]


def _lasts(start, sounding):
    """Whether the frames of `sounding` (ascending) that follow frame `start` make a note."""
    after = np.concatenate([[start], sounding[sounding > start]])
    gaps = np.flatnonzero(np.diff(after) > SHORTEST_FRAMES)
    last = after[gaps[0]] if len(gaps) else after[-1]
    return last - start >= SHORTEST_FRAMES


def _matches(first, second):
    """How many pairs of two ascending arrays of seconds are within the tolerance; the earliest that fits is right."""
    i = j = hits = 0
    while i < len(first) and j < len(second):
        apart = first[i] - second[j]
        close = abs(apart) <= ONSET_TOLERANCE
        hits += close
        i, j = i + (close or apart < 0), j + (close or apart > 0)
    return hits


def _f1(hits, n_wanted, n_found):
    return 2 * hits / (n_wanted + n_found) if n_wanted + n_found else 1.0
