"""VGGish (Hershey et al. 2017, arXiv:1609.09430): 128 features per 0.96 s of audio, those of most published distances.

Its weights are not shipped: give `vggish_model.ckpt` of tensorflow/models, research/audioset/vggish, or the SavedModel
that TensorFlow Hub publishes as google/vggish/1. The network:

    16 kHz mono -> 25 ms Hann window, 10 ms hop, FFT of 512 -> magnitude -> 64 mel bands (HTK), 125-7500 Hz
      -> log(x + 0.01) -> patches [96 frames, 64 bands]
    conv 64, pool; conv 128, pool; conv 256 twice, pool; conv 512 twice, pool      3 x 3, relu; maximum of 2 x 2
      -> dense 4096 twice, relu -> dense 128: the features

The published code once had a relu behind the features, too, and distances made with it differ: `relu=True` is that.
Sources: vggish_slim.py, vggish_params.py and mel_features.py there, for sizes, names and order.
"""

import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf.conditioning.recording import spans
from musika_tf.errors import UserError
from musika_tf.native import plain_folder

SAMPLE_RATE = 16_000
PATCH_FRAMES = 96
N_MELS = 64
WINDOW_LENGTH, HOP_LENGTH, FFT_LENGTH = 400, 160, 512
PATCH_SAMPLES = (PATCH_FRAMES - 1) * HOP_LENGTH + WINDOW_LENGTH  # 15,600: 0.975 s
SIZE = 128

# Filters of each convolution and units of each dense layer, by their names in the checkpoint.
CONVOLUTIONS = {"conv1": 64, "conv2": 128, "conv3/conv3_1": 256, "conv3/conv3_2": 256, "conv4/conv4_1": 512,
                "conv4/conv4_2": 512}  # fmt: skip
DENSE = {"fc1/fc1_1": 4096, "fc1/fc1_2": 4096, "fc2": SIZE}
_POOLED = ("conv1", "conv2", "conv3/conv3_2", "conv4/conv4_2")  # a pool follows
_BATCH_PATCHES = 16
_WANTED = "give vggish_model.ckpt, or the folder of TensorFlow Hub's SavedModel google/vggish/1"


class VGGish:
    """The network, by `VGGish.load(path)`; call it with a waveform, or use it as an `embeddings.Network`.

    Attributes:
      name: says which weights it has, and whether a relu follows.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, run, weights_id, relu=False):
        """Args: run: patches float32 `[b, 15600]` -> `[b, 128]`; weights_id: their checksum, text."""
        self._run, self._relu = run, relu
        self.name = f"vggish-{weights_id}{'-relu' if relu else ''}"

    @classmethod
    def load(cls, path, relu=False):
        """The network by a checkpoint or a SavedModel's folder; UserError where it is neither, or not VGGish's."""
        path = Path(path)
        if (path / "saved_model.pb").is_file():
            return cls(_saved_model(path), _checksum_of_files(path), relu)
        variables = _read_checkpoint(path)
        return cls(from_variables(variables), _checksum(variables[name] for name in sorted(variables)), relu)

    def __call__(self, waveform, hop_seconds=1.0):
        """Features float32 `[patches, 128]` of mono float `[samples]` at 16 kHz; see `listen`."""
        return self.listen([np.asarray(waveform, np.float32)], hop_seconds)

    def listen(self, chunks, hop_seconds=1.0):
        """Features of a stream of any length, a patch of 0.975 s every hop; what remains at the end is not heard.

        Args:
          chunks: iterable of consecutive float32 `[samples]`, mono at 16 kHz, in -1..1.

        Returns:
          float32 `[patches, 128]`.

        Raises:
          ValueError: less than 0.975 s, or a value that is not finite.
        """
        hop = max(1, round(hop_seconds * SAMPLE_RATE))
        features, left = [], 0
        size = max((_BATCH_PATCHES - 1) * hop + PATCH_SAMPLES, _BATCH_PATCHES * hop)
        for span in spans(_checked(chunks), size, _BATCH_PATCHES * hop):
            left = len(span)
            if left >= PATCH_SAMPLES:
                windows = np.lib.stride_tricks.sliding_window_view(span, PATCH_SAMPLES)[::hop]
                features.append(np.asarray(self._run(np.ascontiguousarray(windows[:_BATCH_PATCHES]))))
        if not features:
            seconds = PATCH_SAMPLES / SAMPLE_RATE
            raise ValueError(f"VGGish needs {seconds} s of audio, got {left / SAMPLE_RATE:.3f} s")
        features = np.concatenate(features)
        return np.maximum(features, 0) if self._relu else features


def log_mel(patches):
    """Waveforms float32 `[b, 15600]` at 16 kHz -> log-mel patches `[b, 96, 64]`."""
    spectra = tf.abs(tf.signal.stft(patches, WINDOW_LENGTH, HOP_LENGTH, FFT_LENGTH))
    bands = tf.signal.linear_to_mel_weight_matrix(N_MELS, FFT_LENGTH // 2 + 1, SAMPLE_RATE, 125.0, 7500.0)
    return tf.math.log(tf.matmul(spectra, bands) + 0.01)


def from_variables(variables):
    """Function patches float32 `[b, 15600]` -> features `[b, size]`; variables: dict of checkpoint name -> array."""
    convolutions = {name: _layer(variables, name) for name in CONVOLUTIONS}
    dense = [_layer(variables, name) for name in DENSE]

    def network(patches):
        x = log_mel(patches)[..., None]  # [b, 96, 64, 1]
        for name, (kernel, bias) in convolutions.items():
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME") + bias)
            x = tf.nn.max_pool2d(x, 2, 2, "SAME") if name in _POOLED else x
        x = tf.reshape(x, [-1, np.prod(x.shape[1:])])  # [b, 6, 4, 512] -> [b, 12288]
        for i, (kernel, bias) in enumerate(dense):
            x = tf.matmul(x, kernel) + bias
            x = tf.nn.relu(x) if i < len(dense) - 1 else x
        return x

    return tf.function(network, input_signature=[tf.TensorSpec([None, PATCH_SAMPLES])])


def _layer(variables, name):
    return tf.constant(variables[f"vggish/{name}/weights"]), tf.constant(variables[f"vggish/{name}/biases"])


def shapes():
    """Shape of each variable of the checkpoint, by name."""
    found, channels = {}, 1
    for name, filters in CONVOLUTIONS.items():
        found[f"vggish/{name}/weights"] = (3, 3, channels, filters)
        found[f"vggish/{name}/biases"] = (filters,)
        channels = filters
    channels *= (PATCH_FRAMES // 2 ** len(_POOLED)) * (N_MELS // 2 ** len(_POOLED))
    for name, units in DENSE.items():
        found[f"vggish/{name}/weights"] = (channels, units)
        found[f"vggish/{name}/biases"] = (units,)
        channels = units
    return found


def _read_checkpoint(path):
    """The variables of a checkpoint, by name; UserError where it is none, or another network's."""
    if not path.exists() and not Path(f"{path}.index").exists():
        raise UserError(f"{path}: no such file or folder; {_WANTED}")
    if path.is_dir():
        raise UserError(f"{path}: no saved_model.pb in this folder; {_WANTED}")
    try:
        reader = tf.train.load_checkpoint(str(Path(plain_folder(path.parent)) / path.name))
        there = {name: tuple(shape) for name, shape in reader.get_variable_to_shape_map().items()}
        for name, shape in shapes().items():
            if there.get(name) != shape:
                found = "missing" if name not in there else f"of shape {there[name]}, not {shape}"
                raise UserError(f"{path}: not VGGish's checkpoint, {name} is {found}; {_WANTED}")
        return {name: reader.get_tensor(name) for name in shapes()}
    except (tf.errors.OpError, RuntimeError) as error:
        raise UserError(f"{path}: can't be read as a checkpoint; {_WANTED}") from error


def _saved_model(folder):
    """Function patches `[b, 15600]` -> `[b, 128]` of a SavedModel, which hears one waveform `[samples]` at a time."""
    try:
        model = tf.saved_model.load(plain_folder(folder))
        features = np.asarray(model(np.zeros([PATCH_SAMPLES], np.float32)))
    except (OSError, TypeError, ValueError, AttributeError, tf.errors.OpError) as error:
        raise UserError(f"{folder}: can't be used as VGGish ({type(error).__name__}); {_WANTED}") from error
    if features.shape != (1, SIZE):
        raise UserError(f"{folder}: not VGGish, gives shape {features.shape} for a patch, not (1, {SIZE}); {_WANTED}")
    return lambda patches: np.concatenate([np.asarray(model(patch)) for patch in patches])


def _checked(chunks):
    for chunk in chunks:
        if not np.isfinite(chunk).all():
            raise ValueError("the waveform has values that are not finite")
        yield chunk


def _checksum(arrays):
    """Twelve digits of the SHA-256 of what has bytes."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:12]


def _checksum_of_files(folder):
    """The same of all files of a SavedModel."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return _checksum(np.fromfile(path, np.uint8) for path in paths if path.stat().st_size)
