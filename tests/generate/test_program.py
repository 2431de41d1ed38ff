"""generate.py from outside, with a bundle of tiny networks: signals, pipes, and what they leave behind."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest
import soundfile
import tiny
import warm
from comments import read_comment, read_piece

from musika_tf.generate import rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan

RATE = 44_100


def command(folder, *flags):
    return warm.command("generate.py", f"--bundle_dir={folder}", "--seed=7", *flags)


def wait_for(path, process):
    deadline = time.monotonic() + 300
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert path.exists()


def test_an_endless_stream_into_a_reader_that_goes(folder, tmp_path):
    process = subprocess.Popen(
        command(folder, "--length=inf", "--out=-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    )
    data = process.stdout.read(300_000)
    process.stdout.close()
    errors = process.stderr.read().decode()
    assert process.wait() == 0
    assert data[:4] == b"RIFF" and len(data) == 300_000
    assert errors.count("\n") == 1 and "times real time" in errors  # the line of progress and nothing else
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_half_written(folder, tmp_path, number):
    flags = ("--length=9m59s", "--out=song.wav")
    process = subprocess.Popen(
        command(folder, *flags),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    deadline = time.monotonic() + 300
    while not os.listdir(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert os.listdir(tmp_path)[0].startswith(".song.wav")
    process.send_signal(number)
    errors = process.stderr.read()
    assert process.wait() == 128 + number
    assert errors.splitlines()[-1] in ("interrupted", "terminated") and "Traceback" not in errors
    assert os.listdir(tmp_path) == []


@pytest.mark.long
def test_the_same_command_twice_gives_the_same_bytes(folder, tmp_path):
    files = []
    for _ in range(2):
        run = command(folder, "--length=20s", "--loop", "--style_to=9", "--out=song.flac")
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert "20s of music (seed 7)" in done.stdout and "bars at" in done.stderr
        files.append((tmp_path / "song.flac").read_bytes())
    assert files[0] == files[1] and len(files[0]) > 100_000


@pytest.mark.long
def test_every_flag_that_steers_reaches_a_stream_and_a_file(steerable, tmp_path):
    (tmp_path / "curve.csv").write_text("0,0.1\n2,0.75\n")
    flags = ("--bars=2", "--bpm=132", "--note_density=curve.csv", "--position=plan:1s,1s", "--tags=techno=0.5")
    made = [
        subprocess.run(command(steerable, *flags, "--click", f"--out={out}"), cwd=tmp_path, capture_output=True)
        for out in ("-", "song.wav")
    ]
    assert all(b"seed 7: 2 bars at 132.00 BPM" in done.stderr for done in made), made
    (tmp_path / "stream.wav").write_bytes(made[0].stdout)
    settings = {"tempo": "132.0", "note_density": "0:0.1,2:0.75", "position": f"plan:1,1,{160_364 / RATE!r}"}
    song = Piece(7, StylePlan.constant(7), 0, 160_364, settings={**settings, "tags": "techno=0.5"}, click=True)
    rendering.write(tmp_path / "direct.wav", *tiny.load(steerable), song)
    expected, _ = soundfile.read(tmp_path / "direct.wav", dtype="int16")
    for name in ("stream.wav", "song.wav"):
        assert read_piece(read_comment(tmp_path / name)) == song
        np.testing.assert_array_equal(soundfile.read(tmp_path / name, dtype="int16")[0], expected)


@pytest.mark.slow
def test_after_sigkill_the_same_command_makes_the_same_bytes(folder, tmp_path):
    run = command(folder, "--length=11m", "--out=song.wav")
    process = subprocess.Popen(run, cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_for(tmp_path / ".song.wav.parts" / "00001.int16", process)
    process.kill()
    process.wait()
    assert not (tmp_path / "song.wav").exists()
    kept = (tmp_path / ".song.wav.parts" / "00001.int16").stat().st_mtime_ns
    started = time.time_ns()
    subprocess.run(run, cwd=tmp_path, check=True, stderr=subprocess.DEVNULL)
    assert kept < started
    piece = Piece(7, StylePlan.constant(7), 0, 660 * RATE)
    rendering.write(tmp_path / "direct.wav", *tiny.load(folder), piece)
    assert (tmp_path / "song.wav").read_bytes() == (tmp_path / "direct.wav").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["direct.wav", "song.wav"]
