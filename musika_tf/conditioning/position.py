r"""Where in the song: 0 at its first sample, 1 at its last.

A generated piece is rarely as long as the songs of the training, and an hour needs no introduction of ten minutes. So a
plan keeps the speed of the beginning and of the ending, and stretches the body between them; without an end it goes
back and forth through the body:

    1.00 |                          /
    0.85 |                 _____----               /\      /\
         |        _____----                       /  \    /  \    /
    0.15 |    ----                               /    \  /    \  /
    0.00 |   /                                 /       \/      \/
         +---|-----------------|----           +---|------------------->
        intro  body, stretched   ending       intro  body, back and forth
"""

import dataclasses

import numpy as np

from musika_tf import durations
from musika_tf.conditioning import curves
from musika_tf.conditioning.signal import SAMPLE_RATE, Extracted, Signal, column
from musika_tf.errors import UserError

INTRO, ENDING = 0.15, 0.85  # the body lies between them: about the share that both have in rendered and in real songs
# Training sees the centres of latents, half of one short of a song's first sample and its last: a trained range that
# comes this near to them reaches them.
_EDGE = 0.05
_GRAMMAR = "plan, plan:INTRO,ENDING (as plan:20s,30s), body, a number from 0 to 1, a curve or a CSV file"
_PARTS = "two durations, as plan:20s,30s, or three with the length of all of it, as plan:20s,30s,4m"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A piece with a beginning and, if its `total_seconds` are known, an ending; a song's body takes `body_seconds`."""

    intro_seconds: float
    ending_seconds: float
    body_seconds: float
    total_seconds: float | None

    @property
    def text(self):
        """The plan with all of its durations, so that an excerpt can ask for that of the whole."""
        durations_of = (self.intro_seconds, self.ending_seconds, self.total_seconds)
        return "plan:" + ",".join(curves.plain(seconds) for seconds in durations_of if seconds is not None)

    def __call__(self, times):
        times = np.asarray(times, np.float64)
        # Before the piece nothing has begun; the line has latents there all the same.
        in_body = times - self.intro_seconds
        intro = INTRO * np.clip(times / self.intro_seconds, 0.0, 1.0) if self.intro_seconds else INTRO
        if self.total_seconds is None:
            body = _back_and_forth(np.maximum(in_body, 0.0) / self.body_seconds)
            return column(np.where(in_body < 0, intro, INTRO + (ENDING - INTRO) * body))
        ending_starts = self.total_seconds - self.ending_seconds
        points = {0.0: 0.0, self.intro_seconds: INTRO, ending_starts: ENDING, self.total_seconds: 1.0}
        return column(np.interp(times, list(points), list(points.values())))


@dataclasses.dataclass(frozen=True)
class Body:
    """Back and forth through the body, from its middle on."""

    body_seconds: float
    text = "body"

    def __call__(self, times):
        # A quarter of the way there and back is the middle.
        return column(INTRO + (ENDING - INTRO) * _back_and_forth(np.asarray(times) / self.body_seconds + 0.5))


def _back_and_forth(phase):
    """0 at even whole numbers, 1 at odd ones, linear between."""
    return 1.0 - np.abs(np.mod(phase, 2.0) - 1.0)


def _to_the_ends(span):
    """A Span that includes 0 and 1 if it comes near them."""
    lowest = np.where(np.asarray(span.lowest) < _EDGE, 0.0, span.lowest)
    highest = np.where(np.asarray(span.highest) > 1.0 - _EDGE, 1.0, span.highest)
    return dataclasses.replace(span, lowest=lowest, highest=highest)


@dataclasses.dataclass(frozen=True)
class Position(Signal):
    """Relative place in the song, 0..1. typical_seconds: median length of the training's songs."""

    typical_seconds: float | None = None

    name = "position"
    unit = "share of the song"
    legal = (0.0, 1.0)
    draw_row = 2

    def extractor(self):
        return "length"

    def extract(self, audio, times):
        seconds = len(audio) / SAMPLE_RATE
        return Extracted(column(np.clip(np.asarray(times) / seconds, 0.0, 1.0)), self.extractor())

    def fitted(self, pieces, latents_per_second):
        seconds = float(np.median([len(piece) for piece in pieces]) / latents_per_second)
        return dataclasses.replace(self, typical_seconds=seconds)

    def facts(self):
        return {} if self.typical_seconds is None else {"typical_seconds": round(self.typical_seconds, 3)}

    def parse_user(self, text, span=None, total_seconds=None):
        kind, _, rest = text.strip().partition(":")
        song = self.typical_seconds or 180.0
        body_seconds = (ENDING - INTRO) * song
        if text.strip() == "body":
            return Body(body_seconds)
        if kind == "plan":
            intro, ending, total_seconds = self._parts(text, rest, song, total_seconds)
            return Plan(intro, ending, body_seconds, total_seconds)
        with curves.taking(_GRAMMAR):
            return curves.one_channel(text, self, span and _to_the_ends(span))

    def _parts(self, text, rest, song, total_seconds):
        """Seconds of beginning, ending and piece: as asked for, or a song's own, shortened for a shorter piece."""
        if rest:
            parts = rest.split(",")
            if len(parts) not in (2, 3):
                raise UserError(f"--{self.flag}={text}: give {_PARTS}")
            intro, ending, *total = (float(durations.parse(part, self.flag)) for part in parts)
            total_seconds = total[0] if total else total_seconds
            if total_seconds is not None and intro + ending >= total_seconds:
                raise UserError(
                    f"--{self.flag}={text}: beginning and ending leave nothing of "
                    f"{durations.spoken(total_seconds)}; give shorter ones"
                )
            return intro, ending, total_seconds
        shrink = 1.0 if total_seconds is None else min(1.0, total_seconds / song)
        parts = (round(share * song * shrink, 6) for share in (INTRO, 1.0 - ENDING))  # short to write down
        return *parts, total_seconds

    def usual(self, span):
        # Only a piece of known length has a beginning and an ending.
        return 0.5, 0.1
