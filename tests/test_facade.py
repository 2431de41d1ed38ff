"""The library's front: the same music as generate.py makes, from arrays to arrays."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import tiny
import warm
from comments import read_comment

import musika_tf
from musika_tf import arguments, processor, shipped
from musika_tf.audio import resampling
from musika_tf.audio.writer import to_int16
from musika_tf.generate.request import piece_of

RATE = 44_100
PER_LATENT = tiny.AUTOENCODER.samples_per_latent


@pytest.fixture(scope="module")
def model(steerable):
    return musika_tf.load(steerable)


@pytest.fixture(scope="module")
def simple(folder):
    """One that follows tempo and beat alone."""
    return musika_tf.load(folder)


def test_importing_the_package_takes_milliseconds():
    code = (
        "import sys, time; begin = time.perf_counter(); import musika_tf\n"
        "print(time.perf_counter() - begin, sorted({'tensorflow', 'numpy', 'absl'} & set(sys.modules)))\n"
        "assert {'load', 'Model', 'UserError'} <= set(dir(musika_tf))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tiny.ROOT, check=True)
    seconds, _, imported = done.stdout.strip().partition(" ")
    assert float(seconds) < 0.1 and imported == "[]"
    with pytest.raises(AttributeError, match="no attribute 'lood'"):
        musika_tf.lood  # noqa: B018


def test_no_path_loads_the_model_that_ships():
    model = musika_tf.load()
    assert f"models/{model.name}" == shipped.DEFAULT_MODEL and model.sample_rate == RATE
    music = model.generate(seed=7, seconds=2, bpm=128)
    assert music.shape == (2 * RATE, 2) and music.dtype == np.float32 and 0.05 < np.abs(music).max() < 1


def test_a_shipped_model_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert musika_tf.load("models/techno").path == shipped.find("models/techno")


def test_generate_gives_the_samples_of_the_program(steerable, model, tmp_path):
    (tmp_path / "curve.csv").write_text("0,0.1\n2,0.75\n")
    asked = (
        "--length=3s",
        "--start=1s",
        "--seed=5",
        "--style_seed=6",
        "--bpm=132",
        f"--note_density={tmp_path}/curve.csv",
    )
    warm.run("generate.py", f"--bundle_dir={steerable}", *asked, "--out=song.wav", cwd=tmp_path, check=True)
    written, rate = soundfile.read(tmp_path / "song.wav", dtype="int16")
    music = model.generate(5, 3, start=1, style_seed=6, bpm=132, note_density=[(0, 0.1), (2, 0.75)])
    assert rate == model.sample_rate and len(music) == 3 * RATE
    np.testing.assert_array_equal(to_int16(music), written)


# fmt: off
SAME = [
    ({}, "--length=inf --out=-"),
    ({"seconds": 10}, "--length=10"),
    ({"seconds": 0.1}, "--length=0.1"),
    ({"seconds": "1m30s", "start": "1:02:03"}, "--length=1m30s --start=1:02:03"),
    ({"seconds": np.float32(2), "start": np.int64(3)}, "--length=2 --start=3"),
    ({"seconds": 30, "loop": True, "style_seed": 9}, "--length=30 --loop --style_seed=9"),
    ({"bars": 8, "bpm": 128}, "--bars=8 --bpm=128"),
    ({"bars": 8, "truncation": 0.5}, "--bars=8 --truncation=0.5"),
    ({"seconds": 9, "position": "plan:2s,3s"}, "--length=9 --position=plan:2s,3s"),
    ({"seconds": 9, "position": 0.25}, "--length=9 --position=0.25"),
    (
        {"seconds": 9, "note_density": [("0", 0.1), ("1m", np.float64(0.8))], "tags": {"techno": 0.5}},
        "--length=9 --note_density=0:0.1,60:0.8 --tags=techno=0.5",
    ),
    ({"seconds": 9, "tags": {"techno": [(0, 0.2), (3.5, 0.6)]}}, "--length=9 --tags=techno=0:0.2,3.5s:0.6"),
    ({"seconds": 9, "tags": "techno=0.5", "bpm": None}, "--length=9 --tags=techno=0.5"),
]
# fmt: on

# A program of its own, because each program's flags are defined once in a process.
_PIECES = """
import sys
from absl import flags
from absl.testing import flagsaver
from musika_tf.generate.request import piece_of
from musika_tf.model.metadata import read_metadata
from musika_tf.programs import generate
metadata = read_metadata(sys.argv[1])
for line in sys.argv[2:]:
    with flagsaver.flagsaver():
        flags.FLAGS(["generate.py", "--seed=3", *line.split()], known_only=True)
        print(repr(piece_of(generate.request(), 3, metadata)))
"""


@pytest.fixture(scope="module")
def pieces_of_flags(model):
    """What generate.py makes of each line of flags: line -> Piece as text."""
    lines = [line for _, line in SAME]
    printed = warm.run("-c", _PIECES, model.path, *lines, check=True).stdout
    return dict(zip(lines, printed.splitlines(), strict=True))


@pytest.mark.parametrize(("keywords", "line"), SAME)
def test_keyword_arguments_mean_what_the_flags_do(keywords, line, model, pieces_of_flags):
    keywords = dict(keywords)
    request = arguments.request(model.path, 3, keywords.pop("seconds", None), **keywords)
    assert repr(piece_of(request, 3, model.metadata)) == pieces_of_flags[line]


def test_a_stream_is_the_piece_in_blocks(simple):
    blocks = list(simple.stream(seed=4, seconds=3, start=2))
    whole = simple.generate(seed=4, seconds=3, start=2)
    assert len(blocks) > 1
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    endless = np.concatenate(list(itertools.islice(simple.stream(seed=4), 3)))
    np.testing.assert_allclose(endless[2 * RATE : 5 * RATE], whole[: len(endless) - 2 * RATE], atol=1e-4)


def test_signals_have_units_and_ranges_that_hold(model, simple):
    assert list(model.signals) == ["bpm", "note_density", "position", "tag:techno"]
    assert model.signals["bpm"] == ("BPM", 110, 150) and list(simple.signals) == ["bpm"]
    assert "bpm, note_density" in repr(model)
    for value in (model.signals["bpm"].lowest, model.signals["bpm"].highest):
        assert len(model.generate(seconds=0.1, bpm=value)) == 4410
    low, high = model.signals["tag:techno"][1:]
    assert (low, high) == pytest.approx((0.1, 0.6))
    assert len(model.generate(seconds=0.1, tags={"techno": [(0, low), (1, high)]})) == 4410


def test_encode_and_decode_are_those_of_the_bundle(model):
    waveform = np.clip(tiny.normal(5000, 2) / 5, -1, 1)
    latents = model.encode(waveform, RATE)
    assert latents.shape == (-(-5000 // PER_LATENT), 12) and latents.dtype == np.float32
    np.testing.assert_array_equal(latents, model.loaded.encode(waveform).numpy())
    again = model.decode(latents, seed=3, noise=0.5)
    assert again.shape == (len(latents) * PER_LATENT, 2) and again.dtype == np.float32
    np.testing.assert_array_equal(again, model.loaded.decode(latents, np.int64(3), np.float32(0.5)).numpy())


def test_encode_takes_other_rates_and_channels(model):
    mono = np.clip(tiny.normal(6000) / 5, -1, 1)
    stereo = np.stack([mono, mono], axis=1)
    resampled = resampling.resample(stereo, 48_000, RATE)
    expected = model.loaded.encode(resampled).numpy()
    for given in (mono, mono[:, None], stereo.astype(np.float64)):
        np.testing.assert_array_equal(model.encode(given, 48_000), expected)


def test_save_writes_the_bundle(model, tmp_path):
    model.save(tmp_path / "new" / "copy")
    copy = musika_tf.load(tmp_path / "new" / "copy")
    assert copy.metadata == model.metadata and len(list((tmp_path / "new").iterdir())) == 1
    np.testing.assert_array_equal(copy.generate(seed=2, seconds=0.5), model.generate(seed=2, seconds=0.5))
    with pytest.raises(musika_tf.UserError, match="copy: exists; name a new folder"):
        model.save(tmp_path / "new" / "copy")
    (tmp_path / "file").write_text("")
    with pytest.raises(musika_tf.UserError, match="can't be written"):
        model.save(tmp_path / "file" / "copy")


NOISE = np.zeros([10, 2], np.float32)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: musika_tf.load("tests"), "path=tests: no bundle"),
        (lambda m: m.generate(bpm=60), "bpm=60.0: 60 is outside of the range"),
        (lambda m: m.generate(bpm=[(0, 120), (3, 130)]), "bpm=0:120.0,3:130.0: give one number"),
        (lambda m: m.stream(note_density=[(3, 0.1), (1, 0.2)]), "note_density=3:0.1,1:0.2: times must ascend"),
        (lambda m: m.generate(note_density=float("nan")), "note_density=nan: 'nan' is no number"),
        (lambda m: m.generate(note_density=[0.1, 0.2]), r"note_density=\[0.1, 0.2\]: give a number, \(time, value\)"),
        (lambda m: m.generate(tags={"harp": 0.5}), "tags=harp=0.5: the model steerable was not trained for that; it "
         "follows bpm, note_density, position, tags=techno"),
        (lambda m: m.generate(tempo=120), "tempo: no such argument; what steers a piece is bpm, note_density"),
        (lambda m: m.generate(seconds=float("inf")), r"seconds=inf: an array has an end; take stream\(\)"),
        (lambda m: m.generate(seconds=-1), "seconds=-1: give a duration above 0"),
        (lambda m: m.generate(seconds="soon"), "seconds=soon: give a duration above 0"),
        (lambda m: m.generate(seconds=3, bars=2), "bars=2: says how long the piece is; leave out seconds"),
        (lambda m: m.generate(bars=0), "bars=0: give a whole number from 1 on"),
        (lambda m: m.generate(seed=1.5), "seed=1.5: give a whole number"),
        (lambda m: m.generate(seed=2**63), "seed=9223372036854775808: too large; give a whole number below 2.63"),
        (lambda m: m.generate(start="soon"), "start: 'soon' is no time"),
        (lambda m: m.generate(truncation=5), "truncation=5: give a number from 0.1 to 3.9"),
        (lambda m: m.generate(seconds=30, loop=True, bpm=127), "loop: 30s at 127 BPM .*seconds=.*, or bars=16"),
        (lambda m: m.stream(loop=True), "loop: needs"),
        (lambda m: m.encode(NOISE.astype(np.int16), 44_100), "waveform: of int16; give floats"),
        (lambda m: m.encode(NOISE[:0], 44_100), r"waveform: of shape \[0, 2\]"),
        (lambda m: m.encode(np.zeros([2, 500]), 44_100), r"waveform: of shape \[2, 500\]; give \[samples, channels\]"),
        (lambda m: m.encode(NOISE + np.inf, 44_100), "waveform: holds NaN or infinite values"),
        (lambda m: m.encode(NOISE, 0), "sample_rate=0: give a whole number from 1 on"),
        (lambda m: m.decode(NOISE), r"latents: of shape \[10, 2\]; give \[n, 12\]"),
        (lambda m: m.decode(np.full([3, 12], np.nan)), "latents: holds NaN"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_words_of_the_programs(call, message, model):
    with pytest.raises(musika_tf.UserError, match=message) as caught:
        call(model)
    assert isinstance(caught.value, ValueError) and "--" not in str(caught.value)


@pytest.mark.skipif(processor.lacks_bfloat16() is not None, reason=str(processor.lacks_bfloat16()))
def test_a_precision_is_that_of_the_program(folder, simple, tmp_path):
    model = musika_tf.load(folder, precision="bfloat16")
    music = model.generate(seed=7, seconds=1)
    assert 0 < np.abs(music - simple.generate(seed=7, seconds=1)).max() < 0.1
    flags = "--seed=7", "--length=1", "--precision=bfloat16", "--out=a.wav"
    done = warm.run("generate.py", f"--bundle_dir={folder}", *flags, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], to_int16(music))
    assert "precision=bfloat16" in read_comment(tmp_path / "a.wav")


def test_a_precision_that_the_processor_lacks(folder, monkeypatch):
    monkeypatch.setattr(processor, "facts", dict)
    with pytest.raises(musika_tf.UserError, match="^precision=bfloat16: this processor has neither"):
        musika_tf.load(folder, precision="bfloat16")
