"""Progress on standard error, by tqdm: a line that is drawn again, or in a file a line now and then."""

import contextlib
import sys

import tqdm

from musika_tf import durations

_LOG_SECONDS = 60  # between two lines in a file


class Bar(tqdm.tqdm):
    """tqdm's bar. What it can't write, to a closed terminal or a full disk, ends the bar and not the work."""

    monitor_interval = 0  # no thread of its own

    def __init__(self, file=None, **settings):
        file = file or sys.stderr
        self._is_on_terminal = file.isatty()
        if not self._is_on_terminal:
            settings |= {"mininterval": _LOG_SECONDS, "leave": False}
        super().__init__(file=file, miniters=0, **settings)

    def display(self, msg=None, pos=None):
        try:
            if self._is_on_terminal:
                super().display(msg, pos)
            elif msg is None:
                self.fp.write(f"{self}\n")
        except OSError:
            self.disable = True

    def close(self):
        try:
            if self.n > self.initial and not (self.disable or self._is_on_terminal):
                self.display()
            super().close()
        except OSError:
            self.disable = True


class Progress(Bar):
    """Audio done, times real time, time left: `1m32s of 3m57s, 61.0 times real time, 2s left`.

    Args:
      n_samples: all that there is to do, None for no end; at `sample_rate` Hz.
      done: samples that were there before, which don't count for the speed.
    """

    def __init__(self, sample_rate, n_samples, done=0, file=None):
        total = None if n_samples is None else n_samples / sample_rate
        self._sample_rate = sample_rate
        settings = {"bar_format": "{spoken}, {times:.1f} times real time{left}", "smoothing": 0, "mininterval": 0.25}
        super().__init__(file, total=total, initial=done / sample_rate, delay=1e-9, **settings)

    def __call__(self, done):
        """Draws again where it is time to; `done`: samples done so far."""
        self.n = done / self._sample_rate
        self.update(0)

    @property
    def format_dict(self):
        """tqdm's, and the fields of the line."""
        fields = super().format_dict
        done, total = fields["n"], fields["total"]
        times = (done - fields["initial"]) / max(fields["elapsed"], 1e-9)
        spoken, left = durations.spoken(done), ""
        if total is not None:
            spoken += f" of {durations.spoken(total)}"
            left = f", {durations.spoken((total - done) / times)} left" if times > 0 else ""
        return {**fields, "spoken": spoken, "times": times, "left": left}


@contextlib.contextmanager
def of_seconds(total, file, shown=True):
    """A function of the seconds of audio done, of `total`, that draws a line on `file`; or none if not `shown`."""
    if not shown:
        yield lambda done: None
        return
    with contextlib.closing(Progress(1, total, file=file)) as progress:
        yield progress
