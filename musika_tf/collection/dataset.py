"""Random crops of a collection, as a tf.data.Dataset that can be entered at any batch.

soundfile (`files.read`) reads every file. tensorflow-io, where it is installed, needs no Python, for which the training
step waits, too: it reads 16-bit, 24-bit and float WAV at the wanted rate, and gives the same samples, bit for bit. The
rest is left to soundfile: of FLAC tensorflow-io takes ten times as long for a crop; its MP3 and OGG decoders round
differently (by up to 2e-6), and it keeps 529 samples of decoder delay at the start of an MP3 without length tag; 32-bit
integer WAV it returns as NaN; 64-bit float and Opus it doesn't read; and only soxr resamples as `files.read` does.
"""

import atexit
import concurrent.futures
import functools
import math
import os
import threading
import time
import typing
from pathlib import Path

import numpy as np
import tensorflow as tf

from musika_tf.audio import files

_SAMPLE_TYPES = {"PCM_16": tf.int16, "PCM_24": tf.int32, "FLOAT": tf.float32}
_FULL_SCALE = {tf.int16: 2.0**15, tf.int32: 2.0**31, tf.float32: 1.0}


@functools.cache
def tensorflow_io_available():
    """Whether tensorflow-io is installed and its operations load into this TensorFlow."""
    try:
        import tensorflow_io
    except ImportError:
        return False
    try:
        # A build for another TensorFlow can be imported, and fails at the first operation.
        with tf.init_scope(), tf.device("CPU"):
            tensorflow_io.audio.encode_wav(tf.zeros([1, 1], tf.int16), files.SAMPLE_RATE)
    except (NotImplementedError, AttributeError, tf.errors.OpError):
        return False
    return True


class Collection(typing.NamedTuple):
    """Audio files, in an order that stays the same from run to run, and the rate in Hz at which they are read."""

    paths: typing.Sequence[Path]
    sample_rate: int


def crops(collection, crop_samples, batch_size, seed, first_batch=0, part=(0, 1)):
    """Endless batches of random crops in stereo, at the collection's rate.

    The i-th crop is a pure function of (collection, seed, i): a file drawn in proportion to its length, a uniform
    offset. A training that has seen k batches goes on with `first_batch=k`. Files shorter than a crop are padded with
    zeros at the end; empty files are never drawn.

    Args:
      collection: Collection.
      first_batch: number of batches to leave out; costs nothing.
      part: (i, n): the i-th of n equal parts of each batch only, for one of n workers; no other crop is read.

    Returns:
      tf.data.Dataset of float32 `[batch / n, crop_samples, 2]`.

    Raises:
      files.AudioFileError: a file can't be read, or none has a sample.
    """
    infos, lengths = _probed(collection)
    names = tf.constant([os.fsencode(path) for path in collection.paths])
    sample_types = [_sample_type(info, collection.sample_rate) for info in infos]
    share = batch_size // part[1]

    def choose(i):
        index = i // share * batch_size + part[0] * share + i % share
        return *_choose(lengths, crop_samples, seed, index), tf.zeros([0, 2])

    dataset = tf.data.Dataset.range(first_batch * share, np.iinfo(np.int64).max).map(choose)
    if any(sample_types):
        # tensorflow-io keeps the open file under the operation's name: two calls at a time read from each other's
        # file (its issues 1647 and 1764). The option stops tf.data from making the map parallel on its own.
        options = tf.data.Options()
        options.experimental_optimization.map_parallelization = False
        by_tensorflow_io = functools.partial(_by_tensorflow_io, names, sample_types, crop_samples)
        dataset = dataset.map(by_tensorflow_io, num_parallel_calls=None).with_options(options)
    by_soundfile = functools.partial(_by_soundfile, names, collection.sample_rate, crop_samples)
    dataset = dataset.map(by_soundfile, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return dataset.batch(share, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def _probed(collection):
    """files.AudioInfo of each file, and their lengths in samples at the collection's rate, int64 `[n]`."""
    paths, sample_rate = collection
    with concurrent.futures.ThreadPoolExecutor() as pool:
        infos = list(pool.map(files.probe, paths))
    lengths = np.array([files.n_samples_at(info, sample_rate) for info in infos], np.int64)
    if not lengths.sum():
        named = ", ".join(str(path) for path in paths[:3]) or "no files"
        raise files.AudioFileError(f"{named}: not one sample of audio; give files that have some")
    return infos, lengths


def _sample_type(info, sample_rate):
    """The dtype in which tensorflow-io hands out the samples of a file, or None where soundfile is to read it."""
    container, encoding = info.encoding.split(" ", 1)
    is_plain = info.as_stored and info.sample_rate == sample_rate and info.n_channels in (1, 2)
    if is_plain and container in ("WAV", "WAVEX") and tensorflow_io_available():
        return _SAMPLE_TYPES.get(encoding)
    return None


def _choose(lengths, crop_samples, seed, index):
    """The index-th draw: file and first sample, int64 scalars."""
    ends = np.cumsum(lengths)
    last_starts = np.maximum(lengths - crop_samples, 0)

    def draw(purpose, n):
        key = tf.stack([tf.constant(seed, tf.int64), index * 3 + purpose])
        # The algorithm is named because the default one depends on the device, and crops must not.
        return tf.random.stateless_uniform([], key, 0, n, tf.int64, alg="philox")

    file = tf.searchsorted(ends, draw(0, ends[-1])[None], side="right", out_type=tf.int64)[0]
    return file, draw(1, tf.constant(last_starts)[file] + 1)


def _by_tensorflow_io(names, sample_types, crop_samples, file, start, waveform):
    """A draw with its crop `[crop_samples, 2]`, where tensorflow-io reads the file; else as it was, `[0, 2]`."""
    known = sorted(set(sample_types) - {None}, key=lambda dtype: dtype.name)
    branch = tf.constant([known.index(dtype) if dtype else len(known) for dtype in sample_types])[file]
    read = functools.partial(_read_with_tensorflow_io, names[file], start, crop_samples)
    branches = [functools.partial(read, dtype) for dtype in known] + [lambda: waveform]
    return file, start, tf.switch_case(branch, branches)


def _by_soundfile(names, sample_rate, crop_samples, file, start, waveform):
    """The crop `[crop_samples, 2]` of a draw, unless tensorflow-io has read it."""

    def read(path, start):
        with _python_calls:
            if _python_calls.are_over:
                return np.zeros([crop_samples, 2], np.float32)
            waveform = files.read(os.fsdecode(path), int(start), crop_samples, sample_rate)
        return np.pad(waveform, [(0, crop_samples - len(waveform)), (0, 0)])

    def crop():
        return tf.numpy_function(read, [names[file], start], tf.float32, stateful=False)

    return tf.ensure_shape(tf.cond(tf.size(waveform) > 0, lambda: waveform, crop), [crop_samples, 2])


def _read_with_tensorflow_io(path, start, n_samples, dtype):
    """float32 `[n_samples, 2]` of a mono or stereo file at its own rate; `[0, 2]` where not all of it is finite.

    Only to be called one by one.
    """
    import tensorflow_io

    audio = tensorflow_io.audio.AudioIOTensor(path, dtype=dtype)
    waveform = tf.cast(audio[start : start + n_samples], tf.float32) / _FULL_SCALE[dtype]
    waveform = tf.broadcast_to(waveform, [tf.shape(waveform)[0], 2])
    waveform = tf.pad(waveform, [[0, n_samples - tf.shape(waveform)[0]], [0, 0]])
    if dtype != tf.float32:
        return waveform
    is_finite = tf.reduce_all(tf.math.is_finite(waveform))
    return tf.cond(is_finite, lambda: waveform, lambda: tf.zeros([0, 2]))  # soundfile's turn, which says what is wrong


class _PythonCalls:
    """Counts the calls that tf.data's threads make into Python, so that the interpreter can exit.

    The threads read ahead for as long as their buffers have room. One that still wants to enter Python while the
    interpreter shuts down is ended by it, and TensorFlow aborts, or waits for that thread forever. So at exit the
    buffers are filled with silence, which nobody will hear, until all threads rest.
    """

    def __init__(self):
        self.are_over = False
        self._lock = threading.Lock()
        self._running = 0
        self._last_end = -math.inf  # on time.monotonic's clock
        atexit.register(self._finish)

    def __enter__(self):
        with self._lock:
            self._running += 1

    def __exit__(self, *error):
        with self._lock:
            self._running -= 1
            self._last_end = time.monotonic()

    def _finish(self):
        self.are_over = True
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline and (self._running or time.monotonic() - self._last_end < 0.25):
            time.sleep(0.01)


_python_calls = _PythonCalls()
