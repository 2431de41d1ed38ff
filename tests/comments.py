"""Comment tags of generated files, read back: they say all that a piece is."""

import json
import re
import urllib.parse

from musika_tf.conditioning.steering import SETTINGS
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan


def read_style(text):
    """The StylePlan of its `text()`."""
    value = json.loads(text)
    if isinstance(value, int):
        return StylePlan.constant(value)
    blends = (tuple((int(seed), weight) for seed, weight in blend.items()) for _, blend in value)
    return StylePlan(tuple(zip((seconds for seconds, _ in value), blends, strict=True)))


def read_piece(comment):
    """The Piece of its `comment()`."""
    values = dict(re.findall(r"\b(\w+)=(\S+)", comment))
    settings = {setting: values[flag] for setting, flag in SETTINGS.items() if flag in values}
    return Piece(
        seed=int(values["seed"]),
        style=read_style(values["style"]),
        start_sample=int(values["start_sample"]),
        n_samples=None if values["n_samples"] == "inf" else int(values["n_samples"]),
        truncation=float(values["truncation"]),
        loop_samples=int(values.get("loop_samples", 0)),
        settings={name: urllib.parse.unquote(text, errors="surrogateescape") for name, text in settings.items()},
        click=values.get("click") == "1",
    )
