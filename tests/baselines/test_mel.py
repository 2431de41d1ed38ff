"""Mel spectrograms against librosa's parts, and back to sound."""

import librosa
import numpy as np
import pytest
import soundfile
import tiny

from baselines.unagan import mel


def chord(n_samples):
    """Three partials that swell, float32 `[n_samples]`."""
    t = np.arange(n_samples) / mel.SAMPLE_RATE
    tones = sum(np.sin(2 * np.pi * f * t) for f in (220.0, 660.0, 1760.0))
    return (0.1 * (1 + 0.5 * np.sin(2 * np.pi * 2 * t)) * tones).astype(np.float32)


def test_bands_are_librosas_of_magnitudes():
    waveform = 0.1 * tiny.normal(10_000)
    magnitudes = np.abs(librosa.stft(waveform, n_fft=1024, hop_length=256))
    bands = librosa.filters.mel(sr=22_050, n_fft=1024, n_mels=80) @ magnitudes
    np.testing.assert_allclose(mel.log_mel(waveform), np.log10(np.maximum(bands, 1e-5)).T, atol=1e-4)


def test_silence_is_the_floor():
    np.testing.assert_allclose(mel.log_mel(np.zeros(5000, np.float32)), -5, rtol=1e-6)


def test_a_file_is_read_as_the_mean_of_both_channels_at_the_models_rate(tmp_path):
    left = chord(44_100)
    soundfile.write(tmp_path / "a.wav", np.stack([left, 0 * left], axis=1), 44_100, subtype="FLOAT")
    n_samples = 22_050
    spectrogram = mel.read(tmp_path / "a.wav")
    assert spectrogram.shape == (n_samples // 256 + 1, 80) and spectrogram.dtype == np.float32
    halved = mel.log_mel(librosa.resample(left, orig_sr=44_100, target_sr=22_050) / 2)
    np.testing.assert_allclose(spectrogram[5:-5, 10:40], halved[5:-5, 10:40], atol=0.02)


def error(waveform, spectrogram):
    """Mean difference of the loud bands of what a waveform was to have, log10."""
    loud = spectrogram > -2
    assert loud.mean() > 0.05
    return np.abs(mel.log_mel(waveform) - spectrogram)[loud].mean()


N_SAMPLES = 12_544  # whole hops


@pytest.fixture(scope="module")
def there_and_back():
    spectrogram = mel.log_mel(chord(N_SAMPLES))
    assert len(spectrogram) == mel.n_frames(N_SAMPLES)
    return spectrogram, mel.to_waveform(spectrogram, N_SAMPLES, seed=3)


def test_the_way_back_is_as_good_as_librosas(there_and_back):
    spectrogram, waveform = there_and_back
    assert waveform.shape == (N_SAMPLES,) and waveform.dtype == np.float32 and np.abs(waveform).max() <= 1
    theirs = librosa.feature.inverse.mel_to_audio(10**spectrogram.T, sr=22_050, n_fft=1024, hop_length=256, power=1.0)
    assert error(waveform, spectrogram) < 1.2 * error(theirs[:N_SAMPLES], spectrogram)
    assert error(waveform, spectrogram) < 0.25  # 5 dB


def test_the_same_seed_is_the_same_waveform(there_and_back):
    spectrogram, waveform = there_and_back
    np.testing.assert_array_equal(mel.to_waveform(spectrogram, N_SAMPLES, seed=3), waveform)
    assert np.abs(mel.to_waveform(spectrogram, N_SAMPLES, seed=4) - waveform).max() > 1e-3


def test_parts_join_without_a_gap(there_and_back, monkeypatch):
    monkeypatch.setattr(mel, "_PART_FRAMES", 20)
    monkeypatch.setattr(mel, "_MARGIN_FRAMES", 6)
    spectrogram, whole = there_and_back
    waveform = mel.to_waveform(spectrogram, N_SAMPLES, seed=3)
    assert len(waveform) == N_SAMPLES
    assert error(waveform, spectrogram) < 1.3 * error(whole, spectrogram)


def test_what_is_cut_off_is_the_end(there_and_back):
    spectrogram, whole = there_and_back
    np.testing.assert_array_equal(mel.to_waveform(spectrogram, 5000, seed=3), whole[:5000])


def test_loud_music_is_scaled_below_one():
    assert np.abs(mel.to_waveform(np.full([10, 80], 2.0, np.float32), 2000, seed=1)).max() == pytest.approx(1.0)
