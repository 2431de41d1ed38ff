"""Both programs from outside: a training that resumes, pieces that are the same every time, and bad input."""

import numpy as np
import pytest
import soundfile
import tiny_unagan
import warm

from musika_tf.audio import files


def train(folder, *arguments):
    names = f"--audio_dir={folder / 'audio'}", f"--checkpoint_dir={folder / 'checkpoints'}"
    return warm.run("-m", "baselines.unagan.train", *names, *tiny_unagan.flags(), *arguments)


def generate(folder, out, *arguments):
    names = f"--checkpoint_dir={folder / 'checkpoints'}", f"--out_dir={folder / out}"
    return warm.run("-m", "baselines.unagan.generate", *names, *arguments)


@pytest.mark.slow
def test_from_audio_to_pieces(two_files):
    done = train(two_files, "--unagan_steps=4", "--save_every=2")
    assert done.returncode == 0, done.stderr
    assert len(list((two_files / "checkpoints" / "previews").glob("step-000004-*.wav"))) == 3
    assert train(two_files, "--unagan_steps=4").returncode == 0  # nothing left to do
    sizes = "--pieces=2", "--seconds=1.5", "--seed=7"
    for out in ("out", "again"):
        done = generate(two_files, out, *sizes)
        assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (two_files / "out").iterdir())
    assert names == ["seed-7.wav", "seed-8.wav"]
    for name in names:
        assert (two_files / "out" / name).read_bytes() == (two_files / "again" / name).read_bytes()
    info = soundfile.info(two_files / "out" / "seed-7.wav")
    assert (info.samplerate, info.channels, info.frames) == (22_050, 2, 33_075)
    heard = files.read(two_files / "out" / "seed-7.wav")  # as evaluate.py reads it
    np.testing.assert_array_equal(heard[:, 0], heard[:, 1])


def one_line(done, *words):
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_what_is_missing_or_wrong_is_one_line(tmp_path):
    one_line(generate(tmp_path, "out"), "--checkpoint_dir", "no UNAGAN-style model", "baselines.unagan.train")
    one_line(warm.run("-m", "baselines.unagan.generate", "--checkpoint_dir=x"), "--out_dir is missing")
    one_line(train(tmp_path), "--audio_dir" if (tmp_path / "audio").exists() else "audio", "no such")
    one_line(train(tmp_path, "--minutes=0"), "--minutes=0: give a number above 0")
    one_line(train(tmp_path, "--unagan_gamma=2"), "--unagan_gamma=2.0: give a number from 0 to 1")
    assert not (tmp_path / "checkpoints").exists()


def test_files_that_are_all_too_short_are_named(two_files):
    done = train(two_files, "--unagan_clip_steps=2000")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last == "train.py: --audio_dir: 2 files, none of 92.9 s; give longer audio"
    assert not (two_files / "checkpoints" / "unagan.json").exists()


@pytest.mark.parametrize("program", [train, generate])
def test_other_sizes_are_refused(program, two_files):
    (two_files / "checkpoints").mkdir()
    (two_files / "checkpoints" / "unagan.json").write_text('{"width": 0}' if program is generate else '{"width": 16}')
    done = program(two_files, *(["out"] if program is generate else []))
    assert done.returncode == 2
    expected = "damaged" if program is generate else "holds networks of other sizes; use another"
    assert expected in done.stderr.splitlines()[-1]


def test_damaged_sizes_are_named(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "unagan.json").write_text("{")
    one_line(generate(tmp_path, "out"), "unagan.json: damaged")
    (tmp_path / "checkpoints" / "unagan.json").write_text("{}")
    one_line(generate(tmp_path, "out"), "no checkpoint yet")
