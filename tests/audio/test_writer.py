import errno
import os
import pathlib
import sys

import comments
import numpy as np
import pytest
import soundfile
import warm

from musika_tf.audio import files, writer
from musika_tf.audio.markers import Markers, Tempo
from musika_tf.errors import UserError

EXTENSIONS = ("wav", "flac", "ogg")


def noise(n_samples, peak=0.9):
    return np.random.default_rng(n_samples).uniform(-peak, peak, (n_samples, 2)).astype(np.float32)


def write(path, waveform, block=5000, **options):
    with writer.AudioWriter(path, **options) as file:
        for start in range(0, len(waveform), block):
            file.write(waveform[start : start + block])
    return path


@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_16_bits_rounded_and_clipped(tmp_path, extension):
    x = noise(20_000, peak=1.2)
    path = write(tmp_path / f"x.{extension}", x)
    expected = np.clip(np.rint(x.astype(np.float64) * 2**15), -(2**15), 2**15 - 1)
    stored, sample_rate = soundfile.read(path, dtype="int16")
    np.testing.assert_array_equal(stored, expected)
    assert sample_rate == 44_100
    assert soundfile.info(path).subtype == "PCM_16"


@pytest.mark.parametrize("extension", ["wav", "flac"])
def test_read_and_written_again_is_the_same(tmp_path, extension):
    first = files.read(write(tmp_path / f"a.{extension}", noise(9000)))
    np.testing.assert_array_equal(files.read(write(tmp_path / f"b.{extension}", first)), first)


def test_ogg(tmp_path):
    time = np.arange(44_100 * 12) / 44_100
    x = 0.5 * np.sin(2 * np.pi * np.array([440.0, 660.0]) * time[:, None])
    y = files.read(write(tmp_path / "x.ogg", x, block=len(x)))  # one long write, which crashes libsndfile itself
    assert y.shape == x.shape
    assert np.sqrt(np.mean((y - x)[4410:-4410] ** 2)) < 0.01


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_blocks_make_no_difference(tmp_path, extension):
    x = noise(30_000)
    paths = [tmp_path / f"{name}.{extension}" for name in ("whole", "again", "parts")]
    for path, block in zip(paths, (len(x), len(x), 777), strict=True):
        assert len(files.read(write(path, x, block, comment="seed=7"))) == len(x)
    assert len({path.read_bytes() for path in paths}) == 1


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_comment_and_rate(tmp_path, extension):
    comment = "musika_tf seed=7 model=ü★ range=0:2552 " + "x" * 300
    path = write(tmp_path / f"ä b.{extension}", noise(5000), sample_rate=22_050, comment=comment)
    assert comments.read_comment(path) == comment
    assert files.probe(path).sample_rate == 22_050
    assert comments.read_comment(write(path, noise(5000))) == ""


def test_nothing_shows_before_the_end(tmp_path):
    path = tmp_path / "x.wav"
    with writer.AudioWriter(path) as file:
        file.write(noise(100))
        assert file.n_samples == 100
        assert not path.exists()
        assert all(name.startswith(".") for name in os.listdir(tmp_path))
    assert os.listdir(tmp_path) == ["x.wav"]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_an_error_leaves_the_old_file(tmp_path, extension):
    path = write(tmp_path / f"x.{extension}", noise(3000))
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), writer.AudioWriter(path) as file:
        file.write(noise(10_000))
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("name", ["x.mp3", "x", "x.wav.txt"])
def test_unknown_extension(tmp_path, name):
    with pytest.raises(UserError, match=f"{name}: .*.wav, .flac, .ogg"):
        writer.AudioWriter(tmp_path / name)


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match="no folder .*missing"):
        writer.AudioWriter(tmp_path / "missing" / "x.wav")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        writer.AudioWriter(tmp_path / "folder.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(UserError, match="pipe.wav: is no file; .* --out - > .*pipe.wav"):
        writer.check_output(tmp_path / "pipe.wav")


@pytest.mark.parametrize("name", ["x" * 252, "音" * 84])
def test_a_name_that_is_too_long(tmp_path, name):
    with pytest.raises(UserError, match=f"{name}.wav: .*File name too long"):
        write(tmp_path / f"{name}.wav", noise(100))
    assert os.listdir(tmp_path) == []
    write(tmp_path / f"{name[1:]}.wav", noise(100))
    assert os.listdir(tmp_path) == [f"{name[1:]}.wav"]


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EROFS])
def test_a_folder_that_refuses_says_why(tmp_path, monkeypatch, number):
    def refuse(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(pathlib.Path, "touch", refuse)
    reason = os.strerror(number)
    with pytest.raises(UserError, match=f"x.wav: can't be written .{reason}.;"), writer.AudioWriter(tmp_path / "x.wav"):
        pass


def test_of_a_link_the_file_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link.flac").symlink_to("far/x.flac")
    for comment in ("made", "replaced"):
        write(tmp_path / "link.flac", noise(3000), comment=comment)
        assert os.readlink(tmp_path / "link.flac") == "far/x.flac"
        assert comments.read_comment(tmp_path / "far" / "x.flac") == comment
    assert os.listdir(tmp_path / "far") == ["x.flac"]


def test_more_than_4_gb_becomes_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr(writer, "_MAX_WAV_SAMPLES", 9999)
    x = noise(10_000)
    small = write(tmp_path / "small.wav", x[:9999], n_samples=9999)
    large = write(tmp_path / "large.wav", x, n_samples=10_000, comment="seed=7")
    assert soundfile.info(small).format == "WAV"
    assert soundfile.info(large).format == "RF64" and soundfile.info(large).subtype == "PCM_16"
    assert comments.read_comment(large) == "seed=7"
    np.testing.assert_array_equal(files.read(large)[:9999], files.read(small))
    with pytest.raises(UserError, match="nobody.wav: .*4 GB"):
        write(tmp_path / "nobody.wav", x)
    assert sorted(os.listdir(tmp_path)) == ["large.wav", "small.wav"]


def test_the_limit_of_wav_is_4_gb():
    """A header counts 2^32 - 1 bytes after its first 8."""
    assert 2**32 - 2**19 < writer._MAX_WAV_SAMPLES * 4 < 2**32 - 2**17


def test_a_comment_that_wav_cannot_hold_is_refused(tmp_path):
    longest, longer = "x" * 50_000, "x" * 50_001
    assert comments.read_comment(write(tmp_path / "x.wav", noise(5000), comment=longest)) == longest
    with pytest.raises(UserError, match="y.wav: a comment of 50001 bytes.* holds 50000; write a .flac"):
        writer.check_output(tmp_path / "y.wav", longer)
    for extension in ("flac", "ogg"):
        path = write(tmp_path / f"x.{extension}", noise(5000), comment=longer)
        assert comments.read_comment(path) == longer


@pytest.mark.parametrize("n_samples", [5000, 2**31])
@pytest.mark.parametrize("length", [1, 2, 2045, 2046, 49_999])
def test_comments_of_any_length_are_read_from_wav_and_rf64(tmp_path, length, n_samples):
    comment = ("ü" + "0:0.1," * 10_000)[: length - 1] + "."
    path = write(tmp_path / "x.wav", noise(5000), comment=comment, n_samples=n_samples)
    assert soundfile.info(path).format == ("WAV" if n_samples == 5000 else "RF64")
    assert comments.read_comment(path) == comment
    assert len(files.read(path)) == 5000


FULL_DISK = """
import resource, signal, sys
import numpy as np
from musika_tf.audio.writer import AudioWriter
from musika_tf.errors import UserError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond the limit then fails like one to a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
noise = np.random.default_rng(0).uniform(-1, 1, (44_100, 2))
try:
    with AudioWriter(sys.argv[1]) as file:
        for _ in range(100):
            file.write(noise)
except UserError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on a file's size")
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, extension):
    path = tmp_path / f"x.{extension}"
    done = warm.run("-c", FULL_DISK, path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{path}: can't be written (") and done.stdout.count("\n") == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("comment", ["", "seed=7", "odd", "x" * 3000])
@pytest.mark.parametrize("marked", [None, Markers(((0, "bar 1"), (9, "bar 2")), 12, Tempo(120.0, 4, True))])
def test_the_frame_of_a_wav_file_is_known_before_its_samples(tmp_path, comment, marked):
    samples = np.arange(24, dtype=np.float32).reshape(12, 2) / 100
    with writer.AudioWriter(tmp_path / "a.wav", 22_050, comment, marked=marked) as file:
        file.write(samples)
    head, tail = writer.wav_frame(22_050, comment, 12, marked)
    assert head + writer.to_int16(samples).tobytes() + tail == (tmp_path / "a.wav").read_bytes()
    with pytest.raises(UserError, match="more than a WAV file's 4 GB"):
        writer.wav_frame(22_050, comment, 2**30)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_no_samples(tmp_path, extension):
    with pytest.raises(UserError, match="no samples"), writer.AudioWriter(tmp_path / f"x.{extension}"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_signal_while_the_file_is_made_leaves_nothing(tmp_path, monkeypatch):
    make = writer.soundfile.SoundFile

    def interrupted(*args, **kwargs):
        make(*args, **kwargs)
        assert len(os.listdir(tmp_path)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(writer.soundfile, "SoundFile", interrupted)
    with pytest.raises(KeyboardInterrupt), writer.AudioWriter(tmp_path / "x.wav"):
        pass
    assert os.listdir(tmp_path) == []


def test_what_is_no_stereo_waveform(tmp_path):
    for waveform, message in [
        (np.zeros(5), "samples, 2"),
        (np.zeros([5, 1]), "samples, 2"),
        (np.full([5, 2], np.nan), "NaN"),
    ]:
        with pytest.raises(ValueError, match=message), writer.AudioWriter(tmp_path / "x.wav") as file:
            file.write(waveform)
    assert os.listdir(tmp_path) == []
