"""Long pieces by parts: the same bytes from any number of processes, and from a second run after whatever ended one."""

import json
import os
import signal
import threading
import time

import numpy as np
import pytest
import tiny

from musika_tf.errors import UserError
from musika_tf.generate import parts, rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.styles import StylePlan
from musika_tf.programs import cli
from musika_tf.workers import Pool

WINDOW = tiny.GAN.window * tiny.AUTOENCODER.samples_per_latent
PART = 16 * WINDOW  # 11.9 s
SONG = Piece(5, StylePlan.morph(6, 7, 20.0), 1000, 3 * PART + 4321)


@pytest.fixture(scope="module")
def loaded(folder):
    return tiny.load(folder)


@pytest.fixture(scope="module")
def direct(loaded, tmp_path_factory):
    """The bytes of the files as they are made in one go, by extension."""
    paths = {suffix: tmp_path_factory.mktemp("direct") / f"a.{suffix}" for suffix in ("wav", "flac", "ogg")}
    for path in paths.values():
        rendering.write(path, *loaded, SONG)
    return {suffix: path.read_bytes() for suffix, path in paths.items()}


def write(out, folder, loaded, song=SONG, **options):
    parts.PartedFile(out, folder, loaded[1], song).write(loaded[0], **options)


class Stopping:
    """A bundle that is stopped at its n-th call."""

    def __init__(self, loaded, n, error=KeyboardInterrupt):
        self.loaded, self.left, self.error = loaded, n, error
        self.signals = loaded.signals

    def render(self, **asked):
        self.left -= 1
        if self.left < 0:
            raise self.error
        return self.loaded.render(**asked)


def test_ranges_cover_the_piece_on_the_grid(folder, loaded, tmp_path):
    for start, n in [(0, 1), (1000, 3 * PART), (-5, PART), (PART - 1, 2), (7 * PART, 5 * PART), (12, 2 * PART)]:
        song = Piece(1, StylePlan.constant(1), start, n)
        ranges = parts.PartedFile(tmp_path / "a.wav", folder, loaded[1], song).ranges()
        assert ranges[0][0] == start and ranges[-1][1] == start + n
        assert all(a[1] == b[0] for a, b in zip(ranges, ranges[1:], strict=False))
        assert all(end % PART == 0 and PART <= end - begin <= 2 * PART for begin, end in ranges[:-1])
        assert 0 < ranges[-1][1] - ranges[-1][0] <= 2 * PART


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_by_parts_the_file_has_the_same_bytes(folder, loaded, direct, tmp_path, suffix):
    out, done = tmp_path / f"a.{suffix}", []
    write(out, folder, loaded, progress=lambda before: done.append(before) or done.append)
    assert out.read_bytes() == direct[suffix]
    assert done[0] == 0 and done[-1] == SONG.n_samples and done == sorted(done)
    assert os.listdir(tmp_path) == [out.name]


# The first part takes six calls: it is up to two long, and begins with short cuts. The others take two.
@pytest.mark.parametrize(("calls", "n_kept"), [(0, 0), (5, 0), (7, 1), (8, 2)])
def test_an_interrupted_rendering_goes_on(folder, loaded, direct, tmp_path, caplog, calls, n_kept):
    out = tmp_path / "a.wav"
    with pytest.raises(KeyboardInterrupt):
        write(out, folder, (Stopping(loaded[0], calls), loaded[1]))
    assert [path.name for path in tmp_path.iterdir()] == [".a.wav.parts"]
    kept = {path.name for path in (tmp_path / ".a.wav.parts").iterdir()} - {parts.MANIFEST}
    assert kept == {f"{i:05d}.int16" for i in range(n_kept)}
    assert f"{n_kept} of 3 parts are done and kept" in caplog.text
    counting = Stopping(loaded[0], 100)
    before = []
    write(out, folder, (counting, loaded[1]), progress=lambda done: before.append(done) or (lambda done: None))
    assert out.read_bytes() == direct["wav"]
    assert before == [[0, 2 * PART - 1000, 3 * PART - 1000][n_kept]]
    assert os.listdir(tmp_path) == ["a.wav"]


def test_parts_of_another_piece_are_not_mixed_in(folder, loaded, direct, tmp_path, caplog):
    caplog.set_level("INFO", logger="musika_tf")
    out = tmp_path / "a.wav"
    other = Piece(6, SONG.style, SONG.start_sample, SONG.n_samples)
    with pytest.raises(KeyboardInterrupt):
        write(out, folder, (Stopping(loaded[0], 8), loaded[1]), other)
    assert json.loads((tmp_path / ".a.wav.parts" / parts.MANIFEST).read_text())["piece"] == other.comment(loaded[1])
    write(out, folder, loaded)
    assert out.read_bytes() == direct["wav"]
    assert "parts of another piece or model, removed" in caplog.text


def test_a_part_of_the_wrong_size_is_made_again(folder, loaded, direct, tmp_path):
    out = tmp_path / "a.wav"
    with pytest.raises(KeyboardInterrupt):
        write(out, folder, (Stopping(loaded[0], 8), loaded[1]))
    first = tmp_path / ".a.wav.parts" / "00000.int16"
    first.write_bytes(first.read_bytes()[:-4])
    write(out, folder, loaded)
    assert out.read_bytes() == direct["wav"]


def test_a_full_disk_is_named_and_keeps_the_parts(folder, loaded, direct, tmp_path, monkeypatch):
    out = tmp_path / "a.wav"

    class Full:
        def __init__(self, *args):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(rendering, "Renderer", Full)
        with pytest.raises(UserError, match="a.wav.parts: can't be written .No space.*0 of 3 parts are done and kept"):
            write(out, folder, loaded)
    assert not out.exists()
    write(out, folder, loaded)
    assert out.read_bytes() == direct["wav"]


def test_a_second_program_on_the_same_file_is_told_who_has_it(folder, loaded, direct, tmp_path):
    out, told = tmp_path / "a.wav", []

    class Meanwhile(Stopping):
        def render(self, **asked):
            with pytest.raises(UserError) as error:
                write(out, folder, loaded, Piece(6, SONG.style, 0, SONG.n_samples))
            told.append(str(error.value))
            return super().render(**asked)

    write(out, folder, (Meanwhile(loaded[0], 100), loaded[1]))
    who = f"--out={out}: in use by process {os.getpid()} on "
    assert told and all(line.startswith(who) for line in told)
    assert out.read_bytes() == direct["wav"] and os.listdir(tmp_path) == ["a.wav"]


@pytest.mark.long
def test_workers_make_the_same_bytes(folder, loaded, direct, tmp_path):
    out, done = tmp_path / "a.wav", []
    pool = Pool(2, cli.start_tensorflow)
    write(out, folder, loaded, pool=pool, progress=lambda before: done.append)
    assert out.read_bytes() == direct["wav"]
    assert done[-1] == SONG.n_samples
    assert os.listdir(tmp_path) == ["a.wav"]


@pytest.mark.long
def test_a_worker_that_dies_is_named_and_its_parts_are_kept(folder, loaded, direct, tmp_path):
    out, killed = tmp_path / "a.wav", []

    def kill_one():
        parent = os.getpid()
        while not killed:
            time.sleep(0.05)
            if list((tmp_path / ".a.wav.parts").glob("0*.int16")):
                killed.append(_a_child(parent))
                os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_one)
    thread.start()
    song = Piece(5, SONG.style, 1000, 40 * PART)
    with pytest.raises(UserError, match=r"a worker died \(signal 9, .*\d+ of 40 parts are done and kept in .*parts"):
        write(out, folder, loaded, song, pool=Pool(2, cli.start_tensorflow))
    thread.join()
    assert not out.exists()
    assert list((tmp_path / ".a.wav.parts").glob("0*.int16"))
    deadline = time.monotonic() + 10
    while _a_child(os.getpid()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _a_child(os.getpid())  # the other worker is gone too


def _a_child(parent):
    """A worker's process id, or None."""
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as stat, open(f"/proc/{entry}/cmdline") as command:
                fields, line = stat.read().rpartition(")")[2].split(), command.read()
        except (OSError, ValueError):
            continue
        if int(fields[1]) == parent and "spawn_main" in line and fields[0] != "Z":
            return int(entry)
    return None


def test_a_worker_tells_what_is_wrong(folder, loaded, warm_workers, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("metadata.json", "saved_model.pb"):
        (broken / name).write_bytes((folder / name).read_bytes())
    (broken / "variables").mkdir()
    (broken / "variables" / "variables.index").write_bytes(b"nothing")
    with pytest.raises(UserError, match="--bundle_dir=.*broken: damaged"):
        write(tmp_path / "a.wav", broken, loaded, pool=Pool(2, cli.start_tensorflow))


def test_samples_of_a_part_are_those_of_the_range(folder, loaded, tmp_path):
    holder = parts.PartedFile(tmp_path / "a.ogg", folder, loaded[1], SONG)
    holder.make_folder()
    holder.render(loaded[0], 1)
    start, end = holder.ranges()[1]
    samples = np.fromfile(holder.part(1), np.float32).reshape(-1, 2)
    whole = np.concatenate(list(rendering.waveforms(*loaded, SONG)))
    np.testing.assert_allclose(samples, whole[start - 1000 : end - 1000], atol=1e-5)
