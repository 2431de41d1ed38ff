"""How far, how fast, and how long still."""

import io

from musika_tf.progress import Progress


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_line():
    clock = Clock()
    progress = Progress(1000, 237_000, clock=clock, file=io.StringIO())
    assert progress.line(92_000, clock.now + 2.0) == "1m32s of 3m57s, 46.0 times real time, 3s left"
    endless = Progress(1000, None, clock=clock, file=io.StringIO())
    assert endless.line(3_661_000, clock.now + 100) == "1h1m1s, 36.6 times real time"


def test_what_was_there_before_says_nothing_about_the_speed():
    clock = Clock()
    progress = Progress(1000, 100_000, done=50_000, clock=clock, file=io.StringIO())
    assert progress.line(60_000, clock.now + 5.0) == "1m of 1m40s, 2.0 times real time, 20s left"


def test_redrawn_at_most_four_times_a_second_and_at_the_end():
    clock, file = Clock(), io.StringIO()
    progress = Progress(1000, 10_000, clock=clock, file=file)
    for done in range(100, 10_001, 100):
        clock.now += 0.01
        progress(done)
    progress.close()
    assert file.getvalue().count("\r") == 5
    assert file.getvalue().endswith("0s left\n") and "10s of 10s" in file.getvalue()
    progress.close()
    assert file.getvalue().count("\n") == 1
