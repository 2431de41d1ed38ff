"""One line on standard error that tells how far a rendering is."""

import sys
import time

from musika_tf import durations

_EVERY_SECONDS = 0.25


class Progress:
    """Time done, times real time, time left; a call with the samples done so far redraws the line.

    Args:
      sample_rate: Hz.
      n_samples: all that there is to do, None for no end.
      done: samples that were there before, which say nothing about the speed.
      clock: function to seconds.
    """

    def __init__(self, sample_rate, n_samples, done=0, clock=time.monotonic, file=None):
        self._rate, self._n_samples, self._first = sample_rate, n_samples, done
        self._clock, self._file = clock, file or sys.stderr
        self._begin, self._drawn, self._width = clock(), -1.0, 0

    def __call__(self, done):
        now = self._clock()
        if now - self._drawn < _EVERY_SECONDS and done != self._n_samples:
            return
        self._drawn = now
        self._draw(self.line(done, now))

    def line(self, done, now):
        """The text: `1m32s of 3m57s, 61 times real time, 2s left`."""
        times_real_time = (done - self._first) / self._rate / max(now - self._begin, 1e-9)
        text = durations.spoken(done / self._rate)
        if self._n_samples is not None:
            text += f" of {durations.spoken(self._n_samples / self._rate)}"
        text += f", {times_real_time:.1f} times real time"
        if self._n_samples is not None and times_real_time > 0:
            text += f", {durations.spoken((self._n_samples - done) / self._rate / times_real_time)} left"
        return text

    def _draw(self, text):
        print(f"\r{text:<{self._width}}", end="", file=self._file, flush=True)
        self._width = len(text)

    def close(self):
        """Ends the line."""
        if self._width:
            print(file=self._file)
            self._width = 0
