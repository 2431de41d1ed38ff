"""A beat clock: where in the bar the music is.

A window of 128 latents is no whole number of beats, so it cannot know by itself where the beat falls. In a generated
piece bar 1 begins at time 0, and the clock is float64 arithmetic on absolute time: it never drifts. In a recording
MadMom's downbeat tracker (Böck, Krebs & Widmer 2016) finds the beats, and the phase is linear from each to the next.
"""

import dataclasses
import functools
import math

import numpy as np

from musika_tf.conditioning import madmom_package
from musika_tf.conditioning.recording import FRAME, Recording, parts
from musika_tf.conditioning.signal import Extracted, Signal
from musika_tf.conditioning.tempo import AtBpm, Tempo
from musika_tf.conditioning.viterbi import FewChoices
from musika_tf.errors import UserError

# Spectra are made a minute at a time. The network is recurrent in both directions and hears a whole piece, or parts of
# twenty minutes with a minute more on each side.
_SPECTRA_SECONDS, _SPECTRA_CONTEXT_SECONDS = 60, 2.0
_NETWORK_SECONDS, _NETWORK_CONTEXT_SECONDS = 1200, 60
_BEATS_BEYOND = 8  # whose mean interval the clock has before the first one and after the last


def track(audio):
    """Beats by MadMom of a piece, `[samples, 2]` at 44.1 kHz or a Recording.

    Returns:
      float64 `[beats]` ascending seconds; their places in the bar, int64 `[beats]` from 1 to 4.

    Raises:
      UserError: MadMom is not installed, or hears no beats.
    """
    Beat().extractor()  # or what to install
    beats = _madmom()[1](activations(Recording.of(audio)))
    if len(beats) < 8:
        raise UserError("beat: no beats to be heard; leave the piece out, or beat out of --conditioning")
    return beats[:, 0].astype(np.float64), beats[:, 1].astype(np.int64)


def activations(recording):
    """How likely each frame of 10 ms is a beat or a downbeat, by MadMom's network: `[frames, 2]`."""
    spectra, network, columns = _madmom()[0].processors
    rows = (
        part.own_rows(np.asarray(spectra(madmom_package.signal(part.waveform))), FRAME)
        for part in recording.parts(_SPECTRA_SECONDS, _SPECTRA_CONTEXT_SECONDS)
    )
    rate = madmom_package.FRAMES_PER_SECOND
    heard = (
        part.own_rows(columns(network(part.waveform)))
        for part in parts(rows, _NETWORK_SECONDS * rate, _NETWORK_CONTEXT_SECONDS * rate)
    )
    return np.concatenate([np.zeros([0, 2], np.float32), *heard])


@functools.cache
def _madmom():
    downbeats = madmom_package.load().features.downbeats
    decode = downbeats.DBNDownBeatTrackingProcessor([Beat.beats_per_bar], fps=madmom_package.FRAMES_PER_SECOND)
    decode.hmms = [FewChoices(hmm) for hmm in decode.hmms]  # theirs take 2 GB for five minutes
    return downbeats.RNNDownBeatProcessor(), decode


def beats_at(times, beat_times, places, beats_per_bar=4):
    """Tracked beats -> how many beats after a bar's beginning `times` are, float64 `[n]`.

    Linear from beat to beat; beyond the first and the last at the mean interval of the eight beats there. Bars begin at
    whole multiples of `beats_per_bar`.

    Args:
      times: float64 `[n]`, seconds.
      beat_times: `[beats]`, ascending seconds, at least two.
      places: int `[beats]`, 1..beats_per_bar; the clock catches up where the tracker skips a place.
    """
    steps = (np.diff(places) - 1) % beats_per_bar + 1
    numbers = places[0] - 1 + np.concatenate([[0], np.cumsum(steps)])
    head, tail = slice(0, _BEATS_BEYOND), slice(-_BEATS_BEYOND, None)
    inside = np.interp(times, beat_times, numbers)
    before = np.minimum(times - beat_times[0], 0.0) * _rate(beat_times[head], numbers[head])
    after = np.maximum(times - beat_times[-1], 0.0) * _rate(beat_times[tail], numbers[tail])
    return inside + before + after


def _rate(beat_times, numbers):
    """Beats per second."""
    return (numbers[-1] - numbers[0]) / (beat_times[-1] - beat_times[0])


@dataclasses.dataclass(frozen=True)
class Beat(Signal):
    """A clock: cosines and sines of the phase within the bar, the half bar, the beat, the eighth and the sixteenth.

    With the harmonics a network need not multiply angles to place an off-beat.
    """

    name = "beat"
    unit = "cosine and sine of bar phase"
    legal = (-1.0, 1.0)
    n_channels = 10
    grid_keys = Tempo.grid_keys
    beats_per_bar = 4
    harmonics = (1, 2, 4, 8, 16)
    flag = "bpm"

    def extractor(self):
        if not madmom_package.installed():
            raise UserError(
                f"beat: needs MadMom's downbeat tracker ({madmom_package.EXTRA}), or audio with its grid beside it"
            )
        return madmom_package.NAME

    def extract(self, audio, times):
        beats = beats_at(np.asarray(times), *track(audio), self.beats_per_bar)
        return Extracted(self.clock(beats).numpy(), self.extractor())

    def from_grid(self, facts, times):
        """The clock of a grid with `bpm` and `first_beat_seconds`: times float64 `[n]` -> float32 `[n, 10]`."""
        return self.from_bpm(np.float64(facts["bpm"]), np.asarray(times) - facts["first_beat_seconds"]).numpy()

    def from_bpm(self, bpm, times):
        """The clock of a piece at `bpm` whose bar 1 begins at time 0: float32 `[n, 10]`."""
        import tensorflow as tf

        return self.clock(times * tf.cast(bpm, tf.float64) / 60.0)

    def clock(self, beats):
        """float64 `[n]` beats since a bar's beginning -> float32 tensor `[n, 10]`."""
        import tensorflow as tf

        bars = tf.convert_to_tensor(beats, tf.float64) / self.beats_per_bar
        phase = (bars - tf.floor(bars)) * (2.0 * math.pi)  # float64: exact for days
        angles = phase[:, None] * tf.constant(self.harmonics, tf.float64)[None]
        return tf.cast(tf.concat([tf.cos(angles), tf.sin(angles)], axis=-1), tf.float32)

    def facts(self):
        return {"beats_per_bar": self.beats_per_bar, "first_downbeat_seconds": 0.0}

    def parse_user(self, text, span=None, total_seconds=None):
        return AtBpm(self, Tempo().parse_user(text).bpm)  # the range is that of the tempo, where the model has one

    def draw(self, style_seed, times, span, bpm):
        return self.from_bpm(bpm, times)

    def drawing(self, span):
        return {"kind": "clock", "beats_per_bar": self.beats_per_bar, "harmonics": list(self.harmonics)}
