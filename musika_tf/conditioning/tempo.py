"""Tempo in beats per minute, one number for a whole piece.

Tempo-CNN (Schreiber & Müller 2018) hears twelve seconds at once and returns a distribution over 30..285 BPM. The tempo
is the peak of the mean over the piece, interpolated between classes; the confidence is the share of the mean around it.
"""

import dataclasses
import functools
import importlib.util
import itertools
import warnings

import numpy as np

from musika_tf.conditioning import curves
from musika_tf.conditioning.recording import Recording, spans
from musika_tf.conditioning.signal import SAMPLE_RATE, Extracted, Signal, check_range, is_number, is_positive, warn_once
from musika_tf.errors import UserError

EXTRA = "extra tempo, for Python below 3.12: pip install -e '.[tempo]'"
MODEL = "fcn"
# Below, the piece's parts disagree: it has no one tempo. Rendered techno has 0.8 to 1; rendered piano, which breathes
# and changes its tempo from excerpt to excerpt, 0.3 to 0.6. It says nothing of what is no music: noise can have 0.8.
LEAST_CONFIDENCE = 0.4
USUAL = (120.0, 130.0)  # BPM
_SLOWEST = 30  # BPM of class 0
_AROUND = 0.04  # what counts as the same tempo, a share of it: MIREX's tolerance
_RATE = 11_025  # of the audio that Tempo-CNN hears
_FFT, _WINDOW_FRAMES = 1024, 256  # of its spectra, and of what it hears at once
_SPAN_FRAMES = 4096  # of the spectra made at once, three minutes
_BATCH_WINDOWS = 32
_LIBROSA_SECONDS = 300  # it hears longer pieces part by part, since its memory grows with them
_STEADY = 0.1  # intervals further from the median are missed or doubled beats


def span(metadata):
    """(lowest, highest) BPM that training saw, or the usual ones of a beat clock without a tempo."""
    ranges = (row["range"] for row in metadata["conditioning"] if row["name"] == "tempo")
    return tuple(next(ranges, USUAL))


def drawn(style_seed, low, high):
    """The tempo that a style draws between float32 scalars `low` and `high` BPM, a whole number if there is one."""
    import tensorflow as tf

    from musika_tf.randomness import Stream, truncated_normal_rows

    # A truncated normal favours the middle, where training saw the most context.
    offset = truncated_normal_rows(style_seed, Stream.CONDITIONING, 0, 1, 1, 2.0)[0, 0] / 2.0
    whole = tf.round((low + high) / 2.0 + offset * (high - low) / 2.0)
    return tf.clip_by_value(tf.clip_by_value(whole, tf.math.ceil(low), tf.floor(high)), low, high)


def estimate(audio, estimator):
    """(BPM, confidence 0..1) of a piece, `[samples, 2]` at 44.1 kHz or a Recording, by one of ESTIMATORS.

    Raises:
      UserError: librosa finds no beats.
    """
    return ESTIMATORS[estimator](Recording.of(audio))


def installed():
    """Whether Tempo-CNN can be imported; nothing is imported to find out."""
    return importlib.util.find_spec("tempocnn") is not None


def _by_tempocnn(recording):
    classifier, distributions = _classifier(), []
    windows = classifier.normalize(_windows(recording))  # by the whole piece
    for start in range(0, len(windows), _BATCH_WINDOWS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Keras 3 on how the stored model names its input
            distributions.append(classifier.model(windows[start : start + _BATCH_WINDOWS], training=False))
    return peak(np.mean(np.concatenate(distributions), axis=0, dtype=np.float64))


def _windows(recording):
    """Mel spectra `[windows, 40, 256, 1]`, as Tempo-CNN's `read_features` makes them of a file."""
    import librosa

    edge = np.zeros([_FFT // 2], np.float32)
    chunks = itertools.chain([edge], recording.mono_at(_RATE), [edge])
    hop, mel = _FFT // 2, []
    for span in spans(chunks, (_SPAN_FRAMES - 1) * hop + _FFT, _SPAN_FRAMES * hop):
        if len(span) >= _FFT:
            settings = {"n_fft": _FFT, "hop_length": hop, "power": 1, "n_mels": 40, "fmin": 20, "fmax": 5000}
            mel.append(librosa.feature.melspectrogram(y=span, sr=_RATE, center=False, **settings))
    mel = np.concatenate(mel, axis=1)
    mel = np.pad(mel, [[0, 0], [0, max(_WINDOW_FRAMES - mel.shape[1], 0)]])
    windows = np.lib.stride_tricks.sliding_window_view(mel, _WINDOW_FRAMES, axis=1)[:, :: _WINDOW_FRAMES // 2]
    return windows.transpose(1, 0, 2)[..., None].copy()  # the view is read-only, and Tempo-CNN normalises in place


@functools.cache
def _classifier():
    from tempocnn.classifier import TempoClassifier

    return TempoClassifier(MODEL)


def peak(distribution):
    """(BPM, confidence) of a distribution `[256]` over 30..285 BPM: a parabola through the highest three classes."""
    best = int(np.clip(np.argmax(distribution), 1, len(distribution) - 2))
    before, at, after = distribution[best - 1 : best + 2]
    bend = before - 2.0 * at + after
    shift = float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    bpm = _SLOWEST + best + shift
    classes = _SLOWEST + np.arange(len(distribution))
    return bpm, float(distribution[np.abs(classes - bpm) <= _AROUND * bpm].sum())


def _by_librosa(recording):
    import librosa

    intervals = []  # part by part: beats of different parts have none between them
    for part in recording.parts(_LIBROSA_SECONDS, 0):
        mono = part.waveform.mean(axis=1)
        _, beats = librosa.beat.beat_track(y=mono, sr=SAMPLE_RATE, hop_length=256, units="time")
        intervals.append(np.diff(beats))
    return steady_tempo(np.concatenate(intervals))


def steady_tempo(intervals):
    """(BPM, confidence) of beats by the seconds between them: the mean of those near the median, and their share."""
    intervals = np.asarray(intervals, np.float64)
    if len(intervals) < 4:
        raise UserError("tempo: no beats to be heard; leave the piece out, or tempo out of --conditioning")
    median = np.median(intervals)
    steady = np.abs(intervals / median - 1.0) < _STEADY
    return 60.0 / float(intervals[steady].mean()), float(steady.mean())


ESTIMATORS = {"tempocnn": _by_tempocnn, "librosa": _by_librosa}


@dataclasses.dataclass(frozen=True)
class AtBpm:
    """A signal that has a `from_bpm` in a piece of one tempo: times `[n]` -> float32 `[n, channels]`."""

    signal: Signal
    bpm: float

    @property
    def text(self):
        return repr(self.bpm)

    def __call__(self, times):
        return self.signal.from_bpm(np.float64(self.bpm), np.asarray(times, np.float64)).numpy()


@dataclasses.dataclass(frozen=True)
class Tempo(Signal):
    """Beats per minute, constant within a piece."""

    name = "tempo"
    unit = "BPM"
    legal = (_SLOWEST, 285)
    # Rendered piano has a bpm too, but no grid: it breathes.
    grid_keys = {"bpm": is_positive, "first_beat_seconds": is_number}
    least_confidence = LEAST_CONFIDENCE
    flag = "bpm"

    def extractor(self):
        if installed():
            return "tempocnn"
        warn_once(f"tempo: Tempo-CNN is not installed ({EXTRA}); librosa's beat tracker stands in")
        return "librosa"

    def extract(self, audio, times):
        estimator = self.extractor()
        bpm, confidence = estimate(audio, estimator)
        return Extracted(np.full([len(times), 1], bpm, np.float32), estimator, confidence)

    def from_grid(self, facts, times):
        """The `bpm` of a grid: times float64 `[n]` -> float32 `[n, 1]`."""
        return np.full([len(times), 1], facts["bpm"], np.float32)

    def from_bpm(self, bpm, times):
        """A scalar tensor `bpm` at n times: float32 `[n, 1]`."""
        import tensorflow as tf

        return tf.cast(tf.fill([tf.shape(times)[0], 1], bpm), tf.float32)

    def parse_user(self, text, span=None, total_seconds=None):
        with curves.taking("a number of beats per minute, such as 132"):
            curve = curves.parse(text, self.flag)
        if len(curve.values) > 1:
            raise UserError(f"--{self.flag}={text}: give one number; a piece has one tempo")
        check_range(curve.values, span, self.legal, self.flag, text, self.unit)
        return AtBpm(self, float(curve.values[0]))

    def draw(self, style_seed, times, span, bpm):
        return self.from_bpm(bpm, times)

    def drawing(self, span):
        return {"kind": "tempo"}
