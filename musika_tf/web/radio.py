"""Endless radio: a piece without end, sent as fast as it plays, whose signals may change meanwhile.

A change begins with the next samples that are not sent yet, `LEAD_SECONDS` ahead of what is heard. From there on the
piece is rendered as if it had always been so, and the old one fades into it. The clock of the beat goes on from where
it was in the bar, at the new tempo::

    old    ~~~~~~~~~~~~~~~~|\\\\\\|
    new                    |/////|~~~~~~~~~~~~~~~~
    bar    1   2   3   4   1     2     3     4
"""

import asyncio
import contextlib
import re
import secrets
import time

import numpy as np

from musika_tf.audio import stream
from musika_tf.audio.writer import from_int16, to_int16
from musika_tf.errors import UserError
from musika_tf.generate import bars, loops, rendering
from musika_tf.web import asking
from musika_tf.web.wav_file import blocks

LEAD_SECONDS = 4.0  # what is sent before it is heard, so that a busy moment is none
_FADE_SECONDS = 0.5
_SLICE_SECONDS = 0.5  # between two looks at whether something has changed
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class UnknownStation(UserError):
    """Nobody listens to a station of this name."""


class Station:
    """One endless piece, which plays on while somebody listens: who comes later hears what is on, as of any radio.

    Attributes:
      asked: what it plays now, which everything after the next look follows.
      listeners: how many.
      left: the time of a monotonic clock at which the last of them left.
    """

    def __init__(self, model, asked, piece):
        self.model, self.listeners, self.left = model, 0, 0.0
        self.asked, self._piece, self._track, self._begun = asked, piece, Track(model, piece), None

    def play(self, asked, piece):
        """From now on, this."""
        self.asked, self._piece = asked, piece

    def header(self):
        """The beginning of the stream: a WAV file's, of unknown length."""
        return stream.header(self.model.sample_rate, None, self._piece.comment(self.model.metadata))

    async def listen(self, studio):
        """Yields int16 samples as bytes, without end, as fast as they play; raises as `Studio.run`, of the first."""
        now, rate = asyncio.get_running_loop().time, self.model.sample_rate
        self._begun = now() if self._begun is None else self._begun
        position = round((now() - self._begun) * rate)
        track, fading, patient = self._track, None, False
        while True:
            for begin, stop in blocks(self.model.metadata, position):
                block = await track.render(studio, begin, stop, patient)
                patient = True
                if fading is not None:
                    block[: len(fading)] = loops.crossfade(fading, block[: len(fading)])
                    fading = None
                for samples in np.array_split(block, max(round(len(block) / rate / _SLICE_SECONDS), 1)):
                    await asyncio.sleep(max(self._begun + position / rate - LEAD_SECONDS - now(), 0))
                    if self._piece is not track.piece:
                        break
                    yield to_int16(samples).tobytes()
                    position += len(samples)
                if self._piece is not track.piece:
                    fading = await track.render(studio, position, position + self._fade_samples(), patient)
                    track = self._changed(position / rate)
                    break

    def _changed(self, seconds):
        """The Track from `seconds` on, which the first listener who gets there decides on for all."""
        if self._track.piece is not self._piece:
            self._track = self._track.followed_by(self._piece, seconds)
        return self._track

    def _fade_samples(self):
        """No more than half of a first block."""
        metadata = self.model.metadata
        return min(round(_FADE_SECONDS * metadata["sample_rate"]), 8 * metadata["samples_per_latent"])


class Track:
    """A Piece of a facade.Model, whose beat clock is `shift` seconds before the piece's own time."""

    def __init__(self, model, piece, shift=0.0):
        self.model, self.piece, self.shift = model, piece, shift
        self._renderer = rendering.Renderer(model.loaded, model.metadata, piece)
        if self._renderer.steering and shift:
            self._renderer.steering = _Shifted(self._renderer.steering, shift)
        self._key = f"{model.path} {piece.comment(model.metadata)} {shift!r}"

    async def render(self, studio, begin, stop, patient):
        """float32 `[stop - begin, 2]`; raises as `Studio.run`."""
        key = self._key, begin, stop
        data = await studio.kept(key, lambda: to_int16(self._renderer.range(begin, stop)).tobytes(), patient)
        return from_int16(data)

    def followed_by(self, piece, seconds):
        """The Track of another Piece, in the same place of the bar at `seconds`."""
        metadata = self.model.metadata
        if not bars.has_clock(metadata):
            return Track(self.model, piece)
        before, after = self.piece.bpm(metadata), piece.bpm(metadata)
        return Track(self.model, piece, (seconds + self.shift) * before / after - seconds)


class _Shifted:
    """A Steering whose beat clock is early."""

    def __init__(self, steering, shift):
        self._steering, self._shift = steering, shift

    def at(self, times):
        return self._steering.at(times, times + self._shift)


class Radio:
    """The stations that somebody listens to, by name: whoever knows the name may change what it plays."""

    def __init__(self, catalogue, limits):
        self.stations, self._catalogue, self._limits = {}, catalogue, limits

    def parse(self, fields):
        """(Asked, Piece) of a station, always of a tempo that is said where the model has a beat; FieldError."""
        asked, piece = asking.parse(fields, self._catalogue, self._limits, endless=True)
        metadata = self._catalogue.metadata(asked.model)
        if bars.has_clock(metadata) and not dict(asked.steering).get("bpm"):
            fields = {**asked.fields(), "bpm": repr(piece.bpm(metadata))}
            asked, piece = asking.parse(fields, self._catalogue, self._limits, endless=True)
        return asked, piece

    @staticmethod
    def name(text):
        """The name of a station that a listener asks for, or a new one that nobody guesses; UserError where it can't be
        one."""
        if text and not _NAME.fullmatch(text):
            raise UserError("station: give up to 64 letters, digits, - and _")
        return text or secrets.token_urlsafe(12)

    @contextlib.contextmanager
    def listening(self, name, model, asked, piece):
        """Around a listener: the Station of a name, the one that is there, or a new one that plays this. When the last
        listener leaves, it waits a while: players reconnect."""
        self._forget()
        station = self.stations[name] = self.stations.get(name) or Station(model, asked, piece)
        station.listeners += 1
        try:
            yield station
        finally:
            station.listeners -= 1
            station.left = time.monotonic()

    def _forget(self):
        """Ends the stations that nobody has come back to, and of too many those that were left first."""
        idle = sorted((s.left, name) for name, s in self.stations.items() if not s.listeners)
        late = time.monotonic() - self._limits.keep_seconds
        for i, (left, name) in enumerate(idle):
            if left <= late or i < len(idle) - self._limits.streams:
                del self.stations[name]

    def change(self, name, fields):
        """Changes signals of a station to the `fields` of asking.STEERING that are given; "" leaves one to the style.

        Returns:
          Asked: what it plays from now on.

        Raises:
          UnknownStation: nobody listens to it.
          FieldError: a field is none that can change, or its value can't be.
        """
        self._forget()
        station = self.stations.get(name)
        if not station:
            raise UnknownStation(f"station={name}: nobody listens to it")
        for field in fields:
            if field not in asking.STEERING:
                raise asking.FieldError(field, f"can't change while it plays; {', '.join(asking.STEERING)} can")
        station.play(*self.parse({**station.asked.fields(), **fields}))
        return station.asked
