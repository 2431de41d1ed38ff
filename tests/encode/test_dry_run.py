"""What encoding will take, against what it really does."""

import numpy as np
import pytest
import soundfile
import tiny

from musika_tf import timing
from musika_tf.collection import scan
from musika_tf.encode import dry_run, latents_file
from musika_tf.model.codec import CHUNK_LATENTS

CONFIG = tiny.AUTOENCODER


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "audio").mkdir()
    for name in ("a", "b"):
        soundfile.write(tmp_path / "audio" / f"{name}.wav", 0.1 * tiny.normal(5 * 44_100, 2), 44_100)
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    """A clock that every call of `tick` moves."""
    now = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    return now


def collection(folder):
    return scan.scan(folder / "audio", CONFIG.sample_rate, CONFIG.window_samples)


def test_encoding_counts_what_is_still_to_be_encoded(folder, clock):
    seconds = 2 * CHUNK_LATENTS / CONFIG.latents_per_second
    lengths = []

    def encode(blocks):
        lengths.append(sum(map(len, blocks)))
        clock[0] += seconds / 10
        return np.zeros([1, 12]), lengths[-1]

    table = collection(folder)
    assert dry_run.encoding(table, None, encode, CONFIG) == [
        "0 files are encoded already, 2 are to come, 10s",
        "encoding runs at 10.0 times real time on this machine: about 1s",
    ]
    assert set(lengths) == {round(seconds * 44_100)}
    (folder / "latents").mkdir()
    (folder / "latents" / "b.wav.npz").touch()  # damaged
    np.savez(folder / "latents" / "a.wav.npz", **latents_file.audio_of(table.rows[0]))
    told = lambda table: dry_run.encoding(table, folder / "latents", encode, CONFIG)[0]  # noqa: E731
    assert told(table) == "1 files are encoded already, 1 are to come, 5s"
    soundfile.write(folder / "audio" / "a.wav", 0.1 * tiny.normal(44_100, 2), 44_100)  # replaced
    assert told(collection(folder)) == "0 files are encoded already, 2 are to come, 6s"
