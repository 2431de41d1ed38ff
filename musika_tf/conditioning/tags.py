"""What it sounds like: MusiCNN's activation for a word such as "techno" or "slow".

`--conditioning=tags` stands for the words in CHOSEN; `tag:harpsichord` names any of MusiCNN's fifty. An .npz holds
all fifty, so another choice needs no new encoding. Each word is a signal of its own, with its own trained range.

Words hang together: rock has guitars and no harpsichord. So a style draws one of the training's pieces and has its
words; of words that a user leaves out, it has those of a piece in which the others are as the user wants them.
"""

import dataclasses
import functools
import importlib.util

import numpy as np

from musika_tf.conditioning import curves
from musika_tf.conditioning.recording import Recording
from musika_tf.conditioning.signal import Extracted, Signal, column
from musika_tf.conditioning.words import TAGS
from musika_tf.errors import UserError

GROUP = "tags"
PREFIX = "tag:"
# Genre, instrument and pace: words whose activation moves within the rendered corpora, too ("loud", "metal" do not).
CHOSEN = ("techno", "rock", "ambient", "classical", "piano", "guitar", "strings", "drums", "fast", "slow")
_HOP_SECONDS = 1.0
_FIRST_DRAW_ROW = 3  # one row of the stream for each of the fifty
_UNTOLD_SHARE = (
    0.5  # of the deviation, of words that come without pieces: drawn far apart they would contradict themselves
)
_MOST_PIECES = 512  # enough that a rare kind of music is there more than once or twice
_LIKING_ROW = 10  # of a number for each piece
_NEAR = 0.1  # a piece whose words are this far from those asked for is liked by half a deviation less
_DECIDED = 4.0  # how much of it is one piece and how much a mixture, where curves lead from one to the next


def installed():
    """Whether MusiCNN's weights are installed."""
    return importlib.util.find_spec("musicnn") is not None


def rows_by_word(metadata):
    """The rows of the words that a model follows: dict of word -> row of its `conditioning`."""
    rows = {row["name"]: row for row in metadata["conditioning"] if row["name"].startswith(PREFIX)}
    return {name.removeprefix(PREFIX): row for name, row in rows.items()}


@functools.cache
def _network():
    from musika_tf.conditioning.musicnn import MusiCNN

    return MusiCNN.load()


def activations(audio, times):
    """Activations of all fifty words at `times`, float64 `[n]` seconds: float32 `[n, 50]`, 0..1.

    Heard over three seconds, each second; linear between the middles of these, constant beyond.

    Raises:
      UserError: less than three seconds, or MusiCNN's weights are not installed.
    """
    from musika_tf.conditioning import musicnn

    network = _network()
    try:
        heard = network.listen(Recording.of(audio).mono_at(musicnn.SAMPLE_RATE), _HOP_SECONDS).tags
    except ValueError as error:
        raise UserError(f"tags: {error}; leave the piece out, or tags out of --conditioning") from error
    frame_seconds = musicnn.HOP_LENGTH / musicnn.SAMPLE_RATE
    hop = round(_HOP_SECONDS / frame_seconds) * frame_seconds
    middles = np.arange(len(heard)) * hop + (musicnn.PATCH_FRAMES - 1) / 2 * frame_seconds
    return np.stack([np.interp(times, middles, heard[:, i]) for i in range(heard.shape[1])], axis=1).astype(np.float32)


def _liking(style_seed, n_pieces):
    """How much a style likes each piece, N(0, 1): float32 `[n_pieces]`."""
    from musika_tf.randomness import Stream, normal_rows

    return normal_rows(style_seed, Stream.CONDITIONING, _LIKING_ROW, 1, n_pieces)[0]


@dataclasses.dataclass(frozen=True)
class Tag(Signal):
    """MusiCNN's activation for one word, 0..1."""

    word: str = "techno"
    pieces: tuple = ()  # its means in some pieces of the training; the same pieces for all words of a model

    unit = "activation"
    legal = (0.0, 1.0)
    flag = GROUP
    stored_name = GROUP

    @property
    def name(self):
        return PREFIX + self.word

    @property
    def draw_row(self):
        return _FIRST_DRAW_ROW + TAGS.index(self.word)

    def extractor(self):
        _network()  # or what to install
        return "musicnn"

    def extract(self, audio, times):
        return Extracted(activations(audio, times), self.extractor())

    def pick(self, stored):
        index = TAGS.index(self.word)
        return stored[:, index : index + 1]

    def fitted(self, pieces, latents_per_second):
        chosen = np.linspace(0, len(pieces) - 1, min(len(pieces), _MOST_PIECES)).round().astype(int)
        return dataclasses.replace(self, pieces=tuple(round(float(np.mean(pieces[i])), 4) for i in chosen))

    def restored(self, row):
        return dataclasses.replace(self, pieces=tuple(row.get("pieces", ())))

    def facts(self):
        return {"pieces": list(self.pieces)}

    def parse_user(self, text, span=None, total_seconds=None):
        return curves.one_channel(text, self, span, shown=f"{self.word}={text}")

    def draw(self, style_seed, times, span, bpm):
        import tensorflow as tf

        if not self.pieces:
            return super().draw(style_seed, times, span, bpm)
        value = tf.gather(tf.constant(self.pieces), tf.argmax(_liking(style_seed, len(self.pieces))))
        return tf.fill([tf.shape(times)[0], 1], value)

    def usual(self, span):
        return span.mean[0], _UNTOLD_SHARE * span.deviation[0]

    def drawing(self, span):
        if not self.pieces:
            return super().drawing(span)
        return {"kind": "liked", "row": _LIKING_ROW, "n_values": len(self.pieces), "pieces": list(self.pieces)}


@dataclasses.dataclass(frozen=True)
class InKeeping:
    """A word that was left out, where others were asked for: times float64 `[n]` -> float32 `[n, 1]`.

    Attributes:
      asked: pairs of a Tag and the function of times that was asked for.
    """

    signal: Tag
    asked: tuple
    style_seed: int

    def __call__(self, times):
        distances = sum(np.square(function(times) - np.array(tag.pieces)) for tag, function in self.asked)
        liking = _liking(self.style_seed, len(self.signal.pieces)).numpy() - distances / (2 * _NEAR**2)
        shares = np.exp(_DECIDED * (liking - liking.max(axis=1, keepdims=True)))
        return column(shares @ np.array(self.signal.pieces) / shares.sum(axis=1))


def parse_words(text):
    """`"techno=0.9,ambient=0.1"` -> {"techno": "0.9", "ambient": "0.1"}; UserError where it is not of this form.

    A value may be a curve, `"techno=0:0.1,30s:0.8,ambient=0.1"`: a part without a word continues it.
    """
    words, word = {}, ""
    for part in text.split(","):
        if words and ":" in part and "=" not in part:
            words[word] += f",{part.strip()}"
            continue
        word, equals, value = (piece.strip() for piece in part.partition("="))
        if not (word and equals and value):
            raise UserError(f"--{GROUP}={text}: give words with values, such as techno=0.9,ambient=0.1")
        word = word.replace("_", " ")  # so that no shell needs quotes
        if word in words:
            raise UserError(f"--{GROUP}={text}: {word!r} is there twice")
        words[word] = value
    return words
