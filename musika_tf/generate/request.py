"""What generate.py was asked for, and the Piece that this means for a model."""

import dataclasses
import os
import secrets
from fractions import Fraction

from musika_tf import durations, processor
from musika_tf.conditioning import curves, moving, steering
from musika_tf.errors import UserError
from musika_tf.generate import bars, loops, styles
from musika_tf.generate.piece import Piece

STREAM = "-"
TRUNCATION, TRUNCATIONS = 2.0, (0.1, 3.9)  # the default, and the least and most
FULL_SECONDS = 237  # of the piece that is made of a preview
_MOST_PREVIEWS = 1000
_DEFAULTS = {"position": "body", "note_density": moving.NAME}  # where a model follows them


@dataclasses.dataclass(frozen=True)
class Request:
    """The flags of generate.py.

    Attributes:
      shipped: the default bundle.
      bundle_dir: the bundle, or None.
      seed: of the first piece.
      seconds: length of each; None without end, or if `bars` is the length.
      start: where in the piece to begin, in seconds.
      out: file, folder, name with `{seed}`, STREAM, or None for the model's name and the seed.
      style_seed: None for the seed.
      style_to: style at the end of a morph, or None.
      style_over: how long the morph takes in seconds; None for until the end.
      style_file: JSON of keyframes, or None.
      previews: whether to write a page of previews of the pieces.
      settings: dict of `conditioning.steering.SETTINGS` name -> what the user wrote, or None.
      precision: one of `processor.PRECISIONS`.

    Raises:
      UserError: the request contradicts itself, or the processor lacks the precision.
    """

    shipped: str
    bundle_dir: str | None
    seed: int
    seconds: Fraction | None
    start: Fraction = Fraction(0)
    out: str | None = None
    style_seed: int | None = None
    style_to: int | None = None
    style_over: Fraction | None = None
    style_file: str | None = None
    truncation: float = TRUNCATION
    loop: bool = False
    n_pieces: int = 1
    previews: bool = False
    n_workers: int = 1
    bars: int | None = None
    settings: dict = dataclasses.field(default_factory=dict)
    click: bool = False
    precision: str = "float32"

    def __post_init__(self):
        processor.check_precision(self.precision)
        seeds = {"seed": self.seed, "style_seed": self.style_seed, "style_to": self.style_to}
        for name, seed in seeds.items():
            if seed is not None and max(abs(seed), abs(seed + self.n_pieces)) >= 2**63:
                raise UserError(f"--{name}={seed}: too large; give a whole number below 2^63")
        if self.style_file and not self.style_seed == self.style_to == self.style_over is None:
            raise UserError("--style_file: says all about the style; leave out --style_seed, --style_to, --style_over")
        if self.style_over is not None and self.style_to is None:
            raise UserError("--style_over: how long --style_to takes; add it")
        self._check_end()
        self._check_out()

    def _check_end(self):
        if self.loop and self.style_over is not None:
            raise UserError("--style_over: a loop morphs there and back within its length; leave it out")
        if not self.is_endless:
            return
        if self.out != STREAM:
            raise UserError("--length=inf: a file has to end; stream it, such as: --length inf --out - | aplay")
        if self.loop:
            raise UserError("--loop: needs a --length, which is that of the loop")
        if self.style_to is not None and self.style_over is None:
            raise UserError("--style_to: in a piece without end add --style_over, such as --style_over=10m")

    def _check_out(self):
        if self.previews and self.n_pieces > _MOST_PREVIEWS:
            raise UserError(f"--preview={self.n_pieces}: at most {_MOST_PREVIEWS} on one page")
        if self.out == STREAM and (self.n_pieces > 1 or self.previews):
            raise UserError("--out=-: one piece at a time; write the others to files")
        if self.out == STREAM and self.n_workers > 1:
            raise UserError("--workers: make the parts of a file; a stream has one")
        named = self.out and ("{seed}" in self.out or os.path.isdir(self.out))
        if self.n_pieces > 1 and self.out and not (self.previews or named):
            raise UserError(f"--out={self.out}: several pieces need a folder that exists, or a name with {{seed}}")

    @property
    def model(self):
        return self.bundle_dir or self.shipped

    @property
    def is_endless(self):
        return self.seconds is None and self.bars is None

    @property
    def seeds(self):
        return range(self.seed, self.seed + self.n_pieces)

    def options(self):
        """The flags, but for the seed, that make the whole pieces of these previews: 3m57s, but a loop as it is."""
        named = [("bundle_dir", self.bundle_dir), ("style_seed", self.style_seed), ("style_to", self.style_to)]
        truncation = None if self.truncation == TRUNCATION else self.truncation
        named += [("style_file", self.style_file), ("truncation", truncation)]
        named += [("precision", None if self.precision == "float32" else self.precision)]
        times = {"start": self.start or None, "style_over": self.style_over}
        named += [(name, time and curves.plain(float(time))) for name, time in times.items()]
        named += [(flag, self.settings.get(setting) or None) for setting, flag in steering.SETTINGS.items()]
        lengths = [("bars", self.bars), ("length", None if self.bars else curves.plain(float(self.seconds)))]
        named = (lengths if self.loop else [("length", durations.spoken(FULL_SECONDS))]) + named
        switches = ["--loop"] * self.loop + ["--click"] * self.click
        return [f"--{name}={value}" for name, value in named if value is not None] + switches


def random_seed():
    """A random seed, short enough to write down."""
    return secrets.randbelow(10**6)


def piece_of(request, seed, metadata):
    """The Piece that a request asks for under one of its seeds, its settings canonical, as the file's comment has them;
    UserError where the model can't follow it."""
    _check_clock(request, metadata)
    settings, seconds, rate = _settings(request, metadata), request.seconds, metadata["sample_rate"]
    style_seed, plan = seed if request.style_seed is None else request.style_seed, None
    if request.style_file:
        plan = styles.read(request.style_file)
        style_seed = plan.seeds[0]
    if request.bars:
        bpm = _bpm(settings.get("tempo"), metadata, style_seed)
        settings["tempo"], seconds = repr(bpm), bars.seconds_of(request.bars, bpm)
    n_samples = None if seconds is None else max(round(seconds * rate), 1)
    loop_samples, start_sample = n_samples if request.loop else 0, round(request.start * rate)
    style = plan or _style(request, style_seed, FULL_SECONDS if request.previews and not request.loop else seconds)
    piece = Piece(
        seed, style, start_sample, n_samples, request.truncation, loop_samples, {}, request.click, request.precision
    )
    end = _planned_end(request, piece, rate)
    return loops.closed(metadata, dataclasses.replace(piece, settings=steering.canonical(settings, metadata, end)))


def plain_piece(seed, seconds, settings, metadata):
    """The Piece that generate.py makes of a seed, a length in seconds and settings, and else by its defaults; UserError
    as `piece_of`."""
    return piece_of(Request("", None, seed, Fraction(seconds), settings=settings), seed, metadata)


def _check_clock(request, metadata):
    """Refuses what needs a beat of a model that has none."""
    if bars.has_clock(metadata):
        return
    if request.bars:
        raise UserError(f"--bars={request.bars}: the model {metadata['name']} has no beat; say the time with --length")
    if request.click:
        raise UserError(f"--click: the model {metadata['name']} has no beat to click to; leave it out")


def _settings(request, metadata):
    """What the user wrote, and the defaults. None of these has a length or an end, so that excerpts, streams and whole
    pieces have the same audio; a loop stays where its style draws it."""
    known = {row["name"] for row in metadata["conditioning"]}
    defaults = {} if request.loop else {name: text for name, text in _DEFAULTS.items() if name in known}
    return defaults | {name: text for name, text in request.settings.items() if text}


def _planned_end(request, piece, rate):
    """Where the piece ends for a plan, in seconds, or None; previews are beginnings of what their page suggests."""
    if request.previews and not request.loop:
        return float(request.start + FULL_SECONDS)
    end = piece.loop_samples or piece.end_sample
    return None if end is None else end / rate


def _bpm(text, metadata, style_seed):
    """The tempo that is asked for, or else drawn."""
    if text:
        return steering.steer({"tempo": text}, metadata, style_seed).bpm
    return steering.drawn_bpm(metadata, style_seed)


def _style(request, style_seed, seconds):
    """The StylePlan of a piece of `seconds`; a preview's is that of the piece that its page suggests."""
    if request.style_to is None or request.style_to == style_seed:
        return styles.StylePlan.constant(style_seed)
    end = seconds if request.loop else request.style_over or request.start + seconds
    return styles.StylePlan.morph(style_seed, request.style_to, float(end), request.loop)
