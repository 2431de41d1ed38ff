"""What a training writes at each checkpoint to listen to and to look at."""

import io
from pathlib import Path

import numpy as np

from musika_tf import atomic
from musika_tf.audio.writer import AudioWriter


def write(directory, step, waveforms, sample_rate):
    """Writes `step-000500-0.wav`, ... and one picture of all their spectrograms, `step-000500.png`.

    The waveforms are float32 `[n, samples]` mono or `[n, samples, 2]`; the folder is made where missing.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    stereo = [w if w.ndim == 2 else np.stack([w, w], axis=-1) for w in waveforms]
    for i, waveform in enumerate(stereo):
        with AudioWriter(directory / f"step-{step:06d}-{i}.wav", sample_rate) as writer:
            writer.write(np.clip(waveform, -1.0, 1.0))
    picture(directory / f"step-{step:06d}.png", stereo, sample_rate)


def picture(path, waveforms, sample_rate):
    """Saves the `figure` of waveforms as PNG, in 256 colours: half of the size."""
    from PIL import Image

    drawn, png = figure(waveforms, sample_rate), io.BytesIO()
    drawn.savefig(png, dpi=80, format="png")
    with atomic.replacing(path) as hidden_path:
        Image.open(png).convert("RGB").quantize(256).save(hidden_path, format="png", optimize=True)


def figure(waveforms, sample_rate):
    """Mel spectrograms (dB, mean of both sides), one row a waveform `[samples, 2]`, as a figure of matplotlib."""
    import librosa
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(12, 2.4 * len(waveforms)), layout="constrained")
    rows = drawn.subplots(len(waveforms), 1, squeeze=False)[:, 0]
    for axes, waveform in zip(rows, waveforms, strict=True):
        mel = librosa.feature.melspectrogram(y=waveform.mean(axis=1), sr=sample_rate, n_mels=128, hop_length=512)
        decibels = librosa.power_to_db(mel, ref=1.0)
        seconds = len(waveform) / sample_rate
        axes.imshow(
            decibels, origin="lower", aspect="auto", vmin=-50, vmax=40, cmap="magma", extent=(0, seconds, 0, 128)
        )
        axes.set_ylabel("mel band")
    rows[-1].set_xlabel("seconds")
    return drawn
