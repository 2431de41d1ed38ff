"""What encoding will take, against what it really does."""

import numpy as np
import soundfile
import tiny

from musika_tf.collection import scan
from musika_tf.encode import dry_run, latents_file
from musika_tf.model.codec import CHUNK_LATENTS

CONFIG = tiny.AUTOENCODER


def collection(folder):
    return scan.scan(folder / "audio", CONFIG.sample_rate, CONFIG.window_samples)


def test_encoding_counts_what_is_still_to_be_encoded(two_files, clock):
    seconds = 2 * CHUNK_LATENTS / CONFIG.latents_per_second
    lengths = []

    def encode(blocks):
        lengths.append(sum(map(len, blocks)))
        clock[0] += seconds / 10
        return np.zeros([1, 12]), lengths[-1]

    table = collection(two_files)
    assert dry_run.encoding(table, None, encode, CONFIG) == [
        "0 files are encoded already, 2 are to come, 10s",
        "encoding runs at 10.0 times real time on this machine: about 1s",
    ]
    assert set(lengths) == {round(seconds * 44_100)}
    (two_files / "latents").mkdir()
    (two_files / "latents" / "b.wav.npz").touch()  # damaged
    np.savez(two_files / "latents" / "a.wav.npz", **latents_file.audio_of(table.rows[0]))
    told = lambda table: dry_run.encoding(table, two_files / "latents", encode, CONFIG)[0]  # noqa: E731
    assert told(table) == "1 files are encoded already, 1 are to come, 5s"
    soundfile.write(two_files / "audio" / "a.wav", 0.1 * tiny.normal(44_100, 2), 44_100)  # replaced
    assert told(collection(two_files)) == "0 files are encoded already, 2 are to come, 6s"
