"""Rendered piano: performances keep to the score, and onsets are where the sidecar says.

Only the test that says so needs fluidsynth and its soundfont.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools"))

import render_corpus  # noqa: E402
from corpus import performing, piano, scores  # noqa: E402
from corpus.sources import Source  # noqa: E402

from musika_tf.errors import UserError  # noqa: E402

SAMPLE_RATE = 44100
SOUNDFONT = pathlib.Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
needs_fluidsynth = pytest.mark.skipif(
    shutil.which("fluidsynth") is None or not SOUNDFONT.is_file(),
    reason="fluidsynth or fluid-soundfont-gm is not installed",
)


@pytest.fixture
def score():
    """Two bars of chords, a long rest, and a repeated note."""
    onsets = np.array([0, 0, 1, 1, 2, 20, 20.5, 21])
    return scores.Score("none", onsets, onsets + 1.0, np.array([60, 64, 62, 65, 60, 72, 72, 72]), np.array([0.0, 20.0]))


def test_humanised_notes_keep_order_and_close_rests(score):
    notes = performing.separate_strokes(piano._humanise(np.random.default_rng(0), score, 90.0, 0.0))
    assert (notes.ends > notes.onsets).all()
    assert np.diff(piano.onset_times(notes)).min() > 0
    assert len(piano.onset_times(notes)) == 6
    rests = notes.onsets[1:] - np.maximum.accumulate(notes.ends)[:-1]
    assert rests.max() <= piano.LONGEST_GAP_SECONDS + 1e-6
    repeated = notes.pitches == 72
    assert (notes.ends[repeated][:-1] < notes.onsets[repeated][1:]).all()
    assert ((notes.velocities >= 1) & (notes.velocities <= 127)).all()


def test_an_excerpt_starts_at_a_bar(score):
    part = score.between(20.0, 22.0)
    np.testing.assert_allclose(part.onsets, [0, 0.5, 1])
    assert part.ends.max() <= 2.0


def test_midi_holds_the_onsets(tmp_path, score):
    midi = pytest.importorskip("music21.midi")
    notes = performing.separate_strokes(piano._humanise(np.random.default_rng(0), score, 90.0, 0.0))
    performing.write_midi([*performing.note_events(notes, 0), *piano._pedal(notes, 0.5)], tmp_path / "a.mid")
    file = midi.MidiFile()
    file.open(tmp_path / "a.mid")
    file.read()
    file.close()
    tick, onsets = 0, []
    for event in file.tracks[0].events:
        if event.isDeltaTime():
            tick += event.time
        elif event.isNoteOn():
            onsets.append(tick / (2 * file.ticksPerQuarterNote))
    np.testing.assert_allclose(onsets, np.sort(notes.onsets), atol=1e-4)


def test_scores_of_the_splits_are_disjoint_and_exist():
    music21 = pytest.importorskip("music21")
    train = {*scores.works(False), *scores.chorales(False)}
    held_out = {*scores.works(True), *scores.chorales(True)}
    assert not train & held_out
    assert len(scores.chorales(True)) > 20
    for name in (*scores.works(False), *scores.works(True)):
        assert music21.corpus.getWork(name), name


@pytest.mark.long
@needs_fluidsynth
def test_piano_onsets_are_where_the_sidecar_says(tmp_path):
    pytest.importorskip("music21")
    librosa = pytest.importorskip("librosa")
    player = piano.Piano(SOUNDFONT, seed=3)
    render_corpus.render_corpus([Source("piano", player)], 3, 0.1, tmp_path, 0.0, "flac")
    (path,) = tmp_path.glob("train/*.flac")
    facts = json.loads(path.with_suffix(".json").read_text())
    waveform, _ = soundfile.read(path, dtype="float32")
    assert 60 <= facts["seconds"] <= 180
    assert facts["source"]
    assert facts["bpm"] > 0
    onsets = np.array(facts["onsets_seconds"])
    assert (np.diff(onsets) >= 0.01).all()
    heard = librosa.onset.onset_detect(y=waveform.mean(axis=1), sr=SAMPLE_RATE, hop_length=256, units="time")
    # librosa's spectral flux answers about half a window (12 ms) after an attack.
    offsets = heard - 0.012 - onsets[np.abs(onsets[None] - heard[:, None]).argmin(axis=1)]
    assert np.mean(np.abs(offsets) < 0.02) > 0.9
    assert abs(np.median(offsets)) < 0.015
    assert np.abs(waveform).max() <= 0.951
    assert 0.4 < np.corrcoef(waveform.T)[0, 1] < 0.97
    again, _ = player.render(0, held_out=False)
    np.testing.assert_array_equal(np.abs(again - waveform) < 1e-4, True)


def test_missing_fluidsynth_and_soundfont_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="apt-get install fluidsynth"):
        piano.Piano(SOUNDFONT, seed=0)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/fluidsynth")
    with pytest.raises(UserError, match="--soundfont"):
        piano.Piano(tmp_path / "none.sf2", seed=0)
    (tmp_path / "junk.sf2").write_text("no soundfont")
    with pytest.raises(UserError, match="junk.sf2 is not a soundfont"):
        piano.Piano(tmp_path / "junk.sf2", seed=0)
