"""How far, how fast, and how long still; on terminals and in files."""

import io

import pytest

from musika_tf.progress import Bar, Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def progress_at(clock, file, *arguments, **more):
    """A Progress that begins now."""
    progress = Progress(*arguments, file=file, **more)
    progress._time, progress.start_t, progress.last_print_t = clock, clock.now, clock.now
    return progress


@pytest.mark.parametrize(
    ("n_samples", "before", "done", "seconds", "line"),
    [
        (237_000, 0, 92_000, 2.0, "1m32s of 3m57s, 46.0 times real time, 3s left"),
        (None, 0, 3_661_000, 100.0, "1h1m1s, 36.6 times real time"),
        # What was there before says nothing about the speed.
        (100_000, 50_000, 60_000, 5.0, "1m of 1m40s, 2.0 times real time, 20s left"),
        (100_000, 0, 0, 5.0, "0s of 1m40s, 0.0 times real time"),
    ],
)
def test_line(n_samples, before, done, seconds, line):
    clock, file = Clock(), Terminal()
    progress = progress_at(clock, file, 1000, n_samples, before)
    clock.now += seconds
    progress(done)
    assert file.getvalue().strip("\r ") == str(progress) == line


def test_redrawn_at_most_four_times_a_second_and_at_the_end():
    clock, file = Clock(), Terminal()
    progress = progress_at(clock, file, 1000, 10_000)
    for done in range(100, 10_001, 100):
        clock.now += 0.01
        progress(done)
    assert file.getvalue().count("times real time") == 4
    progress.close()
    assert file.getvalue().count("times real time") == 5
    assert file.getvalue().endswith("\n") and "10s of 10s, 10.0 times real time, 0s left" in file.getvalue()
    progress.close()
    assert file.getvalue().count("\n") == 1


def test_in_a_file_a_line_a_minute():
    clock, file = Clock(), io.StringIO()
    progress = progress_at(clock, file, 1, 600)
    for done in range(1, 151):
        clock.now += 1.0
        progress(done)
    progress.close()
    assert file.getvalue().splitlines() == [
        f"{time} of 10m, 1.0 times real time, {left} left"
        for time, left in (("1m", "9m"), ("2m", "8m"), ("2m30s", "7m30s"))
    ]


@pytest.mark.parametrize("kind", [Terminal, io.StringIO])
def test_what_can_not_be_written_ends_the_bar_alone(kind):
    class Full(kind):
        def write(self, text):
            raise OSError(28, "No space left on device")

    bar = Bar(Full(), total=3, mininterval=0)
    bar.update(3)
    bar.close()
    assert bar.disable
