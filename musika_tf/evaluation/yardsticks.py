"""Sets whose distances say what the distances of others mean, made of the reference track by track:

shuffled         its seconds in random order: the same sound, and nothing that lasts longer than a second
noise            Gaussian noise with the mean spectrum and level of the whole reference, left and right independent
reconstruction   what an autoencoder makes of it: the best that music on its latents can be
"""

import functools
import hashlib
from pathlib import Path

import numpy as np

from musika_tf.audio import blocks, files
from musika_tf.evaluation.embeddings import checksum
from musika_tf.evaluation.file_sets import FileSet, Job

SHUFFLED, NOISE, RECONSTRUCTION = "reference, seconds shuffled", "noise, the reference's spectrum", "reconstruction"

_RATE = files.SAMPLE_RATE
_FFT_LENGTH, _HOP_LENGTH = 2048, 512
_BLOCK_SECONDS = 20
_SEED = 0


def shuffled_set(folder, reference):
    """(FileSet, Jobs) of a FileSet, each track's seconds in random order, drawn by its place; a last part of a second
    stays at the end."""

    def samples(path, i):
        waveform = files.read(path)
        n_seconds = len(waveform) // _RATE
        order = np.random.default_rng([_SEED, i]).permutation(n_seconds)
        whole = waveform[: n_seconds * _RATE].reshape(n_seconds, _RATE, 2)[order]
        yield np.concatenate([whole.reshape(-1, 2), waveform[n_seconds * _RATE :]])

    return _of_each(folder, SHUFFLED, reference, samples, f"shuffled seed={_SEED}")


def noise_set(folder, reference):
    """(FileSet, Jobs) of noise as long as each track of the reference."""
    amplitude = functools.cache(lambda: mean_amplitude(reference.paths))
    of_all = hashlib.sha256("".join(map(checksum, reference.paths)).encode()).hexdigest()[:12]

    def samples(path, i):
        return noise(amplitude(), _n_samples(path), i)

    return _of_each(folder, NOISE, reference, samples, f"noise seed={_SEED} spectrum={of_all}")


def reconstruction_set(folder, reference, reconstruct, identity):
    """(FileSet, Jobs) of what an autoencoder makes of each track.

    Args:
      reconstruct: function from float32 `[samples, 2]` at 44.1 kHz to one at least as long.
      identity: text that says which autoencoder it is.
    """

    def samples(path, i):
        waveform = files.read(path)
        yield np.clip(reconstruct(waveform)[: len(waveform)], -1, 1)

    return _of_each(folder, RECONSTRUCTION, reference, samples, f"reconstruction autoencoder={identity}")


def _of_each(folder, name, reference, samples, what):
    """A file for each track: `samples` is a function (path, place) to blocks, `what` all else that they depend on."""
    jobs = [
        Job(
            Path(folder) / f"{i + 1:03d}.flac",
            f"musika_tf {what} track={i} of={checksum(path)}",
            _RATE,
            _n_samples(path),
            functools.partial(samples, path, i),
        )
        for i, path in enumerate(reference.paths)
    ]
    bpm = [None] * len(jobs) if name == NOISE else reference.bpm
    return FileSet.of_jobs(name, jobs, bpm), jobs


def _n_samples(path):
    return files.n_samples_at(files.probe(path))


def mean_amplitude(paths):
    """Root of the mean power spectrum of both channels of all files, float64 `[1025]`: librosa's STFT of 2,048
    samples."""
    import librosa

    power, n_frames = np.zeros(1 + _FFT_LENGTH // 2), 0
    for path in paths:
        for block in blocks.read(path):
            if len(block) >= _FFT_LENGTH:
                spectra = librosa.stft(np.transpose(block), n_fft=_FFT_LENGTH, hop_length=_HOP_LENGTH, center=False)
                power += np.sum(np.abs(spectra) ** 2, axis=(0, 2), dtype=np.float64)
                n_frames += 2 * spectra.shape[-1]
    return np.sqrt(power / max(n_frames, 1))


def noise(amplitude, n_samples, track=0):
    """Yields float32 `[samples, 2]`, twenty seconds each: Gaussian noise whose power spectrum is `amplitude`'s.

    Frames of independent complex normal numbers S with E|S|^2 = amplitude^2 are overlapped by the inverse STFT. Of
    noise of variance v an STFT has E|S|^2 = v sum(w^2); the inverse leaves v sum(w^2) / (length * W), with W the sum
    of the squared windows at a sample, which the last line takes back.
    """
    import librosa

    window = np.hanning(_FFT_LENGTH + 1)[:-1] ** 2
    left = np.sqrt(window.sum() / (_FFT_LENGTH * window[::_HOP_LENGTH].sum()))
    rng = np.random.default_rng([_SEED, track])
    for start in range(0, n_samples, _BLOCK_SECONDS * _RATE):
        n = min(_BLOCK_SECONDS * _RATE, n_samples - start)
        shape = 2, len(amplitude), n // _HOP_LENGTH + 3 * _FFT_LENGTH // _HOP_LENGTH
        drawn = rng.standard_normal(shape, np.float32) + 1j * rng.standard_normal(shape, np.float32)
        spectra = (drawn * (amplitude / np.sqrt(2))[:, None]).astype(np.complex64)
        made = librosa.istft(spectra, n_fft=_FFT_LENGTH, hop_length=_HOP_LENGTH, center=False)
        yield np.clip(made[:, _FFT_LENGTH : _FFT_LENGTH + n].T / left, -1, 1)
