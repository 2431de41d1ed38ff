"""Public-domain scores of the music21 package as plain lists of notes.

The works are long out of copyright. Their encodings come with music21; its
corpus/license.txt speaks of them.
"""

import dataclasses
import functools
import warnings
import zlib

import numpy as np

from corpus import needs

# Works in other hands than the chorales'; the second tuple is never heard in training.
TRAIN_WORKS = (
    "schumann_clara/polonaise_op1n1", "schumann_clara/polonaise_op1n2", "schumann_clara/polonaise_op1n4",
    "joplin/maple_leaf_rag", "chopin/mazurka06-2", "bach/bwv846",
    "mozart/k545/movement1_exposition",
    "mozart/k155/movement1", "mozart/k155/movement2", "mozart/k155/movement3",
    "mozart/k156/movement1", "mozart/k156/movement2", "mozart/k156/movement3", "mozart/k156/movement4",
    "mozart/k458/movement1", "mozart/k458/movement2", "mozart/k458/movement3", "mozart/k458/movement4",
    "haydn/opus74no1/movement1", "haydn/opus74no1/movement2", "haydn/opus74no1/movement3",
    "haydn/opus74no1/movement4",
    "beethoven/opus18no1/movement1", "beethoven/opus18no1/movement2", "beethoven/opus18no1/movement3",
    "beethoven/opus18no1/movement4",
)  # fmt: skip
HELD_OUT_WORKS = (
    "schumann_clara/polonaise_op1n3", "cpebach/h186",
    "mozart/k80/movement1", "mozart/k80/movement2", "mozart/k80/movement3", "mozart/k80/movement4",
    "haydn/opus1no1/movement1", "haydn/opus1no1/movement3", "haydn/opus1no1/movement5",
)  # fmt: skip
HELD_OUT_CHORALES = 10
# Chorales of the training split that share a sixth or more of their passages with one of the held-out ones.
LIKE_HELD_OUT = frozenset({"bach/bwv10.7", "bach/bwv258", "bach/bwv323", "bach/bwv244.46"})
# Their encodings bear a notice of CC BY-SA 4.0.
SHARE_ALIKE = "schumann_clara/"
LICENCE = "public-domain score (encoding: music21 corpus); soundfont FluidR3_GM, MIT"


@dataclasses.dataclass(frozen=True)
class Score:
    """The notes of a piece, ties joined, ordered by onset.

    Attributes:
        name: what music21 calls the piece, e.g. "bach/bwv66.6".
        onsets: float64 [notes], in quarter notes from the start.
        ends: float64 [notes], in quarter notes.
        pitches: int64 [notes], MIDI.
        bar_onsets: float64 [bars], in quarter notes.
    """

    name: str
    onsets: np.ndarray
    ends: np.ndarray
    pitches: np.ndarray
    bar_onsets: np.ndarray

    def between(self, start, stop):
        """The notes that start in [start, stop), in quarters counted from start."""
        inside = (self.onsets >= start - 1e-6) & (self.onsets < stop - 1e-6)
        return Score(self.name, self.onsets[inside] - start, np.minimum(self.ends[inside], stop) - start,
                     self.pitches[inside], self.bar_onsets)  # fmt: skip


@functools.cache
def chorales(held_out):
    """Names of Bach's chorales in one split, by a checksum of their number in the catalogue."""
    paths = needs.module("music21").corpus.getComposer("bach")
    names = sorted({path.stem for path in paths if path.suffix == ".mxl"} - {"bwv846"})
    # Variants of one chorale ("bwv112.5", "bwv112.5-sc") share a split.
    return tuple(
        f"bach/{name}"
        for name in names
        if (zlib.crc32(name.split("-")[0].encode()) % HELD_OUT_CHORALES == 0) == held_out
    )


def works(held_out):
    """Names of the other works in one split."""
    return HELD_OUT_WORKS if held_out else TRAIN_WORKS


def free_works(held_out):
    """Names of the other works in one split whose encodings bear no notice."""
    return tuple(name for name in works(held_out) if not name.startswith(SHARE_ALIKE))


@functools.lru_cache(maxsize=64)
def load(name):
    """Reads a piece; repeats are not played."""
    score = _parse(name)
    return _notes(name, score.flatten(), _bars(score))


@functools.lru_cache(maxsize=16)
def load_parts(name):
    """Reads a piece as one Score per part, from the highest in the score to the lowest; silent parts are left out."""
    score = _parse(name)
    parts = [_notes(name, part.flatten(), _bars(score)) for part in score.parts]
    return tuple(part for part in parts if len(part.onsets))


def _parse(name):
    """A piece as music21 reads it, ties joined."""
    with warnings.catch_warnings():
        # music21 warns of notation (a cut bar, a clef) that has no bearing on the notes.
        warnings.simplefilter("ignore")
        return needs.module("music21").corpus.parse(name).stripTies()


def _bars(score):
    """Onsets of the first part's bars in quarter notes, float64 [bars]."""
    return np.array([float(bar.offset) for bar in score.parts[0].getElementsByClass("Measure")])


def _notes(name, stream, bar_onsets):
    """The notes of a flat stream as a Score."""
    notes = {}
    for element in stream.notes:
        if element.quarterLength > 0:  # Not a grace note.
            onset = float(element.offset)
            for pitch in element.pitches:
                end = onset + float(element.quarterLength)
                # Two parts on one key are one stroke; the longer holds.
                notes[onset, pitch.midi] = max(end, notes.get((onset, pitch.midi), 0.0))
    keys = sorted(notes)
    return Score(
        name=name,
        onsets=np.array([onset for onset, _ in keys]),
        ends=np.array([notes[key] for key in keys]),
        pitches=np.array([pitch for _, pitch in keys]),
        bar_onsets=bar_onsets,
    )
