"""What generate.py was asked for -> files, a stream, or a page of previews.

TensorFlow is imported only when all that can be wrong with the request by itself has been found.
"""

import contextlib
import dataclasses
import secrets
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from musika_tf import durations
from musika_tf.errors import UserError
from musika_tf.progress import Progress

STREAM = "-"
_LONG_SECONDS = 600  # from here on a file is made in parts, so that an interruption costs minutes and not hours
_MOST_PREVIEWS = 1000


@dataclasses.dataclass(frozen=True)
class Request:
    """The flags of generate.py.

    Attributes:
      shipped: the bundle where none is named.
      bundle_dir: the bundle, or None.
      seed: of the first piece.
      seconds: length of each, None for no end.
      start: where in the piece to begin, in seconds.
      out: file, folder, name with `{seed}`, STREAM, or None for a name of our own.
      style_seed: None for the seed.
      style_to: style at the end of a morph, or None.
      style_over: how long it takes in seconds, None for until the end.
      style_file: JSON of keyframes, or None.
      truncation: bound of the normal distribution.
      loop: whether the end goes on into the beginning.
      n_pieces: pieces of consecutive seeds.
      previews: whether to write a page of previews of them.
      n_workers: processes that render.

    Raises:
      UserError: the request contradicts itself.
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
    truncation: float = 2.0
    loop: bool = False
    n_pieces: int = 1
    previews: bool = False
    n_workers: int = 1

    def __post_init__(self):
        seeds = {"seed": self.seed, "style_seed": self.style_seed, "style_to": self.style_to}
        for name, seed in seeds.items():
            if seed is not None and max(abs(seed), abs(seed + self.n_pieces)) >= 2**63:
                raise UserError(f"--{name}={seed}: a whole number below 2^63, please")
        if self.style_file and not self.style_seed == self.style_to == self.style_over is None:
            raise UserError("--style_file: says all about the style; leave out --style_seed, --style_to, --style_over")
        if self.style_over is not None and self.style_to is None:
            raise UserError("--style_over: how long --style_to takes; add it")
        self._check_end()
        self._check_out()

    def _check_end(self):
        if self.seconds is not None:
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
        named = self.out and ("{seed}" in self.out or Path(self.out).is_dir())
        if self.n_pieces > 1 and self.out and not (self.previews or named):
            raise UserError(f"--out={self.out}: several pieces need a folder that exists, or a name with {{seed}}")

    @property
    def model(self):
        return self.bundle_dir or self.shipped

    @property
    def seeds(self):
        return range(self.seed, self.seed + self.n_pieces)

    def options(self):
        """The flags that make other music than the defaults do, but for seed and length."""
        named = [("bundle_dir", self.bundle_dir), ("style_seed", self.style_seed), ("style_to", self.style_to)]
        named += [("style_file", self.style_file), ("truncation", None if self.truncation == 2.0 else self.truncation)]
        named += [("start", float(self.start) if self.start else None)]
        named += [("style_over", None if self.style_over is None else float(self.style_over))]
        return [f"--{name}={value}" for name, value in named if value is not None]


def random_seed():
    """A seed for a piece nobody has heard, short enough to write down."""
    return secrets.randbelow(10**6)


def run(request, prepare: Callable[[int], None]):
    """Does what was asked for.

    Args:
      request: Request.
      prepare: module-level function (threads) that starts TensorFlow in a worker.
    """
    from musika_tf import bundle
    from musika_tf.audio.writer import check_output
    from musika_tf.pipeline import preview_page

    metadata = bundle.read_metadata(request.model)
    pieces = {seed: piece_of(request, seed, metadata) for seed in request.seeds}
    if request.previews:
        folder = Path(request.out or f"{metadata['name']}-previews")
        preview_page.check_folder(folder)
        loaded, _ = bundle.load(request.model)
        preview_page.write(folder, loaded, metadata, _closed(loaded, metadata, pieces), request.options())
        print(f"{folder / preview_page.PAGE}: open it in a browser")
        return
    outs = {seed: _name(request, seed, metadata) for seed in pieces}
    for out in outs.values():
        if out != STREAM:
            check_output(out)
    loaded, _ = bundle.load(request.model)
    pieces = _closed(loaded, metadata, pieces)
    for seed, piece in pieces.items():
        if outs[seed] != STREAM:
            check_output(outs[seed], piece.comment(metadata))
    for seed, piece in pieces.items():
        if outs[seed] == STREAM:
            stream(loaded, metadata, piece)
        else:
            _write(outs[seed], request, loaded, metadata, piece, prepare)


def piece_of(request, seed, metadata):
    """The Piece that a request asks for under a seed."""
    from musika_tf.pipeline.piece import Piece

    rate = metadata["sample_rate"]
    n_samples = None if request.seconds is None else max(round(request.seconds * rate), 1)
    loop_samples = n_samples if request.loop else 0
    style = _style(request, seed)
    return Piece(seed, style, round(request.start * rate), n_samples, request.truncation, loop_samples)


def _style(request, seed):
    from musika_tf.pipeline import styles

    if request.style_file:
        return styles.read(request.style_file)
    style_seed = seed if request.style_seed is None else request.style_seed
    if request.style_to is None or request.style_to == style_seed:
        return styles.StylePlan.constant(style_seed)
    end = request.seconds if request.loop else request.style_over or request.start + request.seconds
    return styles.StylePlan.morph(style_seed, request.style_to, float(end), request.loop)


def _name(request, seed, metadata):
    """Where a piece goes."""
    name = f"{metadata['name']}-{seed}.wav"
    if request.out and request.out != STREAM:
        return Path(request.out) / name if Path(request.out).is_dir() else request.out.replace("{seed}", str(seed))
    return request.out or name


def _closed(loaded, metadata, pieces):
    """The pieces as they can loop, saying at which tempo where that had to change."""
    from musika_tf.pipeline import loops

    closed = {seed: loops.closed(loaded, metadata, piece) for seed, piece in pieces.items()}
    for seed, piece in closed.items():
        if piece.loop_samples and piece.steering:
            bars = piece.loop_samples / metadata["sample_rate"] * piece.steering.bpm / 240
            print(f"seed {seed}: a loop of {bars:.0f} bars at {piece.steering.bpm:.2f} BPM", file=sys.stderr)
    return closed


def stream(loaded, metadata, piece):
    """Writes a piece to standard output as WAV, until its end or until nobody reads.

    An endless piece ends with its reader, quietly; of one that has an end, the reader missed something: UserError.
    """
    from musika_tf.audio.stream import ReaderGone, WavStream, standard_output
    from musika_tf.pipeline import generation

    rate = metadata["sample_rate"]
    with standard_output() as descriptor, contextlib.closing(Progress(rate, piece.n_samples)) as progress:
        output = WavStream(descriptor, rate, piece.comment(metadata), piece.n_samples)
        try:
            with output:
                for waveform in generation.waveforms(loaded, metadata, piece):
                    output.write(waveform)
                    progress(output.n_samples)
        except ReaderGone:
            if piece.n_samples is None:
                return
            progress.close()
            length = durations.spoken(piece.n_samples / rate)
            raise UserError(f"--out=-: the reader closed the pipe before the end of {length}") from None


def _write(out, request, loaded, metadata, piece, prepare):
    """Writes one file, by parts where it is long or others help."""
    from musika_tf.pipeline import generation, parts
    from musika_tf.pipeline.workers import Crew

    rate, begin = metadata["sample_rate"], time.monotonic()
    with contextlib.ExitStack() as line:

        def progress(done=0):
            return line.enter_context(contextlib.closing(Progress(rate, piece.n_samples, done)))

        if request.n_workers > 1 or piece.n_samples > _LONG_SECONDS * rate:
            crew = Crew(request.n_workers, prepare) if request.n_workers > 1 else None
            parts.write(out, request.model, metadata, piece, loaded, crew, progress)
        else:
            generation.write(out, loaded, metadata, piece, progress())
    taken = time.monotonic() - begin
    print(
        f"{out}: {durations.spoken(piece.n_samples / rate)} of music (seed {piece.seed}) in {taken:.1f} s, "
        f"{piece.n_samples / rate / taken:.1f} times faster than real time"
    )
