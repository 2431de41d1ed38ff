import numpy as np
import pytest
import soundfile

from musika_tf.audio import channels, files, resampling

RATE = files.SAMPLE_RATE
LOSSLESS = [
    ("wav", "WAV", "PCM_U8", 2**-7),
    ("wav", "WAV", "PCM_16", 2**-15),
    ("wav", "WAV", "PCM_24", 2**-23),
    ("wav", "WAV", "PCM_32", 2**-24),  # float32 holds no more
    ("wav", "WAV", "FLOAT", 0),
    ("wav", "WAV", "DOUBLE", 0),
    ("wav", "WAVEX", "PCM_16", 2**-15),
    ("wav", "WAVEX", "PCM_24", 2**-23),
    ("flac", "FLAC", "PCM_16", 2**-15),
    ("flac", "FLAC", "PCM_24", 2**-23),
    ("aiff", "AIFF", "PCM_16", 2**-15),
]
LOSSY = [("ogg", "OGG", "VORBIS", RATE), ("opus", "OGG", "OPUS", 48_000), ("mp3", "MP3", "MPEG_LAYER_III", RATE)]


def tones(seconds, sample_rate=RATE, frequencies=(440.0, 660.0)):
    """float32 [samples, channels]: one sine each, of amplitude 0.5."""
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    return np.stack([0.5 * np.sin(2 * np.pi * f * time) for f in frequencies], axis=1).astype(np.float32)


def noise(n_samples, n_channels=2):
    return np.random.default_rng(n_samples).uniform(-0.9, 0.9, (n_samples, n_channels)).astype(np.float32)


def write(path, waveform, sample_rate=RATE, container=None, encoding=None):
    with soundfile.SoundFile(path, "w", sample_rate, waveform.shape[1], encoding, format=container) as file:
        for start in range(0, len(waveform), 4096):
            file.write(waveform[start : start + 4096])
    return path


class TestProbe:
    def test_numbers(self, tmp_path):
        path = write(tmp_path / "six.wav", noise(1000, 6), 48_000, "WAVEX", "PCM_24")
        assert files.probe(path) == files.AudioInfo(path, 48_000, 6, 1000, "WAVEX PCM_24")

    @pytest.mark.parametrize(
        ("n_samples", "sample_rate", "expected"),
        [(44_100, 44_100, 44_100), (48_000, 48_000, 44_100), (48_001, 48_000, 44_101), (1, 8_000, 6), (0, 8_000, 0)],
    )
    def test_length_after_resampling_is_rounded_up(self, n_samples, sample_rate, expected):
        info = files.AudioInfo("x", sample_rate, 1, n_samples, "WAV PCM_16")
        assert files.n_samples_at(info) == expected

    @pytest.mark.parametrize(
        ("name", "content"),
        [("page.mp3", b"<html><body>404</body></html>"), ("empty.wav", b""), ("text.flac", b"abc" * 999)],
    )
    def test_what_is_no_audio(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(files.AudioFileError, match=f"{name}: can't be read as audio.*convert") as error:
            files.probe(tmp_path / name)
        assert "\n" not in str(error.value)

    def test_samples_without_a_header(self, tmp_path):
        (tmp_path / "x.raw").write_bytes(bytes(100))
        with pytest.raises(files.AudioFileError, match="x.raw: can't be read as audio"):
            files.read(tmp_path / "x.raw")

    @pytest.mark.parametrize("rate", [1, 999, 1_000_001, 2**31 - 1])
    def test_rates_that_no_music_has(self, tmp_path, rate):
        path = write(tmp_path / "x.wav", noise(10), rate)
        with pytest.raises(files.AudioFileError, match=f"x.wav: {rate} samples per second, which no music has"):
            files.read(path)

    @pytest.mark.parametrize("rate", [RATE, 48_000])
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_samples_that_are_no_numbers(self, tmp_path, rate, value):
        waveform = noise(2000)
        waveform[1500, 1] = value
        path = write(tmp_path / "x.wav", waveform, rate, "WAV", "FLOAT")
        with pytest.raises(files.AudioFileError, match="x.wav: NaN or infinity at 0.03"):
            files.read(path)

    def test_missing_and_folder(self, tmp_path):
        with pytest.raises(files.AudioFileError, match="no.wav: no such file"):
            files.probe(tmp_path / "no.wav")
        with pytest.raises(files.AudioFileError, match="is a folder"):
            files.read(tmp_path)


class TestRead:
    @pytest.mark.parametrize(("extension", "container", "encoding", "step"), LOSSLESS)
    def test_lossless_formats(self, tmp_path, extension, container, encoding, step):
        x = noise(20_000)
        path = write(tmp_path / f"x.{extension}", x, RATE, container, encoding)
        y = files.read(path)
        assert y.dtype == np.float32
        np.testing.assert_allclose(y, x, atol=step)

    @pytest.mark.parametrize(("extension", "container", "encoding", "rate"), LOSSY)
    def test_lossy_formats_keep_length_and_place(self, tmp_path, extension, container, encoding, rate):
        x = tones(1.5, rate)
        y = files.read(write(tmp_path / f"x.{extension}", x, rate, container, encoding), sample_rate=rate)
        assert y.shape == x.shape
        inner = slice(rate // 10, -rate // 10)
        # One sample of delay would already give an error of 0.03.
        assert np.sqrt(np.mean((y - x)[inner] ** 2)) < 0.01

    @pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 96_000])
    def test_other_rates(self, tmp_path, rate):
        path = write(tmp_path / "x.wav", tones(1.2, rate), rate, "WAV", "FLOAT")
        np.testing.assert_array_equal(files.read(path), resampling.resample(tones(1.2, rate), rate, RATE))
        assert len(files.read(path)) == files.n_samples_at(files.probe(path)) == round(1.2 * RATE)

    def test_mono_and_six_channels(self, tmp_path):
        for n_channels in (1, 6):
            x = noise(5000, n_channels)
            path = write(tmp_path / "x.wav", x, RATE, "WAVEX", "FLOAT")
            np.testing.assert_array_equal(files.read(path), channels.to_stereo(x))

    def test_vorbis_channel_order(self, tmp_path):
        x = np.zeros([RATE, 6], np.float32)
        x[:, 1], x[:, 5] = tones(1).T  # centre and low frequency, as the Vorbis specification orders 5.1
        y = files.read(write(tmp_path / "x.ogg", x, RATE, "OGG", "VORBIS"))[4410:-4410]
        centre = x[4410:-4410, 1] * np.sqrt(0.5) / (1 + 2 * np.sqrt(0.5))
        np.testing.assert_allclose(y, np.stack([centre, centre], axis=1), atol=0.01)

    @pytest.mark.parametrize(
        ("extension", "container", "encoding", "rate"),
        [("wav", "WAV", "PCM_24", RATE), ("wav", "WAV", "PCM_16", 48_000), ("flac", "FLAC", "PCM_16", 22_050), *LOSSY,
         ("ogg", "OGG", "VORBIS", 22_050), ("mp3", "MP3", "MPEG_LAYER_III", 48_000)],
    )  # fmt: skip
    def test_a_part_equals_that_part_of_the_whole(self, tmp_path, extension, container, encoding, rate):
        path = write(tmp_path / f"x.{extension}", noise(4 * rate + 123), rate, container, encoding)
        whole = files.read(path)
        # 1e-8 because of Opus; the others are equal to the bit.
        tolerance = 1e-8 if encoding == "OPUS" else 0
        starts = [0, 1, 44_099, 44_100, 100_001, len(whole) - 9_000, len(whole) - 700, len(whole) - 1]
        for start in starts:
            for n_samples in (1, 5000, 60_000):
                part = files.read(path, start, n_samples)
                np.testing.assert_allclose(part, whole[start : start + n_samples], rtol=0, atol=tolerance)
        assert files.read(path, len(whole) + 5, 10).shape == (0, 2)

    @pytest.mark.parametrize(("extension", "container"), [("flac", "FLAC"), ("mp3", "MP3")])
    def test_truncated(self, tmp_path, extension, container):
        path = write(tmp_path / f"x.{extension}", noise(3 * RATE), RATE, container)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(files.AudioFileError, match=f"x.{extension}: (truncated|can't be read)"):
            files.read(path)
