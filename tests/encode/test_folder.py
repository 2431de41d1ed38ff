"""A folder of audio -> a folder of latents: what a file holds, what is skipped, and what goes wrong."""

import functools
import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tiny

from musika_tf import lock
from musika_tf.collection import scan
from musika_tf.collection.table import IGNORED, LEFT_OUT, USED, Row
from musika_tf.conditioning import madmom_package, note_density, signals, tempo
from musika_tf.encode import folder
from musika_tf.encode.encoder import FileEncoder
from musika_tf.encode.job import Job, Outcome
from musika_tf.errors import UserError
from musika_tf.gan.latents import read_latents
from musika_tf.model.codec import StreamEncoder
from musika_tf.stereo import layouts

PER_LATENT = tiny.AUTOENCODER.samples_per_latent
LENGTHS = {"b.wav": 3 * PER_LATENT, "sub/a.flac": 2 * PER_LATENT + 1, "sub/deeper/c.wav": 7}


@pytest.fixture
def audio(tmp_path):
    folder = tmp_path / "audio"
    for number, (name, n_samples) in enumerate(LENGTHS.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.1 * tiny.normal(n_samples, 2, seed=number), 44_100)
        path.with_suffix(".json").write_text(json.dumps({"bpm": 120 + number, "first_beat_seconds": 0.01, "key": "A"}))
    return folder


@pytest.fixture(scope="module")
def stream():
    return StreamEncoder(tiny.autoencoder())


@pytest.fixture
def table_of(audio, tmp_path, stream):
    """Function that encodes the folder and returns its table."""

    def table_of(
        model_id="abc", names="", encode=stream, source="auto", audio=audio, out_dir=tmp_path / "latents", report=len
    ):
        encode_all = functools.partial(map, FileEncoder(encode, model_id, signals.parse(names), source))
        return folder.encode_folder(audio, out_dir, encode_all, model_id, tiny.AUTOENCODER, report)[0]

    return table_of


@pytest.fixture
def run(table_of):
    """Function that encodes the folder and returns the lines of the files that were left out, and all lines."""

    def run(model_id="abc", **kwargs):
        lines = []
        table = table_of(model_id, report=lines.append, **kwargs)
        return [row.line() for row in table.of(LEFT_OUT)], lines

    return run


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_a_file_holds(audio, tmp_path, run, stream):
    failures, lines = run(names="tempo,beat")
    assert not failures
    assert lines == ["b.wav: 3 latents", "sub/a.flac: 3 latents", "sub/deeper/c.wav: 1 latents"]
    assert files(tmp_path / "latents") == ["b.wav.npz", "sub/a.flac.npz", "sub/deeper/c.wav.npz"]
    for number, (name, n_samples) in enumerate(LENGTHS.items()):
        held = read_latents(tmp_path / "latents" / f"{name}.npz")
        assert set(held) == {
            "latents", "n_samples", "sample_rate", "source", "audio", "audio_bytes", "audio_modified", "model_id",
            "flags", "conditioning_tempo",
            "conditioning_beat", "extractor_tempo", "extractor_beat", "confidence_tempo", "confidence_beat",
        }  # fmt: skip
        assert (held["extractor_tempo"], held["confidence_tempo"]) == ("grid", 1)
        waveform, _ = soundfile.read(audio / name, dtype="float32")
        assert held["latents"].dtype == np.float32
        np.testing.assert_array_equal(held["latents"], stream([waveform])[0])
        assert (held["n_samples"], held["sample_rate"]) == (n_samples, 44_100)
        assert (str(held["source"]), held["model_id"]) == (name, "abc")
        stat = (audio / name).stat()
        assert (held["audio_bytes"], held["audio_modified"]) == (stat.st_size, stat.st_mtime_ns)
        assert str(held["audio"]) == str(audio / name)
        n_latents = -(-n_samples // PER_LATENT)
        np.testing.assert_array_equal(held["conditioning_tempo"], np.full([n_latents, 1], 120 + number))
        seconds = (np.arange(n_latents) + 0.5) * PER_LATENT / 44_100  # at the latents' centres
        bars = (seconds - 0.01) * (120 + number) / 60 / 4
        np.testing.assert_allclose(held["conditioning_beat"][:, 0], np.cos(2 * np.pi * bars), atol=1e-5)


def test_other_rates_and_mono_are_encoded_as_44100_stereo(tmp_path, run):
    soundfile.write(tmp_path / "a.wav", 0.1 * tiny.normal(4000), 22_050)
    run(audio=tmp_path / "a.wav")
    held = read_latents(tmp_path / "latents" / "a.wav.npz")
    assert (held["n_samples"], held["sample_rate"]) == (8000, 44_100)
    assert len(held["latents"]) == -(-8000 // PER_LATENT)
    mirror = layouts.create(tiny.AUTOENCODER).mirror
    np.testing.assert_array_equal(mirror(held["latents"]), held["latents"])


def test_one_file_is_a_collection(audio, run):
    assert run(audio=audio / "sub" / "a.flac") == ([], ["a.flac: 3 latents"])


def test_what_is_done_is_skipped(tmp_path, run, stream):
    run()
    before = {name: (tmp_path / "latents" / name).stat().st_mtime_ns for name in files(tmp_path / "latents")}
    (tmp_path / "latents" / "b.wav.npz").unlink()
    calls = []
    failures, lines = run(encode=Hook(stream, calls.append))
    assert not failures
    assert lines == ["b.wav: 3 latents", "sub/a.flac: done before", "sub/deeper/c.wav: done before"]
    assert calls == [3 * PER_LATENT]
    del before["b.wav.npz"]
    assert before == {name: (tmp_path / "latents" / name).stat().st_mtime_ns for name in before}


def test_table_says_what_was_done_to_each_file_now_or_before(audio, tmp_path, table_of):
    soundfile.write(audio / "loud.wav", np.clip(9 * tiny.normal(3000, 1), -1, 1), 48_000)
    soundfile.write(audio / "silence.wav", np.zeros([3000, 2]), 44_100)
    soundfile.write(audio / "nan.wav", np.full([3000, 2], np.nan), 44_100, "FLOAT")
    (audio / "page.mp3").write_text("<html>")
    expected = {
        "b.json": (IGNORED, ("not-audio",)), "b.wav": (USED, ("short",)),
        "loud.wav": (USED, ("mono", "resampled", "clipped")), "nan.wav": (LEFT_OUT, ("not-finite",)),
        "page.mp3": (LEFT_OUT, ("not-audio",)), "silence.wav": (USED, ("silent",)),
    }  # fmt: skip
    for _ in range(2):
        rows = {row.file: (row.status, row.flags) for row in table_of().rows if "/" not in row.file}
        assert rows == expected
    assert list(read_latents(tmp_path / "latents" / "loud.wav.npz")["flags"]) == [
        "mono",
        "resampled",
        "clipped",
    ]
    assert read_latents(tmp_path / "latents" / "b.wav.npz")["flags"].tolist() == ["short"]


def test_encoding_is_repeatable(tmp_path, run, stream):
    run()
    first = {name: (tmp_path / "latents" / name).read_bytes() for name in files(tmp_path / "latents")}
    (tmp_path / "again").mkdir()
    run(out_dir=tmp_path / "again" / "latents")
    assert {name: (tmp_path / "again" / "latents" / name).read_bytes() for name in first} == first


class Hook:
    """A StreamEncoder that tells what it is to encode first."""

    def __init__(self, stream, tell):
        self.stream, self.tell, self.config = stream, tell, stream.config

    def __call__(self, blocks):
        waveform = np.concatenate(list(blocks))
        self.tell(len(waveform))
        return self.stream([waveform])


def refuse(blocks):
    raise AssertionError("encoded again")


refuse.config = tiny.AUTOENCODER


def test_a_signal_that_is_missing_is_added_without_encoding_again(tmp_path, run):
    run()
    before = read_latents(tmp_path / "latents" / "b.wav.npz")
    _, lines = run(names="tempo,position", encode=refuse)
    assert lines[0] == "b.wav: added tempo, position"
    after = read_latents(tmp_path / "latents" / "b.wav.npz")
    assert set(after) - set(before) == {
        f"{what}_{name}" for what in ("conditioning", "extractor", "confidence") for name in ("tempo", "position")
    }
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array)
    np.testing.assert_allclose(after["conditioning_position"][:, 0], [1 / 6, 3 / 6, 5 / 6], atol=1e-6)
    assert run(names="tempo", encode=refuse)[1][0] == "b.wav: done before"
    assert run(names="beat,tempo", encode=refuse)[1][0] == "b.wav: added beat"


@pytest.fixture
def detectors(monkeypatch):
    """Detectors that find an onset every tenth of a second, 100 BPM by librosa and 120 by Tempo-CNN."""
    for name in note_density.DETECTORS:
        monkeypatch.setitem(note_density.DETECTORS, name, lambda waveform: np.arange(0, len(waveform) / 44_100, 0.1))
    monkeypatch.setitem(tempo.ESTIMATORS, "librosa", lambda waveform: (100.0, 0.9))
    monkeypatch.setitem(tempo.ESTIMATORS, "tempocnn", lambda waveform: (120.0, 0.1))
    monkeypatch.setattr(tempo, "installed", lambda: False)
    monkeypatch.setattr(madmom_package, "installed", lambda: False)
    return monkeypatch


def test_grid_is_preferred_and_the_audio_heard_where_asked_for(tmp_path, detectors, run):
    held = lambda: read_latents(tmp_path / "latents" / "b.wav.npz")  # noqa: E731
    run(names="tempo,note_density")  # no onsets in the grid: read off the audio
    assert (held()["extractor_tempo"], held()["extractor_note_density"]) == ("grid", "librosa")
    assert held()["conditioning_tempo"][0, 0] == 120
    run(names="tempo", source="audio", encode=refuse)
    assert (held()["extractor_tempo"], held()["conditioning_tempo"][0, 0]) == ("librosa", 100)
    assert held()["confidence_tempo"] == np.float32(0.9)


def test_signal_is_read_again_when_a_better_extractor_is_installed(audio, tmp_path, detectors, run):
    run(names="tempo", source="audio")
    detectors.setattr(tempo, "installed", lambda: True)
    _, lines = run(names="tempo", source="audio", encode=refuse)
    assert lines[:2] == [
        "b.wav: added tempo",
        "b.wav: tempo is not clear (confidence 0.10); train_gan.py will leave it out",
    ]
    assert read_latents(tmp_path / "latents" / "b.wav.npz")["extractor_tempo"] == "tempocnn"


def test_true_onsets_are_preferred(audio, tmp_path, detectors, run):
    facts = {"onsets_seconds": [0.001, 0.033], "seconds": 3 * PER_LATENT / 44_100}
    (audio / "b.json").write_text(json.dumps(facts))
    run(audio=audio / "b.wav", names="note_density")
    held = read_latents(tmp_path / "latents" / "b.wav.npz")
    times = (np.arange(3) + 0.5) * PER_LATENT / 44_100
    expected = note_density.density([0.001, 0.033], times, facts["seconds"])
    np.testing.assert_allclose(held["conditioning_note_density"][:, 0], expected, rtol=1e-5)
    assert held["extractor_note_density"] == "grid"


def test_extractor_that_is_not_installed_is_named_with_the_file(audio, tmp_path, detectors, run):
    failures, _ = run(names="beat", source="audio")
    assert len(failures) == 3 and "b.wav: left out: beat: needs MadMom" in failures[0] and "extra onsets" in failures[0]
    assert files(tmp_path) == [f"audio/{name}" for name in files(audio)]


def test_piece_that_has_no_such_signal_is_named(audio, detectors, run):
    detectors.setitem(tempo.ESTIMATORS, "librosa", lambda waveform: tempo.steady_tempo([]))
    failures, _ = run(names="tempo", source="audio")
    assert len(failures) == 3 and "b.wav: left out: tempo: no beats to be heard" in failures[0]


def replaced(path, change):
    """Replaces audio under its name: by longer audio, by other audio of the same size, or by nothing but a new time."""
    before = path.stat()
    if change != "time":
        n_samples = 5 * PER_LATENT if change == "size" else 3 * PER_LATENT
        soundfile.write(path, 0.1 * tiny.normal(n_samples, 2, seed=9), 44_100)
    os.utime(path, ns=(0, before.st_mtime_ns + 1_000_000))


@pytest.mark.parametrize(("change", "n_latents"), [("size", 5), ("content", 3), ("time", 3)])
def test_audio_that_was_replaced_is_encoded_again(audio, tmp_path, run, stream, change, n_latents):
    run(names="tempo")
    replaced(audio / "b.wav", change)
    failures, lines = run(names="tempo,position")
    assert not failures
    assert lines[:2] == [
        f"b.wav: its audio has changed: encoded again, {n_latents} latents",
        "sub/a.flac: added position",
    ]
    held = read_latents(tmp_path / "latents" / "b.wav.npz")
    waveform, _ = soundfile.read(audio / "b.wav", dtype="float32")
    np.testing.assert_array_equal(held["latents"], stream([waveform])[0])
    assert len(held["conditioning_tempo"]) == len(held["conditioning_position"]) == n_latents
    assert run(names="tempo,position", encode=refuse)[1][0] == "b.wav: done before"


def test_latents_whose_audio_is_gone_are_named(audio, tmp_path, run):
    run()
    (audio / "b.wav").unlink()
    lines = run(encode=refuse)[1]
    assert lines[-1] == (
        f"{tmp_path}/latents: latents of audio that isn't there any more, b.wav.npz; train_gan.py learns from them, "
        "too: remove them where that isn't wanted"
    )


def test_a_folder_that_another_program_writes_to_is_refused(tmp_path, run):
    with lock.held(tmp_path / "latents" / ".lock", "x"), pytest.raises(UserError) as error:
        run(encode=refuse)
    assert str(error.value).startswith(f"--out_dir={tmp_path}/latents: in use by process {os.getpid()} on ")
    assert run()[0] == []
    assert ".lock" not in files(tmp_path / "latents")


@pytest.mark.parametrize("content", ["{", "\xff"])
def test_damaged_grid_is_named(audio, content, run):
    (audio / "b.json").write_text(content)
    failures, _ = run(names="tempo")
    assert len(failures) == 1 and "b.json: no JSON" in failures[0] and "repair or remove it" in failures[0]


@pytest.mark.parametrize("names", ["", "position"])
def test_damaged_json_that_no_signal_needs_is_left_alone(audio, names, run):
    (audio / "b.json").write_text("{")
    assert run(names=names)[0] == []


@pytest.mark.skipif(not (tempo.installed() and madmom_package.installed()), reason="the extras are missing")
def test_shortest_files_are_heard(tmp_path, run):
    failures, lines = run(names="tempo,note_density", source="audio")
    assert not failures and "sub/deeper/c.wav: 1 latents" in lines
    held = read_latents(tmp_path / "latents" / "sub" / "deeper" / "c.wav.npz")  # seven samples
    assert (held["extractor_tempo"], held["extractor_note_density"]) == ("tempocnn", "madmom")
    assert np.isfinite(held["conditioning_tempo"]).all() and held["confidence_tempo"] < tempo.LEAST_CONFIDENCE
    assert held["conditioning_note_density"].tolist() == [[0.0]]


def test_latents_of_another_model_are_left_alone(tmp_path, run):
    run()
    before = {name: (tmp_path / "latents" / name).read_bytes() for name in files(tmp_path / "latents")}
    with pytest.raises(UserError, match="b.wav.npz: latents of model abc, this is def; .*--out_dir"):
        run(model_id="def")
    assert {name: (tmp_path / "latents" / name).read_bytes() for name in files(tmp_path / "latents")} == before


@pytest.mark.parametrize("content", [b"", b"RIFF and nothing else", b"text"])
def test_unreadable_file_is_named_and_the_others_are_encoded(audio, tmp_path, content, run):
    (audio / "broken.wav").write_bytes(content)
    failures, lines = run()
    assert len(failures) == 1 and "broken.wav" in failures[0] and "\n" not in failures[0]
    assert failures[0] in lines
    assert files(tmp_path / "latents") == ["b.wav.npz", "sub/a.flac.npz", "sub/deeper/c.wav.npz"]


def test_file_without_samples_is_named(audio, run):
    soundfile.write(audio / "empty.wav", np.zeros([0, 2]), 44_100)
    failures, _ = run()
    assert len(failures) == 1 and "empty.wav: left out: empty (no samples)" in failures[0]


@pytest.mark.parametrize("grid", [None, "[]", '{"bpm": 120}', '{"bpm": "fast", "first_beat_seconds": 0}'])
def test_missing_grid_is_named(audio, tmp_path, grid, run):
    path = audio / "b.json"
    path.unlink()
    if grid is not None:
        path.write_text(grid)
    failures, _ = run(names="tempo", source="grid")
    assert len(failures) == 1 and "b.json" in failures[0] and "first_beat_seconds" in failures[0]
    assert "b.wav.npz" not in files(tmp_path / "latents")


def test_interrupted_encoding_leaves_nothing_half_written(tmp_path, run, stream):
    def stop(n_samples):
        if n_samples == 2 * PER_LATENT + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(encode=Hook(stream, stop))
    assert files(tmp_path / "latents") == ["b.wav.npz"]


def test_out_dir_that_cannot_be_written_is_named(tmp_path, run):
    (tmp_path / "latents").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="--out_dir=.*latents: can't be written"):
        run()


def test_folder_without_audio_is_named(tmp_path, run):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=f"{tmp_path}/empty: no audio"):
        run(audio=tmp_path / "empty")


# Going on


def test_latents_of_another_model_are_refused_before_any_work(audio, tmp_path, run):
    run(audio=audio / "sub" / "deeper" / "c.wav", out_dir=tmp_path / "latents" / "zzz")  # of no file that is there now
    with pytest.raises(UserError, match="zzz/c.wav.npz: latents of model abc, this is def; .*--out_dir"):
        run(model_id="def", encode=refuse)
    assert files(tmp_path / "latents") == ["zzz/c.wav.npz"]


@pytest.mark.parametrize("content", [b"", b"PK and nothing else", b"\x93NUMPY"])
def test_damaged_latents_are_named_before_any_work(tmp_path, run, content):
    (tmp_path / "latents").mkdir()
    (tmp_path / "latents" / "b.wav.npz").write_bytes(content)
    with pytest.raises(UserError, match="b.wav.npz: no latents that encode.py wrote .*remove it"):
        run(encode=refuse)


def test_half_written_files_of_dead_runs_are_removed(tmp_path, run):
    folder, host = tmp_path / "latents" / "sub", socket.gethostname()
    folder.mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    kept = [f".a.flac.npz.{host}-{os.getppid()}", ".a.flac.npz.elsewhere-1", ".mine.npz.txt", ".c.wav.npz.12"]
    gone = [f".a.flac.npz.{host}-{dead.pid}", f".a.flac.npz.{host}-{os.getpid()}", ".b.npz.elsewhere-1", ".b.npz.12"]
    for name in kept + gone:
        (folder / name).write_text("half")
    for name in gone[2:]:
        os.utime(folder / name, (0, 0))
    run()
    left = {name.removeprefix("sub/") for name in files(tmp_path / "latents")}
    assert not left & set(gone) and left >= set(kept)


def named(name):
    return Row(pathlib.Path(name), name)


def test_outcomes_are_told_in_order_and_as_soon_as_can_be():
    jobs, told = [Job(named(name), name) for name in "abcd"], []
    arriving = (told.append(name) or Outcome(named(name)) for name in "badc")
    seen = [(outcome.row.file, "".join(told)) for outcome in folder.in_order(jobs, arriving)]
    assert seen == [("a", "ba"), ("b", "ba"), ("c", "badc"), ("d", "badc")]


def test_throughput_is_hours_of_audio_in_an_hour(audio, tmp_path, stream):
    assert folder.throughput(5400.0, 60) == "encoded 1h30m of audio in 1m: 90.0 hours of audio per hour"
    assert folder.throughput(0.0, 60) == ""
    encode_all = functools.partial(map, FileEncoder(stream, "abc"))
    for expected in (sum(LENGTHS.values()) / 44_100, 0.0):  # what was done before does not count
        encoded = folder.encode_folder(audio, tmp_path / "out", encode_all, "abc", tiny.AUTOENCODER, len)[1]
        assert encoded == pytest.approx(expected)


def test_outcomes_say_what_was_done(audio, tmp_path, stream):
    encode = FileEncoder(stream, "abc", signals.parse("position"))
    row = scan.headers(audio / "b.wav")[0]
    job, seconds = Job(row, str(tmp_path / "b.npz")), 3 * PER_LATENT / 44_100
    first, second = encode(job), encode(job)
    assert (first.encoded_seconds, first.notes, first.row.flags) == (seconds, ("3 latents",), row.flags)
    assert (second.encoded_seconds, second.notes, second.row.flags) == (0.0, ("done before",), row.flags)
    (audio / "b.wav").write_bytes(b"")
    assert encode(job).notes == ("done before",)
    lost = encode(Job(row, str(tmp_path / "new")))
    assert lost.row.status == LEFT_OUT and lost.lines == [lost.row.line()] and "not audio" in lost.row.what
