"""What generate.py was asked for -> files, a stream, or a page of previews."""

import contextlib
import os
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from musika_tf import durations
from musika_tf.audio.stream import ReaderGone, WavStream, standard_output
from musika_tf.audio.writer import check_output
from musika_tf.errors import UserError
from musika_tf.generate import bars
from musika_tf.generate.request import STREAM, piece_of
from musika_tf.model.metadata import check_generates, read_metadata
from musika_tf.progress import Progress
from musika_tf.workers import Pool

_LONG_SECONDS = 600  # from here on a file is made in parts, so that an interruption costs minutes and not hours


def run(request, prepare: Callable[[int], None], threads=0):
    """Makes what a Request asks for.

    Args:
      prepare: a module-level function (threads) that starts TensorFlow, here and in each worker; here after
        all that a user can get wrong, unless a tempo is to be drawn for that. None where it has started.
      threads: those of all workers together, 0: as many as there are cores.
    """
    metadata = read_metadata(request.model)
    check_generates(request.model, metadata)
    start = prepare or (lambda threads: None)
    draws_tempo = (request.bars or request.loop) and not request.settings.get("tempo")
    if draws_tempo:
        start(threads)
    pieces = {seed: piece_of(request, seed, metadata) for seed in request.seeds}
    outs = {} if request.previews else {seed: _name(request, seed, metadata) for seed in pieces}
    for seed, out in outs.items():
        if out != STREAM:
            check_output(out, pieces[seed].comment(metadata))
    if not draws_tempo:
        start(threads)
    from musika_tf.generate import preview_page
    from musika_tf.model import bundle

    if request.previews:
        folder = Path(request.out or f"{metadata['name']}-previews")
        preview_page.check_folder(folder)
        loaded, _ = bundle.load(request.model, request.precision)
        _announce(request, metadata, pieces)
        preview_page.write(folder, loaded, metadata, pieces, request.options())
        print(f"{folder / preview_page.PAGE}: open it in a browser")
        return
    loaded, _ = bundle.load(request.model, request.precision)
    _announce(request, metadata, pieces)
    pool = Pool(request.n_workers, prepare, threads) if request.n_workers > 1 else None
    for seed, piece in pieces.items():
        if outs[seed] == STREAM:
            stream(loaded, metadata, piece)
        else:
            _write(outs[seed], request.model, loaded, metadata, piece, pool)


def _name(request, seed, metadata):
    """Where a piece goes."""
    name = f"{metadata['name']}-{seed}.wav"
    if request.out and request.out != STREAM:
        return Path(request.out) / name if os.path.isdir(request.out) else request.out.replace("{seed}", str(seed))
    return request.out or name


def _announce(request, metadata, pieces):
    """Prints the tempo of the pieces, if bars or beats were asked for."""
    if not bars.has_clock(metadata) or not (request.loop or request.bars or request.click):
        return
    for seed, piece in pieces.items():
        bpm, what = piece.bpm(metadata), "clicks"
        if request.loop or request.bars:
            n_bars = round(bars.bars_in(Fraction(piece.n_samples, metadata["sample_rate"]), bpm))
            what = f"{'a loop of ' * request.loop}{n_bars} bar{'s' * (n_bars != 1)}"
        print(f"seed {seed}: {what} at {bpm:.2f} BPM", file=sys.stderr)


def stream(loaded, metadata, piece):
    """Writes a piece to standard output as WAV; UserError where the reader closes the pipe before the end of a piece
    that has one."""
    from musika_tf.generate import landmarks, rendering

    rate = metadata["sample_rate"]
    with standard_output() as descriptor, contextlib.closing(Progress(rate, piece.n_samples)) as progress:
        marked = landmarks.of(piece, metadata)
        output = WavStream(descriptor, rate, piece.comment(metadata), piece.n_samples, marked)
        try:
            with output:
                for waveform in rendering.waveforms(loaded, metadata, piece):
                    output.write(waveform)
                    progress(output.n_samples)
        except ReaderGone:
            if piece.n_samples is None:
                return
            progress.close()
            length = durations.spoken(piece.n_samples / rate)
            raise UserError(f"--out=-: the reader closed the pipe before the end of {length}") from None


def _write(out, bundle_dir, loaded, metadata, piece, pool):
    """Writes one file, by parts if it is long or has workers."""
    from musika_tf.generate import parts, rendering

    rate, begin = metadata["sample_rate"], time.monotonic()
    with contextlib.ExitStack() as line:

        def progress(done=0):
            return line.enter_context(contextlib.closing(Progress(rate, piece.n_samples, done)))

        if pool or piece.n_samples > _LONG_SECONDS * rate:
            parts.PartedFile(Path(out), bundle_dir, metadata, piece).write(loaded, pool, progress)
        else:
            rendering.write(out, loaded, metadata, piece, progress())
    taken = time.monotonic() - begin
    print(
        f"{out}: {durations.spoken(piece.n_samples / rate)} of music (seed {piece.seed}) in {taken:.1f} s, "
        f"{piece.n_samples / rate / taken:.1f} times faster than real time"
    )
