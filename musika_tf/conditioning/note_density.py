"""Note density: how many notes begin per second.

Onsets come from MadMom's convolutional detector (Schlüter & Böck 2014), or from the facts of a rendered track. Stored
is the sum of a Gaussian around each onset at the latents' centres, in onsets per second. A model's unit is the share of
the 99th percentile of its training set, cut at 1, so that 0.45 means the same whatever music it learned from.
"""

import dataclasses
import functools
import math

import numpy as np

from musika_tf.conditioning import curves, madmom_package, moving
from musika_tf.conditioning.recording import Recording
from musika_tf.conditioning.signal import (
    SAMPLE_RATE,
    Extracted,
    Signal,
    are_numbers,
    check_range,
    column,
    is_positive,
    warn_once,
)
from musika_tf.errors import UserError

# Deviation of the Gaussian. Wide enough that it covers some notes of slow music too (2 sqrt(pi) s = 3.5 s, about a
# bar) and so says how dense they are and not where each of them is, which is the generator's to decide; narrow against
# the 11.9 s that the generator sees at once.
BANDWIDTH_SECONDS = 1.0

_GRAMMAR = f"moving, moving:0.45, {curves.GRAMMAR}"

_ONE_ONSET_SECONDS = 0.03  # strokes of a spread chord, a flam: MIREX's onset detection counts one, and so do ears
_REACH_SECONDS = 6 * BANDWIDTH_SECONDS  # beyond which a Gaussian counts nothing
_SLACK_SECONDS = 1.0  # the last latent's centre may lie beyond the audio's end
_CHUNK = 1024  # times at once: an hour's onsets times an hour's latents would not fit into memory


def onsets(audio, detector):
    """Onsets of a piece, `[samples, 2]` at 44.1 kHz or a Recording, by one of DETECTORS: ascending seconds, float64."""
    parts = Recording.of(audio).parts(_PART_SECONDS[detector], CONTEXT_SECONDS)
    return np.concatenate([part.own_events(DETECTORS[detector](part.waveform)) for part in parts])


def _by_madmom(waveform):
    detectors, rate = madmom_package.load().features.onsets, madmom_package.FRAMES_PER_SECOND
    pick = detectors.OnsetPeakPickingProcessor(  # its authors' choice
        threshold=0.54, smooth=0.05, pre_max=1.0 / rate, post_max=1.0 / rate, fps=rate
    )
    return pick(_madmom_network()(madmom_package.signal(waveform)))


def _by_librosa(waveform):
    import librosa

    return librosa.onset.onset_detect(y=np.asarray(waveform).mean(axis=1), sr=SAMPLE_RATE, units="time")


DETECTORS = {madmom_package.NAME: _by_madmom, "librosa": _by_librosa}
# MadMom's network hears 0.15 s, so parts with context have the onsets of the whole. librosa's threshold depends on all
# that it hears: it gets whole songs, and longer recordings in parts of five minutes.
_PART_SECONDS = {madmom_package.NAME: 60, "librosa": 300}
CONTEXT_SECONDS = 2.0


@functools.cache
def _madmom_network():
    return madmom_package.load().features.onsets.CNNOnsetProcessor()


def as_heard(strokes):
    """Ascending onsets of strokes, in seconds; strokes within 30 ms of an onset belong to it."""
    heard = []
    for stroke in np.sort(np.asarray(strokes, np.float64)):
        if not heard or stroke - heard[-1] > _ONE_ONSET_SECONDS:
            heard.append(stroke)
    return np.array(heard)


def density(onset_times, times, seconds):
    """Onsets per second at `times` `[n]` of a piece of so many `seconds`, by a Gaussian kernel: float64 `[n]`.

    Of a kernel that reaches beyond the piece only the inside counts, or every song would begin and end sparse.
    """
    onset_times, times = np.sort(np.asarray(onset_times, np.float64)), np.asarray(times, np.float64)
    sums = np.zeros(len(times))
    for start in range(0, len(times), _CHUNK):
        part = times[start : start + _CHUNK]
        near = onset_times[np.searchsorted(onset_times, part.min() - _REACH_SECONDS) :]
        near = near[: np.searchsorted(near, part.max() + _REACH_SECONDS)]
        sums[start : start + _CHUNK] = np.exp(-0.5 * ((part[:, None] - near) / BANDWIDTH_SECONDS) ** 2).sum(axis=1)
    inside = _normal_cdf((seconds - times) / BANDWIDTH_SECONDS) - _normal_cdf(-times / BANDWIDTH_SECONDS)
    return sums / (BANDWIDTH_SECONDS * math.sqrt(2.0 * math.pi)) / inside


def _normal_cdf(x):
    return 0.5 * (1.0 + np.array([math.erf(value) for value in x / math.sqrt(2.0)]))


@dataclasses.dataclass(frozen=True)
class NoteDensity(Signal):
    """Share of `full_scale` onsets per second, 0..1. full_scale: the 99th percentile of the training set."""

    full_scale: float | None = None

    name = "note_density"
    unit = "share of the densest music"
    legal = (0.0, 1.0)
    grid_keys = {"onsets_seconds": are_numbers, "seconds": is_positive}
    draw_row = 1

    def extractor(self):
        if madmom_package.installed():
            return madmom_package.NAME
        extra = madmom_package.EXTRA
        warn_once(f"note_density: MadMom is not installed ({extra}); librosa's simpler onset detector stands in")
        return "librosa"

    def extract(self, audio, times):
        detector = self.extractor()
        values = density(onsets(audio, detector), times, len(audio) / SAMPLE_RATE)
        return Extracted(column(values), detector)

    def from_grid(self, facts, times):
        seconds = float(facts["seconds"])
        if len(times) and times[-1] > seconds + _SLACK_SECONDS:
            raise UserError(
                f"note_density: the .json beside it says {seconds:g} s, but it is longer; correct or remove that"
            )
        return column(density(as_heard(facts["onsets_seconds"]), times, seconds))

    def fitted(self, pieces, latents_per_second):
        full_scale = float(np.percentile(np.concatenate(pieces), 99))
        return dataclasses.replace(self, full_scale=max(full_scale, 1e-3))  # not 0, in music without any onset

    def adapted(self, pieces, latents_per_second):
        return self

    def to_units(self, stored):
        return np.clip(np.asarray(stored) / np.float32(self.full_scale or 1.0), 0.0, 1.0).astype(np.float32)

    def facts(self):
        scale = {} if self.full_scale is None else {"full_scale": self.full_scale, "full_scale_unit": "onsets/s"}
        return {**scale, "bandwidth_seconds": BANDWIDTH_SECONDS}

    def parse_user(self, text, span=None, total_seconds=None):
        kind, _, centre = text.strip().partition(":")
        if kind == moving.NAME:
            return self._moving(text, centre, span)
        with curves.taking(_GRAMMAR):
            return curves.one_channel(text, self, span)

    def _moving(self, text, centre, span):
        if not centre:
            return moving.Moving(self, span)
        try:
            value = float(centre)
        except ValueError:
            raise UserError(f"--{self.flag}={text}: give one number to move about, such as moving:0.45") from None
        check_range([value], span, self.legal, self.flag, text, "")
        return moving.Moving(self, span, value)

    def usual(self, span):
        # Where most of the training lies.
        return span.mean[0], span.deviation[0]
