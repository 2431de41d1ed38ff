"""A model in a few lines of Python: `musika_tf.load(path)` -> Model with generate, stream, encode, decode and save.

What generate.py makes of its flags, a Model makes of keyword arguments: the same samples, and the same words where
something is wrong.
"""

import functools
import os
import typing
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf import arguments, atomic, interruption, shipped
from musika_tf.audio import resampling
from musika_tf.conditioning import signals, tags, tempo
from musika_tf.errors import UserError, writing
from musika_tf.generate import bars as clock
from musika_tf.generate import rendering
from musika_tf.generate.request import piece_of
from musika_tf.hub import fetch, names
from musika_tf.model import bundle
from musika_tf.model.metadata import check_generates

_DEFAULT_SECONDS = 60


class Followed(typing.NamedTuple):
    """A signal that a model follows: its unit, and the lowest and highest value that training saw."""

    unit: str
    lowest: float
    highest: float


def _short(value):
    """A float32's worth of digits: 110.2 for 110.19999694824219."""
    return float(f"{value:.6g}")


def load(path=None, trust=False, precision="float32"):
    """The Model of a bundle; of the one that ships where `path` is None. What train_ae.py wrote, such as
    "models/music-ae", encodes and decodes. "hf://user/name" is one on a hub, which needs `trust` in its owner: a
    SavedModel is a program that can read and write files. `generate` and `stream` compute in `precision`: "bfloat16" is
    for processors with AVX512_BF16 or AMX, other samples, and sooner.

    Raises:
      UserError: there is no bundle, or it is damaged; the processor lacks the precision; on a hub, also as
        `hub.fetch.fetch`.
    """
    if path is not None and names.is_hub_name(path):
        with arguments.named_as_arguments():
            path = fetch.fetch(str(path), trust)
    path = shipped.default_model() if path is None else shipped.find(path)
    with arguments.named_as_arguments():
        return Model(path, *bundle.load(path, precision), precision)


class Model:
    """A loaded bundle: its folder's `path`, its `metadata` (a dict), `loaded`, which has the functions of the
    SavedModel, and the `precision` that it generates in."""

    def __init__(self, path, loaded, metadata, precision="float32"):
        self.path, self.loaded, self.metadata, self.precision = Path(path), loaded, metadata, precision

    def __repr__(self):
        return f"<musika_tf.Model {self.name}: {self.sample_rate} Hz, follows {', '.join(self.signals) or 'nothing'}>"

    @property
    def name(self):
        return self.metadata["name"]

    @property
    def sample_rate(self):
        """Samples per second of what it makes and encodes."""
        return self.metadata["sample_rate"]

    @functools.cached_property
    def signals(self):
        """What steers it: dict of keyword argument of `generate` -> Followed; a word of `tags` is "tag:WORD"."""
        found = {}
        for row in self.metadata["conditioning"]:
            name = row["name"]
            keyword = name if name.startswith(tags.PREFIX) else signals.find(name).flag
            found[keyword] = Followed(row["unit"], *map(_short, row["range"]))
        if clock.has_clock(self.metadata):
            found["bpm"] = Followed(signals.find("tempo").unit, *map(_short, tempo.span(self.metadata)))
        return found

    def generate(
        self, seed=0, seconds=None, *, bars=None, start=0, loop=False, style_seed=None, truncation=2.0, **steering
    ):
        """Makes a piece, or a part of one, as generate.py does.

        Args:
          seed: which piece, a whole number.
          seconds: how long, a number or text such as "3m57s"; default: a minute.
          bars: how long, in bars of four beats, in place of `seconds`; for models with a beat.
          start: where in the piece to begin, in seconds or as text such as "1h2m3s".
          loop: whether the end goes on into the beginning.
          style_seed: its style; default: the seed.
          truncation: how far from the ordinary, 0.1 to 3.9; lower is safer.
          **steering: `bpm`, `note_density`, `position`, `tags`; `signals` has those that the model follows. A value is
            a number, a list of (time, value) points, or text as the flags of generate.py take it; that of `tags` a dict
            of such values by word, or text. What nobody asks for is drawn by the style.

        Returns:
          float32 `[samples, 2]` at `sample_rate`, within -1..1; a pure function of the model and the arguments.

        Raises:
          UserError: an argument that is malformed, out of range, or of a signal that the model does not follow.
        """
        seconds = _DEFAULT_SECONDS if seconds is None and bars is None else seconds
        options = {"bars": bars, "start": start, "loop": loop, "style_seed": style_seed, "truncation": truncation}
        piece = self._piece(seed, seconds, **options, **steering)
        if piece.n_samples is None:
            raise UserError(f"seconds={seconds}: an array has an end; take stream() for a piece without one")
        waveform, done = np.empty([piece.n_samples, 2], np.float32), 0
        for block in rendering.waveforms(self.loaded, self.metadata, piece):
            waveform[done : done + len(block)] = block
            done += len(block)
        return waveform

    def stream(self, seed=0, seconds=None, **options):
        """The same in consecutive blocks, in constant memory; without `seconds` and `bars` a piece without end.

        Returns:
          Iterator of float32 `[samples, 2]`: 1.5 s to begin with, up to a minute and a half later on.

        Raises:
          UserError: as `generate`, at once.
        """
        return rendering.waveforms(self.loaded, self.metadata, self._piece(seed, seconds, **options))

    def encode(self, waveform, sample_rate):
        """Encodes audio, resampled where need be.

        Args:
          waveform: floats `[samples, channels]` or `[samples]`, within -1..1; more than two channels are mixed down.
          sample_rate: Hz.

        Returns:
          Latents, float32 `[ceil(samples / samples_per_latent), latent_size]`, as the metadata has these sizes.

        Raises:
          UserError: no such waveform, or samples that are not finite.
        """
        waveform = arguments.stereo(waveform)
        if sample_rate != self.sample_rate:
            waveform = resampling.resample(
                waveform, arguments.whole("sample_rate", sample_rate, least=1), self.sample_rate
            )
        with interruption.held():
            return self.loaded.encode(tf.constant(waveform)).numpy()

    def decode(self, latents, *, seed=0, noise=1.0):
        """Decodes a piece that begins and ends with latents, float `[n, latent_size]`; `noise` is that of the decoders,
        1 as trained, 0 for none.

        Returns:
          float32 `[n * samples_per_latent, 2]` at `sample_rate`.

        Raises:
          UserError: another shape, or values that are not finite.
        """
        latents, size = np.asarray(latents), self.metadata["latent_size"]
        if latents.ndim != 2 or latents.shape[1] != size or not len(latents):
            raise UserError(f"latents: of shape {list(latents.shape)}; give [n, {size}], as encode() returns them")
        with interruption.held():
            return self.loaded.decode(
                tf.constant(arguments.finite("latents", latents)),
                tf.constant(seed, tf.int64),
                tf.constant(noise, tf.float32),
            ).numpy()

    def save(self, path):
        """Writes the bundle to a new folder, which appears when it is complete; UserError where there is something of
        that name, or it can't be written."""
        path = Path(path)
        if os.path.lexists(path):
            raise UserError(f"{path}: exists; name a new folder")
        with writing(path, "name another folder"):
            atomic.copy_folder(self.path, path)

    def _piece(self, seed, seconds, **options):
        request = arguments.request(self.path, seed, seconds, precision=self.precision, **options)
        with arguments.named_as_arguments():
            check_generates(self.path, self.metadata)
            return piece_of(request, request.seed, self.metadata)
