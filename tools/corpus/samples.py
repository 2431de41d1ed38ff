"""Short recorded sounds from a folder, ready to be placed on a grid."""

import functools
import pathlib

import numpy as np
import soundfile
import soxr

from corpus import mixing
from musika_tf.errors import UserError

EXTENSIONS = (".flac", ".wav", ".aif", ".aiff")
ONSET_SHARE_OF_PEAK = 0.05
FADE_SECONDS = 0.003


class SampleLibrary:
    """Sounds of one folder by name, decoded once.

    Args:
        folder: directory that holds NAME.flac (or .wav, .aif, .aiff).
        names: every sound that will be asked for.

    Raises:
        UserError: the folder does not exist or lacks one of the names.
    """

    def __init__(self, folder, names):
        self._paths = _find(pathlib.Path(folder), names)
        # A cache per library, not per class: two folders may hold the same names.
        self.sound = functools.cache(self._sound)

    def _sound(self, name, semitones=0.0):
        """A sound, its attack at sample 0, peak 1.

        Pitch moves by resampling, so a sound raised by an octave lasts half as long.

        Args:
            name: file name without extension.
            semitones: transposition; fractions are allowed.

        Returns:
            float32 [samples, 2] at 44.1 kHz. It is shared between calls: do not write to it.

        Raises:
            UserError: the file holds no sound.
        """
        try:
            waveform, rate = soundfile.read(self._paths[name], dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise UserError(f"--samples_dir: {error}; put a sound in its place") from error
        played_rate = rate * 2.0 ** (semitones / 12)
        if played_rate != mixing.SAMPLE_RATE:
            waveform = soxr.resample(waveform, played_rate, mixing.SAMPLE_RATE)
        waveform = _trim(mixing.to_stereo(waveform))
        waveform.setflags(write=False)
        return waveform


def _find(folder, names):
    """Name -> path, or UserError with up to three of the missing names."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder")
    by_stem = {path.stem: path for path in sorted(folder.iterdir()) if path.suffix in EXTENSIONS}
    missing = sorted(set(names) - set(by_stem))
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise UserError(f"{folder} lacks {', '.join(missing[:3])}{more}")
    return {name: by_stem[name] for name in names}


def _trim(waveform):
    """Removes DC and what comes before the attack, fades the cut end, sets the peak to 1."""
    waveform = waveform - waveform.mean(axis=0)
    level = np.abs(waveform).max(axis=1)
    onset = int(np.argmax(level > ONSET_SHARE_OF_PEAK * level.max()))
    waveform = waveform[onset:].copy()
    mixing.fade_out(waveform, FADE_SECONDS)
    return waveform / max(float(np.abs(waveform).max()), 1e-6)
