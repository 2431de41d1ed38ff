"""Figures of merit of the extractors, by hand, and the program on two rendered stand-ins."""

import json

import clicks
import numpy as np
import pytest
import soundfile
import warm

from musika_tf.conditioning import beat, madmom_package, note_density, tempo
from musika_tf.evaluation import signals

GRID = {"bpm": 120.0, "first_beat_seconds": 0.5, "n_bars": 4, "beats_per_bar": 4}
BEATS, PLACES = 0.5 + 0.5 * np.arange(16), np.arange(16) % 4 + 1


def test_perfect_beats():
    assert signals.beat_figures(BEATS, PLACES, GRID) == {
        "precision": 1, "recall": 1, "deviation": 0, "downbeats": 1,
    }  # fmt: skip


def test_beats_by_hand():
    beats = BEATS + 0.01  # still near
    beats[12:] += 0.1  # four are not
    figures = signals.beat_figures(np.append(beats, 0.52), np.append(PLACES % 4 + 1, 1), GRID)  # the first one twice
    assert figures["precision"] == pytest.approx(13 / 17)
    assert figures["recall"] == pytest.approx(12 / 16)
    assert figures["deviation"] == pytest.approx(0.01)
    assert figures["downbeats"] == pytest.approx(1 / 13)


def test_beats_beyond_the_piece_find_nothing():
    assert signals.beat_figures(BEATS + 8.0, PLACES, GRID)["recall"] == 0


@pytest.mark.parametrize(
    ("bpm", "error", "octave"), [(121.5, 1.5, False), (60.5, 59.5, True), (181, 61, True), (150, 30, False)]
)
def test_tempo_figures(bpm, error, octave):
    assert signals.tempo_figures(bpm, 120) == {"error": error, "octave": octave}


def test_density_figures():
    true = np.array([1.0, 2.0, 4.0])
    assert signals.density_figures(2 * true + 1, true) == pytest.approx({"correlation": 1.0, "ratio": 17 / 7})


def test_track_is_measured_by_all_that_is_installed(monkeypatch):
    onsets = np.arange(0.25, 19, 0.25)
    for name in note_density.DETECTORS:
        monkeypatch.setitem(note_density.DETECTORS, name, lambda waveform: onsets)
    for name in tempo.ESTIMATORS:
        monkeypatch.setitem(tempo.ESTIMATORS, name, lambda waveform: (121.0, 0.5))
    for installed in (False, True):
        monkeypatch.setattr(madmom_package, "installed", lambda there=installed: there)
        monkeypatch.setattr(tempo, "installed", lambda there=installed: there)
        monkeypatch.setattr(beat, "track", lambda waveform: (BEATS, PLACES))
        facts = {**GRID, "onsets_seconds": onsets.tolist(), "seconds": 20.0}
        rows = signals.measure_track(np.zeros([20 * 44_100, 2], np.float32), facts)
        libraries = {"librosa"} | ({"madmom"} if installed else set())
        assert {by for signal, by in rows if signal == "note_density"} == libraries
        assert rows["note_density", "librosa"]["correlation"] == pytest.approx(1)
        assert rows["tempo", "librosa"] == {"error": 1, "octave": False, "confidence": 0.5}
        assert (("beat", "madmom") in rows, ("tempo", "tempocnn") in rows) == (installed, installed)


def test_summary_by_hand():
    tracks = [{("tempo", "x"): {"error": e, "octave": o, "confidence": 1.0}} for e, o in ((0.5, False), (60.0, True))]
    assert signals.summary(tracks)[2:] == [
        "| tempo | x | 2 | within 2 BPM 50%, median error 30.25 BPM, octave errors 50% |"
    ]


def _run(*arguments):
    return warm.run("evaluate.py", "--signals", *arguments)


def test_program(tmp_path):
    onsets = np.arange(0.3, 11.5, 0.3)
    soundfile.write(tmp_path / "a.wav", clicks.clicks(onsets, 12), 44_100)
    (tmp_path / "a.json").write_text(json.dumps({"onsets_seconds": onsets.tolist(), "seconds": 12.0}))
    done = _run(f"--audio_dir={tmp_path}", f"--json={tmp_path / 'out.json'}")
    assert done.returncode == 0, done.stderr
    assert "| note_density | librosa | 1 |" in done.stdout
    (track,) = json.loads((tmp_path / "out.json").read_text())
    assert track["track"] == "a.wav"
    assert 0.9 < track["note_density/librosa"]["ratio"] < 1.1


def test_folder_without_the_truth_gets_one_line(tmp_path):
    soundfile.write(tmp_path / "a.wav", clicks.clicks([0.5], 1), 44_100)
    done = _run(f"--audio_dir={tmp_path}")
    assert done.returncode == 2
    assert done.stderr.strip().endswith("no track with a .json beside it; tools/render_corpus.py renders some")
    assert len(done.stderr.strip().splitlines()) == 1
