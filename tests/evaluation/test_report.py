import json

import numpy as np
import pytest
import soundfile
import warm

from musika_tf.conditioning.musicnn import Embedding
from musika_tf.config import AutoencoderConfig
from musika_tf.errors import UserError
from musika_tf.evaluation import baselines, file_sets, report, structure
from musika_tf.evaluation.file_sets import FileSet
from musika_tf.evaluation.notes import Heard

RATE = 44_100


class Network:
    """Stands in for MusiCNN: band levels per second as features, two tags."""

    tags = ("piano", "techno")

    def __call__(self, waveform):
        seconds = waveform[: len(waveform) // RATE * RATE].reshape(-1, RATE, 2).mean(axis=2)
        levels = np.abs(np.fft.rfft(seconds))[:, :2048].reshape(len(seconds), 4, 512).mean(axis=2)
        features = np.log(levels + 1e-3)
        techno = np.full(len(seconds), float(np.abs(waveform).max() > 0.9))
        return Embedding(features, np.stack([1 - techno, techno], axis=1))


def hear(waveform):
    """Stands in for Basic Pitch: a note for each eighth of a second that is louder than the one before."""
    levels = np.abs(waveform[: len(waveform) // 5512 * 5512, :1]).reshape(-1, 5512).mean(axis=1)
    note = np.repeat((np.diff(levels, prepend=0) > 0)[:, None], 88, axis=1).astype(np.float32)
    return Heard(note, note)


def beat(seconds=6, level=1.0, seed=0):
    """Clicks at 120 BPM over noise that is quieter on the right."""
    rng = np.random.default_rng(seed)
    waveform = 0.05 * rng.standard_normal((seconds * RATE, 2)) * [1, 0.5]
    waveform[:: RATE // 2] = level
    return np.clip(waveform, -1, 1).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    for i in range(2):
        soundfile.write(tmp_path / f"{i}.wav", beat(seed=i, level=1.0 - 0.5 * i), RATE, subtype="FLOAT")
        (tmp_path / f"{i}.json").write_text(json.dumps({"bpm": 120.0}))
    return tmp_path


def test_compare_folders(folder):
    tracks = FileSet.of_folder("generated", folder)
    result = report.compare_folders(tracks, tracks, Network())
    assert result["frechet_distance"] == pytest.approx(0, abs=1e-6)
    assert result["first_tags"] == {"techno": 1, "piano": 1}
    first, second = result["generated"]
    assert (first["first_tag"], second["first_tag"]) == ("techno", "piano")
    assert (first["seconds"], first["peak"], second["peak"]) == (6, 1, 0.5)
    assert first["pulse"] > 0.6
    json.dumps(result, allow_nan=False)
    text = report.folders_text(result)
    assert "first tag, generated: techno 1 of 2, piano 1 of 2" in text and "0.wav" in text and "reference" in text
    assert result["seams"] == {"seconds": pytest.approx(64 * 256 / RATE), "assumed": True}
    assert "every 0.3715 s over change elsewhere; windows of the published size are assumed" in text


def test_the_distance_is_said_in_its_parts_beside_how_much_the_features_vary_within_a_track():
    # Two tracks each, whose features lie 1 about the track's mean, or 0.5; generated ones 3 to the side.
    reference = [np.array([[x - 0.5, 0], [x + 0.5, 0]]) for x in (0.0, 4.0)]
    generated = [np.array([[x - 1, 3], [x + 1, 3]]) for x in (0.0, 4.0)]
    found = report._distance(generated, reference)
    variances = [(spread**2 + 4) * 4 / 3 for spread in (1, 0.5)]  # over rows - 1
    covariances = (np.sqrt(variances[0]) - np.sqrt(variances[1])) ** 2
    assert (found["frechet_means"], found["frechet_covariances"]) == pytest.approx((9, covariances))
    assert found["frechet_distance"] == pytest.approx(9 + covariances) and found["spread_within"] == pytest.approx(4)
    said = f"{9 + covariances:.2f} (means 9.00, covariances {covariances:.2f}; features vary 4.00 times as much"
    assert report._distance_text(found).startswith(said)


def test_seams_are_those_of_the_decoder_that_is_known(folder):
    tracks, decoder = FileSet.of_folder("generated", folder), AutoencoderConfig(sample_rate=22_050, window_frames=32)
    result = report.compare_folders(tracks, None, Network(), decoder)
    assert result["seams"] == {"seconds": pytest.approx(32 * 256 / 22_050), "assumed": False}
    expected = structure.seam_ratio(beat(seed=0), decoder)
    assert result["generated"][0]["seams"] == pytest.approx(expected)
    assert "there the decoder's windows meet" in report.folders_text(result)


def test_without_reference_there_is_no_distance(folder):
    result = report.compare_folders(FileSet.of_folder("generated", folder), None, Network())
    assert not any(result[name] for name in report.NO_DISTANCE) and set(report.NO_DISTANCE) <= set(result)
    assert "no --reference_dir" in report.folders_text(result)


def test_too_short_a_file_is_named(tmp_path):
    soundfile.write(tmp_path / "short.wav", beat(4), RATE)
    with pytest.raises(UserError, match=r"short\.wav: 4\.0 s"):
        report.compare_folders(FileSet.of_folder("generated", tmp_path), None, Network())


def test_broken_sidecar_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(UserError, match=r"a\.json: not JSON"):
        file_sets.true_bpm(tmp_path / "a.wav")
    assert file_sets.true_bpm(tmp_path / "b.wav") is None
    for content in ("[" * 100_000, b"\xff"):
        (tmp_path / "a.json").write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(UserError, match=r"a\.json: not JSON"):
            file_sets.true_bpm(tmp_path / "a.wav")


@pytest.mark.parametrize("bpm", ['"fast"', "[120]", "0", "-3", "NaN", "true", "1" + "0" * 400])
def test_a_tempo_that_is_none_is_not_used(tmp_path, bpm):
    (tmp_path / "a.json").write_text(f'{{"bpm": {bpm}}}')
    assert file_sets.true_bpm(tmp_path / "a.wav") is None
    (tmp_path / "a.json").write_text('{"bpm": 132}')
    assert file_sets.true_bpm(tmp_path / "a.wav") == 132


def test_evaluate_autoencoder(folder):
    systems = {
        "same, padded": lambda waveform: np.pad(waveform, [(0, 1000), (0, 0)]),
        "mono": lambda waveform: np.repeat(waveform.mean(axis=1, keepdims=True), 2, axis=1),
        "random phase": report.baseline_systems()["random phase"],
    }
    paths = sorted(folder.glob("*.wav"))
    original, same, mono, random_phase = report.evaluate_autoencoder(paths, systems, Network(), hear)
    assert original | {"name": ""} == same | {"name": ""}
    assert original["frechet_distance"] == pytest.approx(0, abs=1e-6) and original["magnitude_db"] == 0
    assert mono["stereo"] == pytest.approx(1) and original["stereo"] < 0.9
    assert (original["level_db"], original["coherence"], original["frame_f1"], original["note_f1"]) == (0, 0, 1, 1)
    # the beat's clicks are in the middle, the noise is 6 dB quieter on the right, and independent
    assert 3 < mono["level_db"] < 7 and 0.5 < mono["coherence"] < 1.1
    assert 0 < random_phase["frame_f1"] < 1
    assert random_phase["frechet_distance"] > 0 and random_phase["magnitude_db"] > 1
    assert random_phase["name"] in report.table([original, random_phase])


def test_baseline_systems_keep_the_length():
    waveform = beat(1)
    for function in report.baseline_systems().values():
        assert function(waveform).shape == waveform.shape


@pytest.mark.long
def test_autoencoder_systems_keep_level_and_length_and_are_repeatable():
    from musika_tf.autoencoder.model import Autoencoder

    waveform = beat(1)
    autoencoder = Autoencoder.create(AutoencoderConfig(width=8, stereo="stacked"))
    systems = report.autoencoder_systems(autoencoder, seed=3)
    again = report.autoencoder_systems(autoencoder, seed=3)
    for name, function in systems.items():
        made = function(waveform)[: len(waveform)]
        assert made.shape == waveform.shape, name
        np.testing.assert_allclose(made, again[name](waveform)[: len(waveform)], atol=1e-6)


def test_level1_decodes_what_its_networks_do():
    from musika_tf.audio import spectrogram
    from musika_tf.autoencoder.model import Autoencoder
    from musika_tf.model.codec import Codec

    waveform = beat(1)
    autoencoder = Autoencoder.create(AutoencoderConfig(width=8, stereo="stacked"))
    _, magnitude = Codec(autoencoder).through_level1(waveform, 3, 0.0)
    direct, *_ = autoencoder.decode1(autoencoder.encode1(baselines.log_magnitude(waveform)[:, :128]))
    floor = spectrogram.log_power(1e-7)  # which synthesis adds to every power
    expected = spectrogram.log_power(10 ** ((direct * 75 - 25) / 10) + 1e-7)
    assert np.all(magnitude[:, :128] >= floor - 1e-5)
    np.testing.assert_allclose(magnitude[:, :128], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--generated_dir"),
        (["--generated_dir=no/such"], "no/such"),
        (["--autoencoder=no/such", "--reference_dir=tests"], "no/such"),
        (["--generated_dir=tests", "--json=no/such/file"], "--json=no/such/file"),
        (["--report_dir=r", "--reference_dir=tests"], "--report_dir=r: of what? Give one of --bundle and"),
        (["--report_dir=r", "--generated_dir=tests"], "--reference_dir is missing"),
        (["--training_dir=tests", "--generated_dir=tests"], "--training_dir: is of the report; add --report_dir"),
    ],
)
def test_bad_flags_are_named_in_one_line(flags, message):
    done = warm.run("evaluate.py", *flags)
    assert done.returncode != 0 and message in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
