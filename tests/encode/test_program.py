"""Encoding by several processes, by Beam, killed and gone on with: always the same files and the same report."""

import functools
import os
import pathlib
import random
import subprocess
import sys
import time

import mortal
import numpy as np
import pytest
import soundfile
import tiny
import warm

from musika_tf.collection.table import LEFT_OUT, Row
from musika_tf.encode import folder as folders
from musika_tf.encode import parallel
from musika_tf.encode.encoder import Recipe
from musika_tf.encode.job import Job
from musika_tf.errors import UserError
from musika_tf.programs import cli
from musika_tf.workers import Pool


@pytest.fixture
def audio(tmp_path):
    """Five files; the third is none."""
    for number in range(5):
        path = tmp_path / "audio" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, 0.1 * tiny.normal(3000 * (number + 1), 2, seed=number), 44_100)
    (tmp_path / "audio" / "2.wav").write_bytes(b"RIFF")
    return tmp_path / "audio"


def flags_of(bundle, audio, out_dir, *flags):
    return [f"--bundle_dir={bundle}", f"--audio_dir={audio}", f"--out_dir={out_dir}", *flags]


def encode(*arguments):
    return warm.run("encode.py", *flags_of(*arguments))


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.npz"))}


def encoded(bundle, audio, out_dir, by=None):
    """(contents, lines) of the folder encoded by one process, or by a function of the recipe and the jobs."""
    recipe, lines = Recipe(str(bundle), "position"), []
    encoder = recipe.encoder()
    encode_all = functools.partial(by, recipe) if by else functools.partial(map, encoder)
    config = encoder.encode.config
    folders.encode_folder(audio, out_dir, encode_all, encoder.model_id, config, lines.append)
    return contents(out_dir), lines


def job_of(name):
    return Job(Row(pathlib.Path("audio", name), name), name)


@pytest.mark.long
def test_workers_write_the_same_bytes_and_report(folder, audio, tmp_path):
    alone = encoded(folder, audio, tmp_path / "alone")
    assert sorted(alone[0]) == ["0.wav.npz", "1.wav.npz", "3.wav.npz", "4.wav.npz"]
    pool = Pool(2, cli.start_tensorflow)
    by_workers = lambda recipe, jobs: parallel.encode_all(recipe, pool, jobs)  # noqa: E731
    assert encoded(folder, audio, tmp_path / "shared", by_workers) == alone
    assert sorted(os.listdir(tmp_path / "shared")) == sorted(alone[0])


@pytest.mark.long
def test_a_name_without_room_for_npz_is_left_out_and_the_others_encoded(folder, audio, tmp_path):
    names = [letter * n + ".wav" for letter, n in (("a", 236), ("b", 247), ("c", 248), ("d", 251))]
    names += ["音" * 82 + "é.wav", "声" * 82 + "éa.wav"]  # 252 and 253 bytes
    for name in names:
        os.link(audio / "0.wav", audio / name)
    latents, lines = encoded(folder, audio, tmp_path / "latents")
    kept = ["0.wav", "1.wav", "3.wav", "4.wav", *names[:2]]
    assert sorted(latents) == sorted(f"{name}.npz" for name in kept) == sorted(os.listdir(tmp_path / "latents"))
    for name in names[2:]:
        [line] = [line for line in lines if line.startswith(name)]
        assert "a name that is too long; shorten that of the audio" in line


def by_beam(runner, out_dir):
    pytest.importorskip("apache_beam", reason="the extra beam (apache-beam) is missing")
    from musika_tf.encode import beam_pipeline

    run = beam_pipeline.Run(runner, ["--direct_num_workers=1"], str(out_dir), cli.start_tensorflow)
    return lambda recipe, jobs: beam_pipeline.encode_all(recipe, run, jobs)


@pytest.mark.long
def test_beam_writes_the_same_bytes_and_report(folder, audio, tmp_path):
    by = by_beam("DirectRunner", tmp_path / "beam")
    alone = encoded(folder, audio, tmp_path / "alone")
    assert encoded(folder, audio, tmp_path / "beam", by) == alone
    assert sorted(os.listdir(tmp_path / "beam")) == sorted(alone[0])


def test_runner_that_beam_does_not_know_is_named(tmp_path):
    with pytest.raises(UserError, match="--runner=Nobody: .*Nobody"):
        list(by_beam("Nobody", tmp_path)(Recipe("model"), [job_of("a")]))


def test_workers_of_a_runner_are_beams_own(folder, audio, tmp_path):
    done = encode(folder, audio, tmp_path / "beam", "--runner=DirectRunner", "--workers=2")
    assert done.returncode == 2 and "--workers: with --runner, Beam's own flags" in done.stderr


# Workers that die


def shared(recipe, names):
    pool = Pool(2, mortal.unprepared)
    return list(parallel.encode_all(recipe, pool, [job_of(name) for name in names]))


@pytest.mark.long
def test_a_worker_that_dies_costs_its_file_alone(warm_workers):
    outcomes = shared(mortal.Mortal("b"), "abcdef")
    [lost] = [outcome for outcome in outcomes if outcome not in set("acdef")]
    assert len(outcomes) == 6
    assert lost.row.file == "b" and lost.row.status == LEFT_OUT
    assert lost.row.what.startswith("its worker died (signal 9, perhaps out of memory: take fewer --workers); ")


def test_without_workers_the_rest_is_named(warm_workers):
    with pytest.raises(UserError, match=r"the last worker died .signal 9.*\d of 6 files are done, the same command"):
        shared(mortal.Mortal(*"abcdef"), "abcdef")


def test_what_concerns_all_files_stops_all(warm_workers):
    with pytest.raises(UserError, match="No space left"):
        shared(mortal.Mortal(), ["a", "full", "b"])


# Killed


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(folder, tmp_path, workers):
    (tmp_path / "audio").mkdir()
    for number in range(40):
        soundfile.write(tmp_path / "audio" / f"{number:02}.flac", 0.1 * tiny.normal(400_000, 2, seed=number), 44_100)
    alone, _ = encoded(folder, tmp_path / "audio", tmp_path / "alone")
    out_dir, rng, killed = tmp_path / "killed", random.Random(workers), 0
    flags = [f"--workers={workers}", "--conditioning=position"]
    while killed < 4:
        process = subprocess.Popen(
            [sys.executable, "encode.py", *flags_of(folder, tmp_path / "audio", out_dir, *flags)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tiny.ROOT,
        )
        process.stdout.readline()  # the first file is there
        time.sleep(rng.uniform(0, 0.5))
        process.kill()
        process.communicate()
        killed += 1
        partial = contents(out_dir)
        assert partial and all(alone[name] == data for name, data in partial.items())  # none is half-written
    time.sleep(5)  # workers that were left behind end with their file
    done = encode(folder, tmp_path / "audio", out_dir, *flags)
    assert done.returncode == 0, done.stderr
    assert "00.flac: done before" in done.stdout.splitlines()
    assert contents(out_dir) == alone
    assert sorted(os.listdir(out_dir)) == sorted(alone)  # and nothing else


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


@pytest.mark.slow
def test_three_hours_take_less_than_two_gigabytes(tmp_path):
    (tmp_path / "audio").mkdir()
    minute = np.random.default_rng(0).normal(0, 0.1, [60 * 44_100, 2])
    with soundfile.SoundFile(tmp_path / "audio" / "long.flac", "w", 44_100, 2) as file:
        for _ in range(180):
            file.write(minute)
    flags = flags_of(tiny.ROOT / "models" / "techno", tmp_path / "audio", tmp_path / "latents")
    program = [sys.executable, "encode.py", *flags]
    done = subprocess.run([sys.executable, "-c", PEAK, *program], capture_output=True, text=True, cwd=tiny.ROOT)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) < 2e9
    with np.load(tmp_path / "latents" / "long.flac.npz") as stored:
        assert stored["latents"].shape == (-(-180 * 60 * 44_100 // 4096), 128)
