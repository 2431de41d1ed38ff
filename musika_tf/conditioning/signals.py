"""The registry: which signals can steer generation, each a value or a few per latent.

Positions are latents on the infinite line; signals are sampled at a latent's centre. `signal.py` says what a signal
can do; to add one, write its module and enter it here.
"""

from musika_tf.conditioning import tags
from musika_tf.conditioning.beat import Beat
from musika_tf.conditioning.note_density import NoteDensity
from musika_tf.conditioning.position import Position
from musika_tf.conditioning.tags import Tag
from musika_tf.conditioning.tempo import Tempo
from musika_tf.errors import UserError

SIGNALS = {signal.name: signal for signal in (Tempo(), Beat(), NoteDensity(), Position())}
NAMES = (*SIGNALS, tags.GROUP)


def summary():
    """What there is, for --help: "tempo, beat, ..."."""
    return f"{', '.join(NAMES)} (that is {', '.join(tags.CHOSEN)}) or single words such as {tags.PREFIX}harp"


def find(name):
    """The signal of a name, as in a bundle's metadata; UserError lists the valid ones."""
    if name in SIGNALS:
        return SIGNALS[name]
    word = name.removeprefix(tags.PREFIX)
    if word == name:
        raise UserError(f"no signal {name!r}; there are {', '.join(NAMES)}")
    if word not in tags.TAGS:
        raise UserError(f"no word {word!r}; there are {', '.join(sorted(tags.TAGS))}")
    return Tag(word)


def parse(text):
    """`"tempo,beat"` -> the signals of these names, in this order; UserError lists the valid ones."""
    found = []
    try:
        for name in filter(None, map(str.strip, text.split(","))):
            found += map(Tag, tags.CHOSEN) if name == tags.GROUP else [find(name)]
    except UserError as error:
        raise UserError(f"--conditioning={text}: {error}") from None
    if len({signal.name for signal in found}) < len(found):
        raise UserError(f"--conditioning={text}: the same signal twice")
    return found
