"""Where tracks come from, and which source plays next: the one that lags most behind its share.

So any beginning of a corpus of several kinds holds all of them, and a training can start before all is there.
"""

import dataclasses
import typing
import zlib

import numpy as np

from corpus import mastering, mixing, rooms

# A series plays tracks that --kind=techno and --kind=piano have under a seed this much higher.
SERIES_SEED_OFFSET = 1000
HEAD_START_SECONDS = 30.0
LOUDNESS_DBFS = -17.0


@dataclasses.dataclass(frozen=True)
class Source:
    """Tracks of one kind of music, as their player gives them.

    The player has render(index, held_out) -> mix, facts.

    Attributes:
        name: stands in the names of its files.
        player: what plays its tracks.
        share: of the corpus's minutes.
        packages: Debian or Python packages that it is made of.
        is_recorded: whether the packages bring sound; if not, a score is rendered.
        licence: in words.
    """

    name: str
    player: typing.Any
    share: float = 1.0
    packages: tuple = ()
    is_recorded: bool = False
    licence: str = ""
    facts_needed = ("seconds",)  # that a finished track has
    has_held_out = True

    def render(self, seed, index, place, held_out):
        """One track.

        Args:
            seed: of the corpus.
            index: number of the track in its source.
            place: number of the track among those of its split.
            held_out: which split.

        Returns:
            float32 [samples, 2] at 44.1 kHz, and a dict for the file beside the audio.
        """
        del seed, place
        return self.player.render(index, held_out)


class Series(Source):
    """As Source; every other track gets another width and loudness."""

    facts_needed = ("seconds", "sound")

    def render(self, seed, index, place, held_out):
        """As Source.render."""
        mix, facts = super().render(seed, index, place, held_out)
        if index % 2:
            rng = _rng(seed, index, self.name)
            mix = rooms.set_correlation(mix, _correlation(rng))
            mix = mixing.set_loudness(mix, LOUDNESS_DBFS - rng.uniform(0, 3))
        return mix, {"series_seed": SERIES_SEED_OFFSET + seed, **facts, "sound": mastering.measure(mix)}


@dataclasses.dataclass(frozen=True)
class Repertoire(Source):
    """Named pieces, each played once before any is played again.

    The player has pieces(held_out) -> names and render(rng, names, take) -> mix, facts.

    Attributes:
        pieces_per_track: how many are played after one another.
        left_out: names of pieces that are dropped from their track.
    """

    pieces_per_track: int = 1
    left_out: frozenset = frozenset()
    facts_needed = ("seconds", "sound")

    @property
    def has_held_out(self):
        """Whether some of its pieces are held out."""
        return bool(self.player.pieces(True))

    def render(self, seed, index, place, held_out):
        """As Source.render."""
        names, take = self.choose(seed, place, held_out)
        rng = _rng(seed, index, self.name)
        mix, facts = self.player.render(rng, names, take)
        loudness_dbfs = LOUDNESS_DBFS + rng.uniform(-4, 3)
        mix = mastering.finish(mix, rng, _correlation(rng), loudness_dbfs)
        return mix, {"pieces": names, "take": take, **facts, "sound": mastering.measure(mix), "licence": self.licence}

    def choose(self, seed, place, held_out):
        """The pieces of a track, and how often all were played before; each time has an order of its own."""
        names = self.player.pieces(held_out)
        take, number = divmod(place, -(-len(names) // self.pieces_per_track))
        order = _rng(seed, take, self.name).permutation(len(names))
        chosen = order[number * self.pieces_per_track : (number + 1) * self.pieces_per_track]
        kept = tuple(names[number] for number in chosen if names[number] not in self.left_out)
        return kept or tuple(name for name in names if name not in self.left_out)[:1], take


def _rng(seed, number, name):
    return np.random.default_rng([seed, number, zlib.crc32(name.encode())])


def _correlation(rng):
    """A correlation of left and right as records have it."""
    return float(np.clip(rng.normal(0.48, 0.18), 0.2, 0.9))


def next_source(sources, seconds):
    """The source furthest behind its share.

    Args:
        sources: sequence of Source.
        seconds: {name: seconds so far}.
    """
    return min(sources, key=lambda source: (seconds[source.name] + HEAD_START_SECONDS) / source.share)
