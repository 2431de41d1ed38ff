"""The rendered corpora: exact grids, repeatable bytes, splits, sidecars, and errors.

Synthetic sounds under the real names stand in for Debian's samples; only the tests that say so
need the packages.
"""

import contextlib
import json
import pathlib
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import render_corpus  # noqa: E402
from corpus import drums, layers, mixing, synth, techno, tracks  # noqa: E402
from corpus.grid import Grid  # noqa: E402
from corpus.samples import SampleLibrary  # noqa: E402
from corpus.sources import Source  # noqa: E402

from musika_tf.errors import UserError  # noqa: E402

SAMPLE_RATE = 44100
DEBIAN_SAMPLES = pathlib.Path("/usr/share/sonic-pi/samples")
needs_samples = pytest.mark.skipif(not DEBIAN_SAMPLES.is_dir(), reason="Debian's sonic-pi-samples is not installed")


@pytest.fixture(scope="module")
def samples_dir(tmp_path_factory):
    """A folder with a short decaying tone or noise under every name that techno asks for."""
    folder = tmp_path_factory.mktemp("samples")
    rng = np.random.default_rng(0)
    time = np.arange(SAMPLE_RATE // 5) / SAMPLE_RATE
    for number, name in enumerate(layers.SAMPLE_NAMES):
        tonal = name.startswith(("bd", "bass", "drum_bass", "drum_heavy"))
        tone = np.cos(2 * np.pi * 55 * time) if tonal else rng.standard_normal(len(time))
        sound = 0.3 * tone * np.exp(-time / (0.02 + 0.001 * (number % 20)))
        # Silence in front, which the library has to trim, and an offset.
        sound = np.concatenate([np.zeros(441 * (number % 3)), sound]) + 0.001
        soundfile.write(folder / f"{name}.wav", sound, SAMPLE_RATE)
    return folder


@pytest.fixture(scope="module")
def samples(samples_dir):
    return SampleLibrary(samples_dir, layers.SAMPLE_NAMES)


@pytest.fixture(scope="module")
def techno_dir(samples_dir, tmp_path_factory):
    """A corpus of a few techno tracks, half of them held out."""
    out_dir = tmp_path_factory.mktemp("techno")
    _render(techno.Techno(samples_dir, seed=3), out_dir)
    return out_dir


def _render(player, out_dir, **changes):
    arguments = dict(kind="techno", seed=3, minutes=3.1, out_dir=out_dir, held_out=0.5, extension="flac") | changes
    return render_corpus.render_corpus([Source(arguments.pop("kind"), player)], **arguments)


def _audio_files(folder):
    return sorted(folder.glob("*/*.flac"))


def _run(*arguments, **options):
    command = [sys.executable, str(TOOLS / "render_corpus.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


# Grid and form


@pytest.mark.parametrize("bpm", [110.0, 132.1, 160.0])
def test_beats_lie_at_exact_samples(bpm):
    grid = Grid(bpm, n_bars=64, swing=0.08)
    assert [grid.sample_at(4 * beat) for beat in range(256)] == [
        round(beat * 60 / bpm * SAMPLE_RATE) for beat in range(256)
    ]


def test_swing_moves_odd_sixteenths_only():
    straight, swung = Grid(120.0, 4), Grid(120.0, 4, swing=0.1)
    moved = [step for step in range(64) if straight.sample_at(step) != swung.sample_at(step)]
    assert moved == list(range(1, 64, 2))


def test_every_plan_is_techno_of_one_to_three_minutes(samples):
    for index in range(200):
        track = techno.plan((0, index), samples)
        assert 60 <= track.grid.n_samples / SAMPLE_RATE <= 180
        assert 110 <= track.grid.bpm <= 160
        assert track.grid.bpm == round(track.grid.bpm, 1)
        beats = track.kick_beats()
        assert beats[0] == 0
        assert len(beats) > 0.8 * track.grid.n_beats
        # Four bars of break after a fill that drops two beats.
        assert max(np.diff(beats)) <= 4 * 4 + 2 + 1
        assert [track.phrases[0].name, track.phrases[-1].name] == ["intro", "outro"]


def test_kick_attacks_at_the_beats(samples):
    track = techno.plan((0, 1), samples)
    bus = np.abs(drums.kick(track)[:, 0])
    for position in track.kick_positions():
        assert bus[position] > 0.05 * bus.max()
        assert bus[max(position - 20, 0) : position].max(initial=0.0) < 0.02 * bus.max()


def test_layers_draw_from_seeds_of_their_own(samples):
    track = techno.plan((0, 1), samples)
    assert track.rng("bass").random() == track.rng("bass").random()
    assert track.rng("bass").random() != track.rng("kick").random()


def test_every_layer_sounds_and_is_finite(samples):
    track = techno.plan((0, 2), samples)
    for name, layer in layers.LAYERS.items():
        bus = layer.play(track, list(range(16)))
        assert bus.shape == (track.grid.n_samples, 2), name
        assert np.isfinite(bus).all(), name
        assert np.abs(bus).max() > 0, name


# Sounds and mixing


def test_library_trims_centres_and_normalises(samples):
    for name in layers.SAMPLE_NAMES[:6]:
        sound = samples.sound(name)
        assert sound.shape[1] == 2
        assert np.abs(sound).max() == pytest.approx(1, abs=1e-5)
        assert np.abs(sound[:5]).max() > 0.04


def test_an_octave_up_doubles_the_frequency(samples):
    low, high = samples.sound("bass_thick_c"), samples.sound("bass_thick_c", 12.0)
    assert len(high) == pytest.approx(len(low) / 2, rel=0.05)


def test_missing_sounds_are_named(samples_dir, tmp_path):
    shutil.copy(samples_dir / "bd_tek.wav", tmp_path)
    with pytest.raises(UserError, match="lacks sn_dub"):
        SampleLibrary(tmp_path, ["bd_tek", "sn_dub"])


def test_ducking_drops_at_the_kick_and_returns():
    gain = mixing.ducking(10_000, [1000], depth=0.8, seconds=0.1)[:, 0]
    assert gain[999] == 1
    assert gain[1000] == pytest.approx(0.2)
    assert gain[1000 + 4410] == pytest.approx(1)


@pytest.mark.parametrize("loudness", [0.01, 1.0, 30.0])
def test_loudness_and_peak(loudness):
    rng = np.random.default_rng(0)
    mix = (loudness * rng.standard_normal((SAMPLE_RATE, 2))).astype(np.float32)
    limited = mixing.set_loudness(mix, -16)
    assert 20 * np.log10(mixing.rms(limited)) == pytest.approx(-16, abs=0.2)
    assert np.abs(limited).max() <= 0.95


def test_width_reaches_the_wanted_correlation():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 5 * SAMPLE_RATE)).astype(np.float32)
    wide = mixing.set_width(np.stack([left, right], axis=1), 0.7)
    assert np.corrcoef(wide.T)[0, 1] == pytest.approx(0.7, abs=0.02)


def test_acid_filter_stays_stable_at_high_resonance():
    notes = [(0, 3000, 43, True, False), (5000, 3000, 50, False, True)]
    line = synth.acid_line(notes, SAMPLE_RATE, cutoff=1500, resonance=9)
    assert np.isfinite(line).all()
    assert 0.1 < np.abs(line).max() <= 1


# Corpora


def test_tracks_and_sidecars(techno_dir):
    files = _audio_files(techno_dir)
    assert {path.parent.name for path in files} == {"train", "held_out"}
    for path in files:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 2, "PCM_16")
        facts = json.loads(path.with_suffix(".json").read_text())
        assert facts["kind"] == "techno"
        assert facts["seed"] == 3
        assert facts["first_beat_seconds"] == 0.0
        assert facts["beats_per_bar"] == 4
        assert facts["seconds"] == pytest.approx(info.duration)
        assert 60 <= info.duration <= 180
        assert facts["key"].endswith(" minor")
        assert "CC0" in facts["licence"]
        waveform, _ = soundfile.read(path)
        assert 20 * np.log10(mixing.rms(waveform)) == pytest.approx(-16, abs=0.3)
        assert np.abs(waveform).max() <= 0.951
        assert abs(waveform.mean()) < 1e-3
        assert 0.4 < np.corrcoef(waveform.T)[0, 1] < 0.97


def test_splits_share_no_track(techno_dir):
    numbers = [json.loads(path.with_suffix(".json").read_text())["index"] for path in _audio_files(techno_dir)]
    assert sorted(numbers) == list(range(len(numbers)))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.1, 10), (0.25, 25), (1.0, 100)])
def test_held_out_share(share, expected):
    places = [tracks.place(index, share) for index in range(100)]
    assert sum(place.split == "held_out" for place in places) == expected
    # Each split counts its own tracks.
    for split in tracks.SPLITS:
        assert [place.number for place in places if place.split == split] == list(range(places_in(places, split)))


def places_in(places, split):
    return sum(place.split == split for place in places)


def test_same_seed_same_bytes_and_a_rerun_skips(techno_dir, samples_dir, capsys):
    files = _audio_files(techno_dir)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}
    files[0].unlink()  # As a run that was cut off leaves it: the sidecar without the audio.
    _render(techno.Techno(samples_dir, seed=3), techno_dir)
    assert _audio_files(techno_dir) == files
    assert files[0].read_bytes() == before[files[0]][1]
    assert all(path.stat().st_mtime_ns == before[path][0] for path in files[1:])
    assert capsys.readouterr().out.count("already there") == len(files) - 1
    assert not list(techno_dir.glob("*/.*"))


def test_other_seeds_and_numbers_sound_different(samples):
    plans = {(track.grid.bpm, track.root) for track in (techno.plan((s, i), samples) for s in (0, 1) for i in range(5))}
    assert len(plans) == 10


def test_refuses_to_mix_splits_and_formats(techno_dir, samples_dir):
    player = techno.Techno(samples_dir, seed=3)
    with pytest.raises(UserError, match="--held_out or --format"):
        _render(player, techno_dir, held_out=0.0)
    with pytest.raises(UserError, match="--held_out or --format"):
        _render(player, techno_dir, extension="wav")


class Noise:
    """A player of a second of noise."""

    def render(self, index, held_out):
        return np.random.default_rng(index).uniform(-0.5, 0.5, (SAMPLE_RATE, 2)).astype(np.float32), {"bpm": 120.0}


@pytest.fixture
def noise_dir(tmp_path):
    """A corpus of two tracks of noise."""
    _render(Noise(), tmp_path, kind="noise", minutes=1.5 / 60, held_out=0.0)
    return tmp_path


@pytest.mark.parametrize(
    "content", [None, b"garbage\n", b"\xff\xfe", b"[1]", b"{}", b'{"seconds": "1"}', b'{"seconds": NaN}']
)
def test_a_track_without_its_facts_is_rendered_again(noise_dir, content, capsys):
    facts, other = noise_dir / "train/noise-3-0000.json", noise_dir / "train/noise-3-0001.flac"
    before, untouched = facts.read_bytes(), other.stat().st_mtime_ns
    facts.unlink()
    if content is not None:
        facts.write_bytes(content)
    capsys.readouterr()
    _render(Noise(), noise_dir, kind="noise", minutes=1.5 / 60, held_out=0.0)
    first, second = capsys.readouterr().out.splitlines()
    assert "noise-3-0000.flac: its .json is missing or damaged, rendered again in" in first
    assert "already there, 0.0 of 0.025 minutes" in second
    assert facts.read_bytes() == before
    assert other.stat().st_mtime_ns == untouched


@contextlib.contextmanager
def files_of_at_most(n_bytes):
    """As a disk that is full, which only root can make."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("extension", ["flac", "wav"])
@pytest.mark.parametrize("n_bytes", [0, 20, 4096, 100_000])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path, n_bytes, extension):
    options = dict(kind="noise", minutes=0.5 / 60, held_out=0.0, extension=extension)
    with (
        files_of_at_most(n_bytes),
        pytest.raises(
            UserError, match=r"noise-3-0000\.\w+: can't be written with its .json \(.+\); free space or give"
        ),
    ):
        _render(Noise(), tmp_path, **options)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    _render(Noise(), tmp_path, **options)
    names = [path.name for path in sorted(tmp_path.rglob("*")) if path.is_file()]
    assert names == sorted([f"noise-3-0000.{extension}", "noise-3-0000.json"])


def test_a_full_disk_keeps_what_was_there(noise_dir):
    facts, audio = noise_dir / "train/noise-3-0000.json", noise_dir / "train/noise-3-0000.flac"
    facts.write_text("garbage")
    before = audio.read_bytes()
    with files_of_at_most(4096), pytest.raises(UserError):
        _render(Noise(), noise_dir, kind="noise", held_out=0.0)
    assert facts.read_text() == "garbage" and audio.read_bytes() == before
    assert not list(noise_dir.rglob(".*"))


@needs_samples
def test_debian_samples_make_a_strong_pulse():
    librosa = pytest.importorskip("librosa")
    waveform, facts = techno.Techno(DEBIAN_SAMPLES, seed=0).render(3, held_out=False)
    hop = 256
    envelope = librosa.onset.onset_strength(y=waveform.mean(axis=1), sr=SAMPLE_RATE, hop_length=hop)
    envelope -= envelope.mean()
    lag = round(60 / facts["bpm"] * SAMPLE_RATE / hop)
    assert np.dot(envelope[:-lag], envelope[lag:]) / np.dot(envelope, envelope) > 0.5


# Bad input


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--kind=techno", "--minutes=0"], "--minutes=0"),
        (["--kind=techno", "--minutes=nan"], "--minutes=nan"),
        (["--kind=techno", "--minutes=inf"], "--minutes=inf"),
        (["--kind=techno", "--held_out=2"], "--held_out=2"),
        (["--kind=techno", "--held_out=nan"], "--held_out=nan"),
        (["--kind=techno", "--seed=-1"], "--seed=-1"),
        (["--kind=techno", "--samples_dir=/nowhere"], "apt-get install sonic-pi-samples"),
        (["--kind=techno", "extra"], "unexpected argument 'extra'"),
        (["--kind=polka"], "--kind=polka"),
        ([], "--kind is missing: <techno|piano|general>: what to render"),
        (["--kind=techno", "--out_dir="], "--out_dir=: no path; name one, or leave the flag out"),
    ],
)
def test_bad_flags_get_one_line(arguments, expected, tmp_path):
    done = _run(f"--out_dir={tmp_path / 'out'}", *arguments, cwd=tmp_path)
    _assert_one_line(done, expected)
    assert not list(tmp_path.iterdir())


def _assert_one_line(done, expected):
    assert done.returncode == 2
    assert done.stderr.startswith("render_corpus.py: ")
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_out_dir(tmp_path):
    _assert_one_line(_run("--kind=techno", cwd=tmp_path), "--out_dir is missing")


@pytest.mark.parametrize("below", ["", "folder"])
def test_an_unwritable_out_dir_is_named(tmp_path, samples_dir, below):
    (tmp_path / "file").write_text("in the way")
    out_dir = tmp_path / "file" / below
    done = _run("--kind=techno", f"--samples_dir={samples_dir}", "--minutes=1", f"--out_dir={out_dir}")
    _assert_one_line(done, f"--out_dir={out_dir}: can't be made")


def test_a_folder_in_the_way_of_the_facts(tmp_path):
    (tmp_path / "train/noise-3-0000.json").mkdir(parents=True)
    with pytest.raises(UserError, match=r"noise-3-0000.flac: can't be written with its .json \(Is a directory\)"):
        _render(Noise(), tmp_path, kind="noise", held_out=0.0)
    assert len(list((tmp_path / "train").iterdir())) == 1


def test_a_full_disk_gets_one_line(tmp_path, samples_dir):
    arguments = ("--kind=techno", f"--samples_dir={samples_dir}", "--minutes=1", f"--out_dir={tmp_path / 'out'}")
    with files_of_at_most(2**20):
        done = _run(*arguments)
    _assert_one_line(done, "techno-0-0000.flac: can't be written with its .json (File too large)")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_an_unreadable_sound_is_named(tmp_path):
    (tmp_path / "bd_tek.wav").write_text("no sound")
    with pytest.raises(UserError, match="bd_tek.wav"):
        SampleLibrary(tmp_path, ["bd_tek"]).sound("bd_tek")
