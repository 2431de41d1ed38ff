"""The exact grid of a track with one constant tempo."""

import dataclasses

from corpus import mixing

STEPS_PER_BEAT = 4
BEATS_PER_BAR = 4
STEPS_PER_BAR = STEPS_PER_BEAT * BEATS_PER_BAR


@dataclasses.dataclass(frozen=True)
class Grid:
    """Sixteenth steps to sample positions.

    Beat k lies at sample round(k * 60 / bpm * 44100), without drift. Swing delays odd
    sixteenths only, so it never moves a beat or an off-beat eighth.

    Attributes:
        bpm: beats per minute.
        n_bars: bars of four beats in the track.
        swing: delay of odd sixteenths, as a share of one sixteenth.
    """

    bpm: float
    n_bars: int
    swing: float = 0.0

    @property
    def n_beats(self):
        return self.n_bars * BEATS_PER_BAR

    @property
    def n_samples(self):
        return self.sample_at(self.n_bars * STEPS_PER_BAR)

    @property
    def beat_seconds(self):
        return 60 / self.bpm

    @property
    def samples_per_step(self):
        """Length of one sixteenth in samples, not rounded."""
        return self.beat_seconds / STEPS_PER_BEAT * mixing.SAMPLE_RATE

    def sample_at(self, step):
        """Position in samples of a sixteenth step counted from the track's start."""
        swung = step + self.swing * (step % 2 == 1)
        return round(swung / STEPS_PER_BEAT * 60 / self.bpm * mixing.SAMPLE_RATE)
