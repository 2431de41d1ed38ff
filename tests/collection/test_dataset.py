import itertools
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tensorflow as tf

from musika_tf.audio import files
from musika_tf.collection import dataset

RATE = files.SAMPLE_RATE
CROP = 2048

with_tensorflow_io = pytest.mark.skipif(not dataset.tensorflow_io_available(), reason="needs tensorflow-io")


def take(n_batches, paths, *args, sample_rate=RATE, **kwargs):
    batches = dataset.crops(dataset.Collection(paths, sample_rate), *args, **kwargs)
    return [batch.numpy() for batch in itertools.islice(batches, n_batches)]


def write_ruler(path, number, n_samples, sample_rate=RATE):
    """A file whose samples tell where they are: left = number + position / 2^18, right the same but negative."""
    ruler = number + np.arange(n_samples) / 2**18
    soundfile.write(path, np.stack([ruler, -ruler], axis=1), sample_rate, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def rulers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rulers")
    return [write_ruler(folder / f"{number}.wav", number, n) for number, n in [(1, 20_000), (2, 60_000), (3, 120_000)]]


def places(crops):
    """File number and first sample of crops of rulers, each [n]; checks that they are crops of both sides."""
    rulers = crops[..., 0]
    np.testing.assert_array_equal(rulers, -crops[..., 1])
    np.testing.assert_array_equal(np.diff(rulers, axis=1), 2.0**-18)
    return np.floor(rulers[:, 0]).astype(int), np.round(rulers[:, 0] % 1 * 2**18).astype(int)


def test_draws(rulers):
    crops = np.concatenate(take(40, rulers, CROP, 50, seed=3))
    assert crops.shape == (2000, CROP, 2)
    assert crops.dtype == np.float32
    numbers, starts = places(crops)
    # Five standard deviations of a share p of 2,000 draws are at most 0.056.
    np.testing.assert_allclose(np.bincount(numbers, minlength=4)[1:] / 2000, [0.1, 0.3, 0.6], atol=0.056)
    for number, n_samples in [(1, 20_000), (2, 60_000), (3, 120_000)]:
        relative = np.sort(starts[numbers == number]) / (n_samples - CROP)
        assert 0 <= relative[0] <= relative[-1] <= 1
        # Kolmogorov-Smirnov distance from uniform, and its bound at one in ten million.
        distance = np.abs(relative - np.linspace(0, 1, len(relative))).max()
        assert distance < 2.9 / np.sqrt(len(relative))
    # The draws don't depend on each other.
    third = numbers == 3
    for draws in (numbers, starts[third]):
        assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.15


def test_repeatable_and_seeded(rulers):
    first = take(3, rulers, CROP, 8, seed=1)
    np.testing.assert_array_equal(first, take(3, rulers, CROP, 8, seed=1))
    assert not np.array_equal(first, take(3, rulers, CROP, 8, seed=2))
    assert len(np.unique(np.concatenate(first)[:, 0, 0])) == 24


def test_these_very_crops(rulers):
    # Numbers seen once: another TensorFlow or another device must not train on other crops.
    numbers, starts = places(take(1, rulers, CROP, 4, seed=1)[0])
    assert numbers.tolist() == [2, 3, 2, 3]
    assert starts.tolist() == [21916, 86289, 32232, 27131]


def test_resumes_anywhere(rulers):
    whole = take(7, rulers, CROP, 6, seed=5)
    for first in (1, 6):
        np.testing.assert_array_equal(take(7 - first, rulers, CROP, 6, seed=5, first_batch=first), whole[first:])


def test_batch_size_does_not_matter(rulers):
    np.testing.assert_array_equal(
        np.concatenate(take(6, rulers, CROP, 4, seed=5)), np.concatenate(take(3, rulers, CROP, 8, seed=5))
    )


def test_parts_of_a_batch_make_the_batch(rulers):
    whole = take(2, rulers, CROP, 6, seed=5, first_batch=3)
    parts = [take(2, rulers, CROP, 6, seed=5, first_batch=3, part=(i, 3)) for i in range(3)]
    for n, expected in enumerate(whole):
        np.testing.assert_array_equal(np.concatenate([part[n] for part in parts]), expected)


@pytest.fixture(params=["tensorflow-io", "soundfile"])
def reader(request, monkeypatch):
    if request.param == "soundfile":
        monkeypatch.setattr(dataset, "tensorflow_io_available", lambda: False)
    elif not dataset.tensorflow_io_available():
        pytest.skip("needs tensorflow-io")
    return request.param


def test_short_files_are_padded_and_empty_ones_not_drawn(tmp_path, reader):
    short = write_ruler(tmp_path / "short.wav", 1, 700)
    empty = write_ruler(tmp_path / "empty.wav", 2, 0)
    crops = np.stack(take(4, [empty, short, empty], CROP, 8, seed=1))
    expected = np.zeros(CROP)
    expected[:700] = 1 + np.arange(700) / 2**18
    np.testing.assert_array_equal(crops, np.broadcast_to(np.stack([expected, -expected], axis=1), [4, 8, CROP, 2]))


def test_files_at_the_wanted_rate_are_read_as_they_are(tmp_path, reader):
    path = write_ruler(tmp_path / "a.wav", 1, 20_000, 22_050)
    places(take(1, [path], CROP, 8, seed=1, sample_rate=22_050)[0])


@pytest.mark.parametrize("rate", [8_000, 22_050, 37_123, 48_000])
def test_a_tone_keeps_its_pitch_at_any_rate(tmp_path, rate):
    paths = [tmp_path / f"{stored}.wav" for stored in (22_050, RATE, 48_000)]
    for path in paths:
        stored = int(path.stem)
        tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(stored * 3) / stored)
        soundfile.write(path, np.stack([tone, tone], axis=1), stored)
    waveforms = take(1, paths, rate, 12, seed=1, sample_rate=rate)[0]  # of one second
    spectra = np.abs(np.fft.rfft(waveforms[..., 0] * np.hanning(rate)))  # bins of 1 Hz
    assert spectra.argmax(axis=1).tolist() == [440] * 12
    np.testing.assert_allclose(waveforms.std(axis=1), 0.5 / np.sqrt(2), atol=2e-3)


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """One file of every kind that the readers treat differently."""
    folder = tmp_path_factory.mktemp("collection ü")
    kinds = [("wav", "WAV", "PCM_16"), ("wav", "WAV", "PCM_24"), ("wav", "WAV", "FLOAT"), ("wav", "WAVEX", "PCM_16"),
             ("wav", "WAVEX", "PCM_24"), ("wav", "WAV", "PCM_32"), ("wav", "WAV", "DOUBLE"), ("flac", "FLAC", "PCM_16"),
             ("flac", "FLAC", "PCM_24"), ("ogg", "OGG", "VORBIS"), ("mp3", "MP3", "MPEG_LAYER_III")]  # fmt: skip
    variants = [(*kind, n_channels, RATE) for kind in kinds for n_channels in (1, 2)]
    variants += [("wav", "WAV", "PCM_16", 6, RATE), ("wav", "WAV", "PCM_16", 2, 48_000)]
    random = np.random.default_rng(1)
    paths = []
    for i, (extension, container, encoding, n_channels, sample_rate) in enumerate(variants):
        paths.append(folder / f"{i:02d}.{extension}")
        with soundfile.SoundFile(paths[-1], "w", sample_rate, n_channels, encoding, format=container) as file:
            for _ in range(5):
                file.write(random.uniform(-0.9, 0.9, [4000, n_channels]))
    return paths


@with_tensorflow_io
def test_readers_give_equal_samples(collection, monkeypatch):
    types = {dataset._sample_type(files.probe(path), RATE) for path in collection}
    assert types == {tf.int16, tf.int32, tf.float32, None}
    by_both = take(4, collection, CROP, 100, seed=1)
    monkeypatch.setattr(dataset, "tensorflow_io_available", lambda: False)
    np.testing.assert_array_equal(by_both, take(4, collection, CROP, 100, seed=1))


@with_tensorflow_io
def test_tensorflow_io_reads_wav_alone(collection):
    readers = {}
    for path in collection:
        info = files.probe(path)
        readers.setdefault(info.encoding.split()[0], set()).add(dataset._sample_type(info, RATE) is not None)
    assert readers == {"WAV": {True, False}, "WAVEX": {True}, "FLAC": {False}, "OGG": {False}, "MP3": {False}}


def test_works_without_tensorflow_io(collection, monkeypatch):
    monkeypatch.setattr(dataset, "tensorflow_io_available", lambda: False)
    assert take(1, collection, CROP, 8, seed=1)[0].shape == (8, CROP, 2)


def test_bad_input(rulers, tmp_path):
    (tmp_path / "page.mp3").write_text("<html>")
    with pytest.raises(files.AudioFileError, match="page.mp3: can't be read"):
        take(1, [*rulers, tmp_path / "page.mp3"], CROP, 8, seed=1)
    with pytest.raises(files.AudioFileError, match="empty.wav: not one sample"):
        take(1, [write_ruler(tmp_path / "empty.wav", 1, 0)], CROP, 8, seed=1)
    with pytest.raises(files.AudioFileError, match="no files"):
        take(1, [], CROP, 8, seed=1)


def test_samples_that_are_no_numbers_are_named(tmp_path, reader):
    waveform = np.zeros([CROP, 2], np.float32)
    waveform[100, 0] = np.nan
    soundfile.write(tmp_path / "nan.wav", waveform, RATE, subtype="FLOAT")
    with pytest.raises(tf.errors.OpError, match="AudioFileError: .*nan.wav: NaN or infinity at"):
        take(1, [tmp_path / "nan.wav"], CROP, 2, seed=1)


@pytest.mark.slow
def test_a_program_that_reads_ahead_can_end(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.zeros([480_000, 2]), 48_000)
    program = (
        "from musika_tf.collection import dataset\n"
        "dataset.tensorflow_io_available = lambda: False\n"
        f"batches = iter(dataset.crops(dataset.Collection([{str(path)!r}], 44_100), 33536, 8, seed=1))\n"
        "next(batches)\n"
        "raise SystemExit(3)"
    )
    result = subprocess.run([sys.executable, "-c", program], check=False, timeout=120, capture_output=True, text=True)
    assert result.returncode == 3, result.stderr
