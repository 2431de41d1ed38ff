"""What tags and Frechet distance do not see in a waveform: its pulse, seams, silence, level.

Waveforms are float32 `[samples, 2]` (or `[samples]` where one channel will do) at 44.1 kHz.
"""

import functools

import numpy as np

from musika_tf.audio import resampling, spectrogram
from musika_tf.audio.files import SAMPLE_RATE as _SAMPLE_RATE

_ENVELOPE_HOP = 256
_SMOOTHING_FRAMES = 5  # 29 ms: a beat is rarely a whole number of frames
_BEAT_TOLERANCE = 1  # frames on each side of the beat's lag
_TEMPO_RANGE = (60.0, 200.0)  # beats per minute
_SILENT_POWER = 1e-12
_FRAMES_AT_ONCE = 4096  # of spectra: bounds the memory
_SHORT_TERM_SECONDS = 3  # as in EBU Tech 3341, without its weighting of frequencies
_GATE_DB = -70.0  # of full scale: what is quieter is silence, as in EBU Tech 3342
_FEWEST_LEVELS, _MOST_LEVELS = 10, 1000


def pulse_strength(waveform, bpm=None):
    """Autocorrelation of the onset envelope at the beat; rendered techno has 0.77 to 0.92.

    The envelope is librosa's onset strength of the mono mix, 172 frames/s, smoothed by a Hann window of 5 frames
    (29 ms), less its mean. Its autocorrelation (means of products, relative to lag 0) is read at the highest value
    within a frame (6 ms) of the beat's lag, or, without a tempo, from 200 down to 60 BPM.

    Returns:
      Above 0.95 for a click train, about 0 for white noise (0.05 in a minute without a tempo), 0 for silence.

    Raises:
      ValueError: less than four beats (four seconds, without a tempo).
    """
    envelope = _onset_envelope(waveform)
    frames_per_minute = 60 * _SAMPLE_RATE / _ENVELOPE_HOP
    slowest, fastest = (bpm, bpm) if bpm else _TEMPO_RANGE
    tolerance = _BEAT_TOLERANCE if bpm else 0
    low = int(np.floor(frames_per_minute / fastest)) - tolerance
    high = int(np.ceil(frames_per_minute / slowest)) + tolerance
    if len(envelope) < 4 * frames_per_minute / slowest:
        raise ValueError(f"pulse_strength needs four beats at {slowest:g} BPM")
    power = np.mean(envelope**2)
    if power < _SILENT_POWER:
        return 0.0
    return float(max(np.mean(envelope[lag:] * envelope[:-lag]) for lag in range(low, high + 1)) / power)


def _onset_envelope(waveform):
    """Smoothed onset strength of mean 0, `[frames]`."""
    import librosa

    mono = np.asarray(waveform, np.float32)
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    strength = librosa.onset.onset_strength(y=mono, sr=_SAMPLE_RATE, hop_length=_ENVELOPE_HOP)
    kernel = np.hanning(_SMOOTHING_FRAMES + 2)[1:-1]
    smooth = np.convolve(strength, kernel / kernel.sum(), mode="valid")
    return smooth - smooth.mean()


def seam_ratio(waveform, decoder):
    """Mean spectral flux where a decoder's windows meet over the mean flux elsewhere; 1 where no seam is seen.

    Flux from frame t - 1 to t is the mean over bins and channels of |S[t] - S[t-1]|, S the normalised log magnitude,
    frames as the decoder sees them, at its rate and hop. A seam lies before every frame `window_frames` k (k > 0). A
    beat of a whole number of windows (161.5 BPM for 64 frames) looks like one, so compare with real music.

    Args:
      waveform: float32 `[samples, 2]` at 44.1 kHz.
      decoder: AutoencoderConfig.

    Returns:
      None where there is no seam within the audio, or no flux elsewhere.
    """
    flux = _flux(resampling.resample(waveform, _SAMPLE_RATE, decoder.sample_rate), decoder)
    is_seam = np.arange(1, len(flux) + 1) % decoder.window_frames == 0
    elsewhere = flux[~is_seam].mean() if is_seam.any() else 0.0
    return float(flux[is_seam].mean() / elsewhere) if elsewhere else None


def _flux(waveform, config):
    """Spectral flux into each frame but the first, float64 `[frames - 1]`, in constant memory."""
    extended, parts = np.asarray(spectrogram.extend(np.transpose(waveform), config)), [np.zeros(0)]
    size = _FRAMES_AT_ONCE * config.hop_length
    for start in range(0, extended.shape[1] - config.fft_length, size):
        block = extended[:, start : start + size + config.fft_length]
        magnitude = spectrogram.log_magnitude(block, config).numpy()
        parts.append(np.abs(np.diff(magnitude, axis=1)).mean(axis=(0, 2), dtype=np.float64))
    return np.concatenate(parts)


def longest_silence_seconds(waveform, threshold_db=-60.0):
    """Length of the longest run of samples in which every channel stays below `threshold_db` of full scale."""
    by_channel = (np.abs(waveform) >= 10 ** (threshold_db / 20)).reshape(len(waveform), -1).T
    loud = functools.reduce(np.logical_or, by_channel)  # many times as fast as a maximum along the short axis
    edges = np.concatenate([[-1], np.flatnonzero(loud), [len(loud)]])
    return float((np.diff(edges).max() - 1) / _SAMPLE_RATE)


def peak(waveform):
    """Largest absolute sample; above 1 it clips."""
    return float(np.abs(waveform).max(initial=0.0))


def loudness(waveform):
    """RMS over all samples and channels in dB of full scale (a full-scale square wave is 0), at least -120."""
    power = np.mean(np.square(waveform, dtype=np.float64)) if np.size(waveform) else 0.0
    return float(10 * np.log10(max(power, _SILENT_POWER)))


def short_term_loudness(waveform):
    """`loudness` of 3 s, every second: float64 `[whole seconds - 2]`, none below 3 s."""
    n_seconds = len(waveform) // _SAMPLE_RATE
    if n_seconds < _SHORT_TERM_SECONDS:
        return np.zeros(0)
    seconds = np.asarray(waveform)[: n_seconds * _SAMPLE_RATE].reshape(n_seconds, -1)
    power = np.array([np.mean(np.square(second, dtype=np.float64)) for second in seconds])
    mean = np.convolve(power, np.full(_SHORT_TERM_SECONDS, 1 / _SHORT_TERM_SECONDS), mode="valid")
    return 10 * np.log10(np.maximum(mean, _SILENT_POWER))


def loudness_drift(waveform):
    """How the short-term loudness moves over a piece, apart from where it is silent (below -70 dB).

    Returns:
      Slope in dB per minute, positive where the piece gets louder (Theil-Sen: the median of the slopes between all
      pairs of up to 1,000 seconds, spread evenly; it stands outliers of up to 29 %), and range in dB, 95th less 5th
      percentile. Both None with fewer than ten seconds of sound.
    """
    levels = short_term_loudness(waveform)
    (times,) = np.nonzero(levels > _GATE_DB)
    if len(times) < _FEWEST_LEVELS:
        return None, None
    low, high = np.percentile(levels[times], [5, 95])
    times = times[:: -(-len(times) // _MOST_LEVELS)]
    first, second = (times[i] for i in np.triu_indices(len(times), k=1))
    slopes = (levels[second] - levels[first]) / (second - first)
    return float(60 * np.median(slopes)), float(high - low)
