"""MusiCNN (Pons & Serra 2019, trained on MagnaTagATune): 200 features and 50 tags per three seconds of audio.

The weights are those of the wheel `musicnn`, whose own code wants TensorFlow 1 and is never imported. The network:

    [187 frames, 96 mel bands] -> batch norm
      timbral:  7 frames x 38 and x 67 bands, 204 filters each    }  relu, batch norm, maximum over frequency,
      temporal: 128, 64, 32 frames x 1 band, 51 filters each      }  561 channels in all
    -> three convolutions over time (7 frames, 64 filters), the second and third with a residual connection
    -> all four stages side by side (753 channels), maximum and mean over time (1506)
    -> batch norm -> dense 200, relu, batch norm: the features -> dense 50, sigmoid: the tags

Sources: arXiv:1909.06654, arXiv:1711.02520, and the checkpoint for the sizes. Batch norm comes after the activation.
"""

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import tensorflow as tf

from musika_tf.conditioning.recording import spans
from musika_tf.conditioning.words import TAGS
from musika_tf.errors import UserError

SAMPLE_RATE = 16_000
HOP_LENGTH = 256
FFT_LENGTH = 512
N_MELS = 96
PATCH_FRAMES = 187  # three seconds, the length that the network was trained on
PATCH_SAMPLES = (PATCH_FRAMES - 1) * HOP_LENGTH + FFT_LENGTH

_BATCH_PATCHES = 16
_EPSILON = 1e-3  # of every batch norm
# How TensorFlow 1 numbered the layers of the checkpoint, in order of construction: 8 convolutions, 11 norms.
_NUMBERS = ("", *(f"_{n}" for n in range(1, 11)))


@dataclass(frozen=True)
class Embedding:
    """`features` float32 `[patches, 200]` and `tags` float32 `[patches, 50]` in 0..1."""

    features: np.ndarray
    tags: np.ndarray


class MusiCNN:
    """The network, by `MusiCNN.load()`; call it with a waveform."""

    tags = TAGS

    def __init__(self, variables):
        """Args: variables: dict of checkpoint name -> array."""
        self._convolutions = [_layer(variables, f"conv2d{n}") for n in _NUMBERS[:8]]
        self._norms = [_affine(variables, f"batch_normalization{n}") for n in _NUMBERS]
        self._dense = [_layer(variables, name) for name in ("dense", "dense_1")]
        signature = [tf.TensorSpec([None, N_MELS]), tf.TensorSpec([], tf.int32)]
        self._run = tf.function(self.network, input_signature=signature, autograph=False)

    @classmethod
    def load(cls):
        """The network with the weights of the installed wheel; UserError if that is missing or has none."""
        return cls(_read_checkpoint(_package_folder() / "MTT_musicnn"))

    def __call__(self, waveform, sample_rate=44_100, hop_seconds=1.0):
        """Embedding of 1 + (frames - 187) // hop patches; what remains at the end is not heard.

        Args:
          waveform: float32 `[samples, 2]` or `[samples]`; two channels are averaged.
          hop_seconds: from one patch of three seconds to the next, rounded to frames of 16 ms.

        Raises:
          ValueError: less than three seconds, or a value that is not finite.
        """
        return self.listen([_mono_16k(waveform, sample_rate)], hop_seconds)

    def listen(self, chunks, hop_seconds=1.0):
        """The same of a stream of any length: an iterable of consecutive float32 `[samples]` at 16 kHz."""
        hop_frames = max(1, round(hop_seconds * SAMPLE_RATE / HOP_LENGTH))
        batches = [self._run(mel, hop_frames) for mel in _spectrograms(_checked(chunks), hop_frames)]
        return Embedding(*(np.concatenate(outputs) for outputs in zip(*batches, strict=True)))

    def tags_of(self, features):
        """Tags float32 `[n, 50]` by features `[n, 200]`, which are all that they depend on."""
        return tf.sigmoid(self._dot(1, tf.constant(features, tf.float32))).numpy()

    def network(self, mel, hop_frames):
        """Log-mel spectrogram float32 `[frames, 96]` of a patch at least -> features `[b, 200]`, tags `[b, 50]` of the
        patches in it, one every `hop_frames` (int32 scalar)."""
        front = self._front(mel, hop_frames)
        pooled = self._pool(self._middle(front))
        hidden = tf.nn.relu(self._dot(0, self._norm(9, pooled)))
        features = self._norm(10, hidden)
        return features, tf.sigmoid(self._dot(1, features))

    def _front(self, mel, hop_frames):
        """`[frames, 96]` -> `[b, 187, 561]`."""
        image = self._norm(0, mel[..., None])
        starts = tf.range(0, tf.shape(image)[0] - PATCH_FRAMES + 1, hop_frames)
        places = starts[:, None] + tf.range(PATCH_FRAMES)  # [b, 187]: the frames of each patch
        patches = tf.gather(image, places)
        shared = {i: self._shared(i, image, places, patches) for i in (0, 1, 3, 4)}
        shared[2] = self._strongest(2, patches, "SAME")  # so long that overlapping patches have nothing in common
        return tf.concat([shared[i] for i in range(5)], axis=-1)

    def _shared(self, i, image, places, patches):
        """`_strongest` of convolution i, SAME in time, VALID in frequency: `[b, 187, filters]`.

        It is most of the network's work, and overlapping patches share it: only at a patch's ends, where the filter
        meets zeros in place of neighbours, has each its own. Of a filter of 7 frames::

            patch      |0 1 2|3 ...            ... 183|184 185 186|
                       | own |  the spectrogram's     |    own    |

        Args:
          image: `[frames, 96, 1]`, the whole spectrogram.
          places, patches: `[b, 187]`, the frames of each patch, and `[b, 187, 96, 1]`.
        """
        n = self._convolutions[i][0].shape[0]
        before, after = (n - 1) // 2, n // 2
        whole = self._strongest(i, image[None], "VALID")[0]
        first = tf.pad(patches[:, : n - 1], [[0, 0], [before, 0], [0, 0], [0, 0]])
        last = tf.pad(patches[:, 1 - n :], [[0, 0], [0, after], [0, 0], [0, 0]])
        middle = tf.gather(whole, places[:, before:-after] - before)
        return tf.concat([self._strongest(i, first, "VALID"), middle, self._strongest(i, last, "VALID")], axis=1)

    def _middle(self, front):
        """`[b, 187, 561]` -> `[b, 187, 753]`."""
        first = self._convolve_time(5, front)
        second = first + self._convolve_time(6, first)
        third = second + self._convolve_time(7, second)
        return tf.concat([front, first, second, third], axis=-1)

    def _pool(self, x):
        """`[b, 187, 753]` -> `[b, 1506]`: maximum and mean of each channel side by side."""
        pooled = tf.stack([tf.reduce_max(x, axis=1), tf.reduce_mean(x, axis=1)], axis=-1)
        return tf.reshape(pooled, [-1, 2 * x.shape[-1]])

    def _strongest(self, i, image, padding):
        """Convolution i, relu and its batch norm, the maximum over frequency: `[b, t, f, 1]` -> `[b, t, filters]`.

        What follows the convolution rises with it, or falls where the norm's scale is below 0. So only the largest
        response goes through it, or the smallest, which is exact and saves passes over all of them.
        """
        kernel, bias = self._convolutions[i]
        sign = tf.where(self._norms[i + 1][0] < 0, -1.0, 1.0)
        response = sign * tf.reduce_max(tf.nn.conv2d(image, sign * kernel, 1, padding), axis=2)
        return self._norm(i + 1, tf.nn.relu(response + bias))

    def _convolve_time(self, i, x):
        """Convolution i, relu and its batch norm: `[b, t, c]` -> `[b, t, 64]`; `[7, c, 1, 64]` spans all channels."""
        kernel, bias = self._convolutions[i]
        return self._norm(i + 1, tf.nn.relu(tf.nn.conv1d(x, kernel[:, :, 0], 1, "SAME") + bias))

    def _norm(self, i, x):
        scale, shift = self._norms[i]
        return x * scale + shift

    def _dot(self, i, x):
        kernel, bias = self._dense[i]
        return x @ kernel + bias


def _layer(variables, name):
    return tf.constant(variables[f"{name}/kernel"]), tf.constant(variables[f"{name}/bias"])


def _affine(variables, name):
    """A trained batch norm as (scale, shift)."""
    mean, variance, gamma, beta = (
        variables[f"{name}/{part}"] for part in ("moving_mean", "moving_variance", "gamma", "beta")
    )
    scale = gamma / np.sqrt(variance + _EPSILON)
    return tf.constant(scale), tf.constant(beta - mean * scale)


def _package_folder():
    spec = importlib.util.find_spec("musicnn")  # finds a top-level package without running it
    if spec is None or not spec.submodule_search_locations:
        raise UserError("MusiCNN's weights are missing: pip install --no-deps musicnn")
    return Path(spec.submodule_search_locations[0])


def _read_checkpoint(folder):
    """The variables, by name, of a TensorFlow 1 checkpoint whose files are named by nothing but their suffixes."""
    parts = (".index", ".data-00000-of-00001")
    if not all((folder / part).is_file() for part in parts):
        raise UserError(f"{folder} has no weights: pip install --force-reinstall --no-deps musicnn")
    with tempfile.TemporaryDirectory() as temporary:
        prefix = Path(temporary) / "weights"  # the reader wants a prefix that is not empty
        for part in parts:
            Path(f"{prefix}{part}").symlink_to(folder / part)
        reader = tf.train.load_checkpoint(str(prefix))
        names = [name for name in reader.get_variable_to_shape_map() if "Adam" not in name]
        return {name: reader.get_tensor(name) for name in names}


def _mono_16k(waveform, sample_rate):
    """`[samples, channels]` or `[samples]` -> `[samples']` at 16 kHz."""
    waveform = np.asarray(waveform, np.float32)
    mono = waveform.mean(axis=1) if waveform.ndim == 2 else waveform
    return mono if sample_rate == SAMPLE_RATE else soxr.resample(mono, sample_rate, SAMPLE_RATE)


def _checked(chunks):
    """The chunks with half a window mirrored at both ends; ValueError if not finite or shorter than three seconds."""
    edge, kept, n_samples = FFT_LENGTH // 2, np.zeros([0], np.float32), 0
    for chunk in chunks:
        if not np.isfinite(chunk).all():
            raise ValueError("the waveform has values that are not finite")
        kept = np.concatenate([kept, chunk])
        if len(kept) > 2 * edge:
            if not n_samples:
                yield kept[edge:0:-1]
            n_new = len(kept) - edge - 1  # what is kept can be mirrored
            yield kept[:n_new]
            kept, n_samples = kept[n_new:], n_samples + n_new
    n_samples += len(kept)
    if n_samples < PATCH_SAMPLES - FFT_LENGTH:
        raise ValueError(f"MusiCNN needs three seconds of audio, got {n_samples / SAMPLE_RATE:.2f} s")
    yield kept
    yield kept[-2 : -edge - 2 : -1]


def _spectrograms(chunks, hop_frames):
    """Yields log-mel spectrograms `[frames, 96]`, each of some patches, the last of which ends with it or within a
    hop of its end."""
    hop = hop_frames * HOP_LENGTH
    for span in spans(chunks, (_BATCH_PATCHES - 1) * hop + PATCH_SAMPLES, _BATCH_PATCHES * hop):
        if len(span) >= PATCH_SAMPLES:
            yield _log_mel(span)


def _log_mel(mono):
    """`[samples]` at 16 kHz -> float32 `[frames, 96]`.

    Not rounded to float16 as the original does, where it overflows on loud tones.
    """
    import librosa

    mel = librosa.feature.melspectrogram(
        y=mono, sr=SAMPLE_RATE, n_fft=FFT_LENGTH, hop_length=HOP_LENGTH, n_mels=N_MELS, center=False
    )
    return np.log10(10_000 * mel.T + 1).astype(np.float32)
