"""A bundle -> waveforms and audio files, in parts: everything is a function of (model, piece, time).

Files, streams and workers cut a piece at the same places, so they get the same samples. The first parts are short, so
that a stream begins early::

    latents   | 16 | about 128 |    .. 1024    |      1024      |      1024      | ...

Each is about eight times as long as the one before: playback never waits where rendering is eight times real time.
"""

import functools
import itertools

import numpy as np

from musika_tf import interruption
from musika_tf.audio.writer import AudioWriter
from musika_tf.config import AutoencoderConfig, from_dict
from musika_tf.generate import click, landmarks, loops
from musika_tf.model.metadata import refines

_FIRST_LATENTS = 16  # 1.5 s: the first part of a piece
PART_WINDOWS = 8  # windows per call of the bundle: long enough that its neighbours cost little


def waveforms(loaded, metadata, piece, start=None, end=None):
    """Renders a piece, or a range of it, in constant memory; without end where the piece has none.

    Args:
      loaded, metadata: a bundle.
      piece: Piece.
      start, end: range in samples, counted as `piece.start_sample` is; default: the piece's.

    Yields:
      float32 `[samples, 2]`, consecutive.
    """
    start = piece.start_sample if start is None else start
    end = piece.end_sample if end is None else end
    renderer = Renderer(loaded, metadata, piece)
    for cut in cuts(metadata, piece.start_sample):
        if cut > start:
            stop = cut if end is None else min(cut, end)
            yield renderer.range(start, stop)
            start = stop
        if start == end:
            return


def cuts(metadata, start_sample, part_windows=PART_WINDOWS):
    """Yields the samples at which a piece that begins at `start_sample` is cut, without end; parts are of so many
    windows, but for the first two."""
    per_latent, window = metadata["samples_per_latent"], metadata["window"]
    latent = start_sample // per_latent + _FIRST_LATENTS
    yield latent * per_latent
    latent = ((latent + window // 2) // window + 1) * window
    yield latent * per_latent
    part = part_windows * window
    for i in itertools.count(latent // part + 1):
        yield i * part * per_latent


class Renderer:
    """Renders any range of a piece; arguments as `waveforms`."""

    def __init__(self, loaded, metadata, piece):
        self.loaded, self.metadata, self.piece = loaded, metadata, piece
        self.per_latent, self.window = metadata["samples_per_latent"], metadata["window"]
        self.decoder_window = from_dict(AutoencoderConfig, metadata["autoencoder_config"]).window_latents
        self.neighbours = 1 if refines(metadata) else 0  # windows on either side that one depends on
        self.steering = piece.steering(metadata)
        self.click_bpm = piece.bpm(metadata) if piece.click else None
        self.fade_samples = loops.fade_samples(metadata, piece.loop_samples) if piece.loop_samples else 0

    def range(self, start, end):
        """Samples `start` .. `end - 1` of the piece: float32 `[end - start, 2]`."""
        music = self._music(start, end)
        if self.click_bpm is None:
            return music
        rate = self.metadata["sample_rate"]
        return click.mixed(music, click.clicks(start, end, self.click_bpm, rate, self.piece.loop_samples))

    def _music(self, start, end):
        """The range without a metronome."""
        if not self.fade_samples:
            return self._line(start, end)
        length, parts = self.piece.loop_samples, []
        fade = length - self.fade_samples
        for begin, stop in loops.rounds(start, end, length):
            if begin < fade:
                parts.append(self._line(begin, min(stop, fade)))
            if stop > fade:
                parts.append(self._loop_end[max(begin - fade, 0) : stop - fade])
        return np.concatenate(parts)

    @functools.cached_property
    def _loop_end(self):
        length = self.piece.loop_samples
        return loops.crossfade(self._line(length - self.fade_samples, length), self._line(-self.fade_samples, 0))

    def _line(self, start, end):
        """The range as the line has it, before a loop's end is faded."""
        first, last = start // self.per_latent, -(-end // self.per_latent)
        begin = start - first * self.per_latent
        return self._latents(first, last - first)[begin : begin + end - start]

    @interruption.held()
    def _latents(self, first, count):
        """Latents `first` .. `first + count - 1` as a waveform `[count * samples_per_latent, 2]`."""
        piece = self.piece
        # Decoder windows reach into the range, and each needs all of the generator's window.
        reach = self.decoder_window + 1  # stereo is interpolated between neighbouring latents
        curve_start = ((first - reach) // self.window - self.neighbours) * self.window
        curve_end = (-(-(first + count + reach) // self.window) + self.neighbours) * self.window
        positions = np.arange(curve_start, curve_end)
        times, period = self._times(positions)
        waveform = self.loaded.render(
            seed=np.int64(piece.seed),
            style_seeds=np.array(piece.style.seeds, np.int64),
            style_weights=piece.style.weights(times, period),
            loop_latents=np.float64(piece.loop_samples / self.per_latent),
            truncation=np.float32(piece.truncation),
            conditioning=self.steering.at(times) if self.steering else np.zeros([0, 0], np.float32),
            curve_start=np.int64(curve_start),
            first_latent=np.int64(first),
            n_latents=np.int32(count),
        )
        return np.asarray(waveform)

    def _times(self, positions):
        """Seconds of the latents' centres, within the loop where there is one; and the loop's length or None."""
        rate = self.metadata["sample_rate"]
        times = (positions + 0.5) * self.per_latent / rate
        period = self.piece.loop_samples / rate or None
        return (np.mod(times, period) if period else times), period


def writer(path, metadata, piece):
    """The AudioWriter of a piece's file, with all that is known of the piece beside its samples."""
    comment, marked = piece.comment(metadata), landmarks.of(piece, metadata)
    return AudioWriter(path, metadata["sample_rate"], comment, piece.n_samples, marked)


def write(path, loaded, metadata, piece, progress=lambda done: None):
    """Renders a piece with an end into a .wav, .flac or .ogg file, which appears when it is complete; `progress` is
    called with the samples done so far."""
    with writer(path, metadata, piece) as file:
        for waveform in waveforms(loaded, metadata, piece):
            file.write(np.ascontiguousarray(waveform))
            progress(file.n_samples)
