"""What a visitor typed, as texts -> a piece of music, checked; and back to a link and to a command that make it again.

Nothing here opens a file: a model is a name of the catalogue, and a curve is points, never a CSV file.
"""

import contextlib
import dataclasses
import re
import shlex
import urllib.parse
from fractions import Fraction

from musika_tf import durations, shipped
from musika_tf.conditioning import curves
from musika_tf.conditioning.steering import SETTINGS
from musika_tf.errors import UserError
from musika_tf.generate.request import STREAM, TRUNCATION, TRUNCATIONS, Request, piece_of
from musika_tf.hub import names

DEFAULT_LENGTH = "23s"
STEERING = tuple(SETTINGS.values())  # bpm, note_density, position, tags
FIELDS = ("model", "length", "bars", "seed", "truncation", "loop", *STEERING)
_ERROR = re.compile(r"--(\w+)(?:=(.*?))?: (.*)", re.DOTALL)
_FILES = re.compile(",? or a CSV file( of time,value rows)?")  # which the flags take, and nobody here
_WHOLE = re.compile(r"[+-]?\d{1,19}")
_SWITCH = {"": False, "0": False, "false": False, "1": True, "true": True}
_MOST_BARS = 10_000


class FieldError(UserError):
    """What is wrong with one field; `field` is one of FIELDS."""

    def __init__(self, field, message):
        super().__init__(message)
        self.field = field


@dataclasses.dataclass(frozen=True)
class Asked:
    """A piece as a visitor asks for it, one of a given model; texts are as the flags of generate.py take them.

    Attributes:
      seconds: its length, None where `bars` says it or there is no end.
      steering: ((name of STEERING, text), ...) of those that are asked for.
    """

    model: str
    seed: int
    seconds: Fraction | None = None
    bars: int | None = None
    truncation: float = TRUNCATION
    loop: bool = False
    steering: tuple = ()

    def piece(self, metadata):
        """The Piece of this for the model's metadata; FieldError where the model can't make it."""
        texts = dict(self.steering)
        with _named_by_field():
            request = Request(
                shipped="",
                bundle_dir=None,
                seed=self.seed,
                seconds=self.seconds,
                out=STREAM if self.seconds is None and self.bars is None else None,
                truncation=self.truncation,
                loop=self.loop,
                bars=self.bars,
                settings={setting: texts.get(flag) for setting, flag in SETTINGS.items()},
            )
            return piece_of(request, request.seed, metadata)

    def fields(self):
        """dict of field -> text, without what is as by default; from it `parse` makes the same."""
        length = {} if self.seconds is None else {"length": curves.plain(float(self.seconds))}
        bars = {} if self.bars is None else {"bars": str(self.bars)}
        truncation = {} if self.truncation == TRUNCATION else {"truncation": repr(self.truncation)}
        loop = {"loop": "1"} if self.loop else {}
        piece = {"model": self.model, "seed": str(self.seed), **length, **bars}
        return {**piece, **truncation, **loop, **dict(self.steering)}

    def query(self):
        """The fields as the query of an address."""
        return urllib.parse.urlencode(self.fields())

    def name(self):
        """What a file of it is called, without its extension."""
        return f"{re.sub(r'[^A-Za-z0-9-]+', '-', self.model.rpartition('/')[2])}-{self.seed}"

    def command(self):
        """The command line that makes the file again."""
        trust = ["--trust"] if names.is_hub_name(self.model) else []
        model = [] if self.model == shipped.DEFAULT_MODEL else [f"--bundle_dir={self.model}", *trust]
        flags = [f"--{name}={text}" for name, text in self.fields().items() if name not in ("model", "loop")]
        loop = ["--loop"] if self.loop else []
        return shlex.join(["python", "generate.py", *model, *flags, *loop, f"--out={self.name()}.wav"])


def parse(fields, catalogue, limits, endless=False):
    """(Asked, its Piece) of what a visitor typed.

    Args:
      fields: mapping of FIELDS to text, numbers or None; what is missing or empty is as by default, the seed 0.
      catalogue: Catalogue.
      limits: Limits.
      endless: whether the piece has no end, whatever length is said.

    Raises:
      FieldError: names the field, and what would work.
    """
    texts = {name: _text(name, fields.get(name), limits) for name in FIELDS}
    model = texts["model"] or catalogue.names[0]
    with _named_by_field():
        metadata = catalogue.metadata(model)
    bars = _whole("bars", texts["bars"], 1, _MOST_BARS) if texts["bars"] and not endless else None
    asked = Asked(
        model=model,
        seed=_whole("seed", texts["seed"] or "0", -(2**63) + 1, 2**63 - 2),
        seconds=None if endless or bars else _seconds(texts["length"] or DEFAULT_LENGTH, limits),
        bars=bars,
        truncation=_truncation(texts["truncation"]),
        loop=_switch("loop", texts["loop"]) and not endless,
        steering=tuple((name, texts[name]) for name in STEERING if texts[name]),
    )
    for name, text in asked.steering:
        _check_no_file(name, text)
    piece = asked.piece(metadata)
    if not endless and piece.n_samples > limits.longest_seconds * metadata["sample_rate"]:
        raise FieldError("bars" if bars else "length", f"at most {durations.spoken(limits.longest_seconds)} here")
    return asked, piece


def _text(name, value, limits):
    if value is None or value is False:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    if len(text) > limits.letters:
        raise FieldError(name, f"{len(text)} letters; at most {limits.letters} here")
    return text


def _whole(name, text, least, most):
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        bounds = f" from {least} to {most}" if name == "bars" else " below 2^63"
        raise FieldError(name, f"{text}: give a whole number{bounds}")
    return int(text)


def _switch(name, text):
    if text.lower() not in _SWITCH:
        raise FieldError(name, f"{text}: give 1 or 0")
    return _SWITCH[text.lower()]


def _truncation(text):
    try:
        value = float(text) if text else TRUNCATION
    except ValueError:
        value = 0.0
    least, most = TRUNCATIONS
    if not least <= value <= most:
        raise FieldError("truncation", f"{text}: give a number from {least} to {most}")
    return value


def _seconds(text, limits):
    with _named_by_field():
        seconds = durations.parse(text)
    if seconds > limits.longest_seconds:
        raise FieldError("length", f"at most {durations.spoken(limits.longest_seconds)} here")
    return seconds


def _check_no_file(name, text):
    """A curve that a visitor types has its points in it: `curves.parse` would read a CSV file of the host."""
    if any(map(curves.names_file, re.split("[,=]", text))):
        raise FieldError(name, f"{text}: files are not read here; give the points, such as 0:0.1,30s:0.8")


@contextlib.contextmanager
def _named_by_field():
    """Around what speaks of flags: "--bpm=60: ..." becomes a FieldError of the field bpm, "60: ..."."""
    try:
        yield
    except FieldError:
        raise
    except UserError as error:
        found = _ERROR.fullmatch(str(error))
        field, value, reason = found.groups() if found else (None, None, str(error))
        reason = f"{value}: {reason}" if value else reason
        raise FieldError(field if field in FIELDS else "length", _FILES.sub("", reason).replace("--", "")) from error
