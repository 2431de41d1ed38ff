"""What it sounds like: MusiCNN's activation for a word such as "techno" or "slow".

`--conditioning=tags` stands for the words in CHOSEN; `tag:harpsichord` names any of MusiCNN's fifty. An .npz holds
all fifty, so another choice needs no new encoding. Each word is a signal of its own, with its own trained range.
"""

import dataclasses
import functools

import numpy as np

from musika_tf.conditioning import curves
from musika_tf.conditioning.recording import Recording
from musika_tf.conditioning.signal import Extracted, Signal
from musika_tf.errors import UserError

GROUP = "tags"
PREFIX = "tag:"
# Genre, instrument and pace: words whose activation moves within the rendered corpora, too ("loud" and "soft" do not).
CHOSEN = ("techno", "ambient", "piano", "classical", "drums", "fast", "slow")
_HOP_SECONDS = 1.0
_FIRST_DRAW_ROW = 3  # one row of the stream for each of the fifty
_DRAWN_SHARE = 0.5  # of the deviation: words hang together, so drawing them far apart would contradict itself


def all_tags():
    """The fifty words."""
    from musika_tf.conditioning.musicnn import TAGS

    return TAGS


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


@dataclasses.dataclass(frozen=True)
class Tag(Signal):
    """MusiCNN's activation for one word, 0..1."""

    word: str = "techno"

    unit = "activation"
    legal = (0.0, 1.0)
    flag = GROUP
    stored_name = GROUP

    @property
    def name(self):
        return PREFIX + self.word

    @property
    def draw_row(self):
        return _FIRST_DRAW_ROW + all_tags().index(self.word)

    def extractor(self):
        _network()  # or what to install
        return "musicnn"

    def extract(self, audio, times):
        return Extracted(activations(audio, times), self.extractor())

    def pick(self, stored):
        index = all_tags().index(self.word)
        return stored[:, index : index + 1]

    def parse_user(self, text, span=None, total_seconds=None):
        return curves.one_channel(text, self, span, shown=f"{self.word}={text}")

    def draw(self, style_seed, times, span, bpm):
        return self.held(style_seed, times, span, span.mean[0], _DRAWN_SHARE * span.deviation[0])


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
