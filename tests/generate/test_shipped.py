"""What the laws of generation sound like: the models that ship, measured on their waveforms."""

import json
from fractions import Fraction

import librosa
import numpy as np
import pytest
import tiny

from musika_tf.generate import loops, rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.request import Request, piece_of
from musika_tf.generate.styles import StylePlan

RATE = 44_100
HOUR = 3600 * RATE


FOLDERS = [tiny.ROOT / "models" / name for name in ("misc", "piano", "techno")]
AUTOENCODER = tiny.ROOT / "models/music-ae"


@pytest.fixture(scope="module", params=FOLDERS, ids=lambda folder: folder.name)
def model(request):
    return tiny.load(request.param)


def test_the_models_are_whole_and_small():
    assert sorted(path.parent for path in tiny.ROOT.glob("models/*/saved_model.pb")) == sorted([AUTOENCODER, *FOLDERS])
    assert sum(path.stat().st_size for path in (tiny.ROOT / "models").rglob("*")) < 90 * 2**20
    for folder in [AUTOENCODER, *FOLDERS]:
        assert sum(path.stat().st_size for path in folder.rglob("*")) < 27e6
        metadata = json.loads((folder / "metadata.json").read_text())
        assert metadata["name"] == folder.name and metadata["licence"] == "Apache-2.0"
        assert not [flag for flag in metadata["flags"] if "=/" in flag]  # the folders of who trained it


def test_the_autoencoder_keeps_pitches_and_sides():
    """A plucked note on either side, neither of them on a bin's centre, is heard on its side, nearest to its pitch."""
    bundle, _ = tiny.load(AUTOENCODER)
    times = np.arange(3 * RATE) / RATE
    pitches = 220.0, 329.6
    notes = [sum(np.sin(2 * np.pi * pitch * k * times) / k**1.5 for k in range(1, 9)) for pitch in pitches]
    waveform = (np.stack(notes, axis=1) * 0.3 * np.exp(-2 * times)[:, None]).astype(np.float32)
    again = bundle.decode(bundle.encode(waveform), 0, 1.0).numpy()[: len(waveform)]
    for side, pitch in enumerate(pitches):
        spectrum = np.abs(np.fft.rfft(again[RATE // 2 : 2 * RATE + RATE // 2, side] * np.hanning(2 * RATE)))
        assert abs(12 * np.log2(np.argmax(spectrum) / 2 / pitch)) < 0.5  # semitones
        assert abs(decibels(again[:, side]) - decibels(waveform[:, side])) < 6.0
    assert np.corrcoef(again.T)[0, 1] < 0.5  # of what came in 0.02; stacked stereo made 0.9 of anything


def render(model, seed, start, n_samples, **options):
    piece = loops.closed(model[1], Piece(seed, StylePlan.constant(seed), start, n_samples, **options))
    return np.concatenate(list(rendering.waveforms(*model, piece)))


def decibels(waveform):
    return 10 * np.log10(np.mean(waveform**2))


@pytest.mark.long
def test_minute_60_is_as_loud_as_minute_1(model):
    changes = []
    for seed in range(1, 7):
        first, last = (render(model, seed, start, 60 * RATE) for start in (0, HOUR - 60 * RATE))
        assert -30 < decibels(first) < -6
        assert np.abs(first - last).max() > 0.1
        changes.append(decibels(last) - decibels(first))
    assert abs(np.mean(changes)) < 1.5
    assert np.abs(changes).max() < {"techno": 3, "piano": 5, "misc": 6}[model[1]["name"]]  # minutes of piano vary


def test_an_excerpt_of_an_hour_equals_that_of_a_longer_one(model):
    long = render(model, 3, HOUR - 12_345, 20 * RATE)
    short = render(model, 3, HOUR + 5 * RATE, 2 * RATE)
    begin = 12_345 + 5 * RATE
    np.testing.assert_allclose(short, long[begin : begin + 2 * RATE], atol=1e-4)


def make(model, seconds, start):
    """The first 28 seconds of what the flags of generate.py give that say nothing but lengths."""
    seconds, out = (None, "-") if seconds == "inf" else (Fraction(seconds), None)
    asked = Request(shipped="", bundle_dir=None, seed=5, seconds=seconds, start=Fraction(start), out=out)
    blocks, parts, n_samples = rendering.waveforms(*model, piece_of(asked, 5, model[1])), [], 0
    while n_samples < 28 * RATE and (block := next(blocks, None)) is not None:
        parts.append(block)
        n_samples += len(block)
    return np.concatenate(parts)


@pytest.mark.parametrize(("whole", "starts"), [("60", (0, 21)), ("inf", (21,))])
def test_an_excerpt_is_the_same_audio_as_in_the_whole(model, whole, starts):
    """--start 21s --length 7s of --length 60s."""
    all_of_it = make(model, whole, 0)
    for start in starts:
        excerpt = make(model, "7", start)
        assert len(excerpt) == 7 * RATE and np.abs(excerpt).max() > 0.1
        np.testing.assert_allclose(excerpt, all_of_it[start * RATE : (start + 7) * RATE], rtol=0, atol=1e-5)


def seam_ratio(waveform, seams, reach=2000):
    """Mean over seams of the step there, over the mean step nearby."""
    steps = np.abs(np.diff(waveform, axis=0)).mean(axis=1)
    return np.mean([steps[seam - 1] / steps[seam - reach : seam + reach].mean() for seam in seams])


@pytest.mark.long
def test_windows_meet_without_a_click(model):
    metadata = model[1]
    window = metadata["window"] * metadata["samples_per_latent"]
    waveform = render(model, 4, 0, 12 * window)
    seams = np.arange(1, 12) * window
    elsewhere = np.concatenate([seams + shift for shift in range(50_000, 450_000, 25_013)])
    spread = np.std([seam_ratio(waveform, elsewhere[i::16]) for i in range(16)])
    assert seam_ratio(waveform, seams) < seam_ratio(waveform, elsewhere) + 4 * spread


@pytest.mark.parametrize("seconds", [8, 30])
def test_a_loop_has_no_seam(model, seconds):
    ratios, powers = [], []
    for seed in (1, 2, 3):
        loop = render(model, seed, 0, seconds * RATE, loop_samples=seconds * RATE)
        twice = np.concatenate([loop, loop])
        ratios.append(seam_ratio(twice, [len(loop)], reach=100))  # within a beat's attack, which begins there
        powers.append(decibels(loop[-RATE:]) - decibels(loop))
    assert np.mean(ratios) < 1.7  # cut off a little earlier, loops have 2.2 and more
    assert np.abs(powers).max() < 6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_piano_plays_more_notes_where_more_are_asked_for(seed):
    piano = tiny.load(tiny.ROOT / "models/piano")
    settings = {"note_density": "0:0.15,29:0.15,31:0.75"}
    waveform = render(piano, seed, 0, 60 * RATE, settings=settings).mean(axis=1)
    onsets = librosa.onset.onset_detect(y=waveform, sr=RATE, units="time")
    sparse, dense = np.sum(onsets < 28), np.sum(onsets > 32)
    assert dense > 1.5 * sparse > 15
