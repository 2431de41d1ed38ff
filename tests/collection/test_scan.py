"""A folder -> a table. All kinds of bad files: tests/tools/test_bad_files.py."""

import os
import tracemalloc

import numpy as np
import pytest
import soundfile

from musika_tf.audio import blocks, files
from musika_tf.collection import scan
from musika_tf.collection.table import IGNORED, LEFT_OUT, USED

RATE = files.SAMPLE_RATE


def write(path, n_samples=1000, rate=RATE, channels=2, **kwargs):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, [n_samples, channels])
    soundfile.write(path, noise, rate, **{"format": "WAV", **kwargs})
    return path


def statuses(rows):
    return {row.file: row.status for row in rows}


# Which files


def test_content_decides_and_not_the_name(tmp_path):
    write(tmp_path / "song.dat")
    write(tmp_path / "flac.mp3", format="FLAC")
    (tmp_path / "page.mp3").write_text("<!DOCTYPE html><p>404")
    (tmp_path / "page.au").write_text("<html>" * 999)  # libsndfile takes any .au for samples
    (tmp_path / "samples.raw").write_bytes(bytes(999))
    rows = {row.file: row for row in scan.headers(tmp_path)}
    assert statuses(rows.values()) == {
        "song.dat": USED, "flac.mp3": USED, "page.mp3": LEFT_OUT, "page.au": LEFT_OUT, "samples.raw": IGNORED,
    }  # fmt: skip
    assert rows["page.au"].what == rows["page.mp3"].what == "not audio (HTML or XML)"
    assert (rows["flac.mp3"].encoding, rows["flac.mp3"].seconds) == ("FLAC PCM_16", 1000 / RATE)


def test_recursive_sorted_without_hidden_ones(tmp_path):
    names = ["b.wav", "a/z.FLAC", "a/b c/ü.mp3", "C.ogg", ".hidden.wav", ".ipynb_checkpoints/x.wav", "a/.x/y.wav"]
    for name in names:
        write(tmp_path / name)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.wav").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in scan.find_audio(tmp_path)]
    assert found == ["C.ogg", "a/b c/ü.mp3", "a/z.FLAC", "b.wav"]


def test_one_file(tmp_path):
    path = write(tmp_path / "take")
    assert scan.find_audio(path) == scan.find_audio(str(path)) == [path]
    (row,) = scan.headers(path)
    assert (row.file, row.status) == ("take", USED)
    (tmp_path / "notes.txt").write_text("named on purpose")
    assert scan.headers(tmp_path / "notes.txt")[0].status == LEFT_OUT


def test_nothing_found(tmp_path):
    (tmp_path / "cover.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(files.AudioFileError, match=rf"{tmp_path}: no audio in this folder.*WAV.*FLAC"):
        scan.headers(tmp_path)
    with pytest.raises(files.AudioFileError, match="nowhere: no such"):
        scan.find_audio(tmp_path / "nowhere")


def test_broken_link_is_not_lost(tmp_path):
    (tmp_path / "x.wav").symlink_to(tmp_path / "gone.wav")
    assert scan.find_audio(tmp_path) == [tmp_path / "x.wav"]
    assert scan.headers(tmp_path)[0].what == "unreadable (a broken link)"
    with pytest.raises(files.AudioFileError, match="x.wav.*broken link"):
        files.probe(tmp_path / "x.wav")


def test_folders_that_are_not_what_they_seem(tmp_path):
    write(tmp_path / "album.flac" / "1.wav")
    (tmp_path / "empty.wav").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "album.flac")
    rows = {row.file: row for row in scan.headers(tmp_path)}
    assert statuses(rows.values()) == {
        "album.flac": IGNORED, "album.flac/1.wav": USED, "empty.wav": LEFT_OUT, "link": LEFT_OUT,
    }  # fmt: skip
    assert "a link to a folder" in rows["link"].what


def test_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    write(tmp_path / "a.wav")
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)  # permissions don't keep root out
    rows = scan.headers(tmp_path)
    assert statuses(rows) == {"a.wav": USED, "locked": LEFT_OUT}
    assert rows[1].what == "unreadable (folder: Permission denied)"


def test_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    write(tmp_path / "a.wav")
    monkeypatch.setattr(files.headers, "find", lambda path: (_ for _ in ()).throw(PermissionError(13, "Not for you")))
    assert scan.headers(tmp_path)[0].what == "unreadable (Not for you)"


# What is said of them


def test_what_will_be_done(tmp_path):
    write(tmp_path / "mono.wav", rate=48_000, channels=1)
    write(tmp_path / "six.wav", channels=6)
    rows = {row.file: row for row in scan.headers(tmp_path, sample_rate=22_050, window_samples=500)}
    assert rows["mono.wav"].what == "mono upmixed, resampled 48000 -> 22050, shorter than a window: padded"
    assert rows["six.wav"].flags == ("mixed-down", "resampled")  # exactly a window
    assert (rows["six.wav"].rate, rows["six.wav"].channels, rows["six.wav"].seconds) == (RATE, 6, 1000 / RATE)


@pytest.mark.parametrize("sample", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_what_is_no_number_is_left_out_and_never_read(tmp_path, sample, subtype):
    waveform = np.zeros([3 * RATE, 2])
    waveform[2 * RATE, 1] = sample
    soundfile.write(tmp_path / "x.wav", waveform, RATE, subtype)
    (row,) = scan.scan(tmp_path).rows
    assert (row.status, row.flags, row.what) == (LEFT_OUT, ("not-finite",), "not finite (NaN or infinity at 2.000 s)")
    with pytest.raises(files.AudioFileError, match="x.wav: NaN or infinity at 2.000 s; write"):
        files.read(tmp_path / "x.wav", RATE, 2 * RATE)
    assert len(files.read(tmp_path / "x.wav", 0, RATE)) == RATE


def test_silence_is_left_out_of_training_alone(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.full([500, 2], 2.0**-16), RATE, "FLOAT")
    soundfile.write(tmp_path / "y.wav", np.full([500, 2], 2.0**-15), RATE)
    assert statuses(scan.scan(tmp_path).rows) == {"x.wav": USED, "y.wav": USED}
    table = scan.scan(tmp_path, for_training=True)
    assert statuses(table.rows) == {"x.wav": LEFT_OUT, "y.wav": USED}
    assert table.paths == [tmp_path / "y.wav"] and table.seconds == 500 / RATE


def test_what_is_known_is_not_read_again(tmp_path, monkeypatch):
    audio, csv = tmp_path / "audio", tmp_path / "t.csv"
    for name in ("a.wav", "b.wav", "c.wav"):
        write(audio / name, channels=1)
    table = scan.scan(audio)
    table.write(csv)
    read = []
    read_blocks = blocks.read
    monkeypatch.setattr(blocks, "read", lambda path, **how: read.append(path.name) or read_blocks(path, **how))
    assert scan.scan(audio, known=csv).rows == table.rows and not read
    os.utime(audio / "b.wav", ns=(0, 0))
    write(audio / "c.wav", n_samples=1001)
    changed = scan.scan(audio, known=csv)
    assert sorted(read) == ["b.wav", "c.wav"] and changed.rows[0] == table.rows[0]
    assert changed.rows[2].seconds == 1001 / RATE


def test_decoders_do_not_print(tmp_path, capfd):
    write(tmp_path / "x.mp3", 3 * RATE, format="MP3")
    os.truncate(tmp_path / "x.mp3", (tmp_path / "x.mp3").stat().st_size // 2)
    assert scan.scan(tmp_path).rows[0].flags == ("truncated",)
    assert capfd.readouterr() == ("", "")
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def test_progress_is_drawn(tmp_path, capfd):
    write(tmp_path / "x.wav", 3 * RATE)
    scan.scan(tmp_path, show_progress=True)
    assert "3s of 3s" in capfd.readouterr().err


def test_memory_is_bounded(tmp_path):
    path, block = tmp_path / "x.wav", np.full([RATE * 10, 2], 0.1, np.float32)
    with soundfile.SoundFile(path, "w", RATE, 2) as file:
        for _ in range(12):
            file.write(block)
    tracemalloc.start()
    scan.scan(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12e6  # some blocks of ten seconds, of the 42 MB that two minutes take
