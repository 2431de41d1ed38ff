"""Basic Pitch on tones whose notes are known, and the scores by hand."""

import importlib.util

import numpy as np
import pytest

from musika_tf.errors import UserError
from musika_tf.evaluation import notes

RATE = 44_100
CHORD = (60, 64, 67)  # C major


def tones(pitches, seconds=1.5, start=0.5, total=2.5):
    """Decaying sine tones at MIDI `pitches`, in silence: float32 `[samples, 2]`."""
    t = np.arange(int(seconds * RATE)) / RATE
    sound = sum(np.exp(-2 * t) * np.sin(2 * np.pi * 440 * 2 ** ((pitch - 69) / 12) * t) for pitch in pitches)
    waveform = np.zeros(int(total * RATE))
    waveform[int(start * RATE) :][: len(sound)] = 0.1 * sound
    return np.stack([waveform, waveform], axis=1).astype(np.float32)


@pytest.fixture(scope="module")
def ear():
    if importlib.util.find_spec("basic_pitch") is None:
        pytest.skip("basic-pitch is not installed")
    return notes.BasicPitch.load()


@pytest.fixture(scope="module")
def chord(ear):
    return ear(tones(CHORD))


def test_a_chords_notes_are_heard_when_they_sound(chord):
    sounding = chord.note > notes.SOUNDS
    times = np.arange(len(sounding)) * 256 / 22_050
    in_the_middle = sounding[(times > 0.7) & (times < 1.3)].mean(axis=0)
    assert set(np.flatnonzero(in_the_middle > 0.5) + 21) == set(CHORD)
    assert not sounding[times < 0.4].any()
    found = {pitch + 21: seconds for pitch, seconds in enumerate(notes.onsets(chord)) if len(seconds)}
    assert set(found) == set(CHORD)
    for seconds in found.values():
        np.testing.assert_allclose(seconds, [0.5], atol=0.03)


def test_frames_and_notes_agree_with_themselves_and_not_with_a_semitone_higher(ear, chord):
    assert notes.frame_f1(chord, chord) == notes.note_f1(chord, chord) == 1
    higher = ear(tones([pitch + 1 for pitch in CHORD]))
    assert notes.frame_f1(chord, higher) < 0.05 and notes.note_f1(chord, higher) == 0
    without_one = ear(tones(CHORD[:2]))
    assert notes.note_f1(chord, without_one) == pytest.approx(0.8)  # 2 hits of 3 and 2
    assert 0.6 < notes.frame_f1(chord, without_one) < 0.95


def test_late_by_a_tenth_of_a_second_is_another_note(ear, chord):
    assert notes.note_f1(chord, ear(tones(CHORD, start=0.53))) == 1
    late = ear(tones(CHORD, start=0.6))
    assert notes.note_f1(chord, late) == 0 and notes.frame_f1(chord, late) > 0.6


def test_windows_join_without_a_seam(ear):
    """A note every second is heard where it is, over several windows of 1.64 s; sizes are those of the audio."""
    starts = np.arange(0.5, 9.5)
    waveform = sum(tones([60], seconds=0.7, start=start, total=10) for start in starts)
    heard = ear(waveform)
    assert len(heard.note) == len(heard.onset) and abs(len(heard.note) - 10 * 22_050 / 256) < 6
    np.testing.assert_allclose(notes.onsets(heard)[60 - 21], starts, atol=0.03)
    mono = ear(waveform[::2, 0], RATE // 2)
    assert notes.frame_f1(heard, mono) > 0.98


def heard(n_frames=50, **posteriors):
    """`Heard` whose `note` and `onset` are 0 but where pairs (frames, pitch) say 0.9."""
    arrays = {name: np.zeros((n_frames, notes.N_PITCHES), np.float32) for name in ("note", "onset")}
    for name, places in posteriors.items():
        for frames, pitch in places:
            arrays[name][frames, pitch] = 0.9
    return notes.Heard(**arrays)


def test_frame_f1_by_hand():
    a, b = heard(note=[(slice(0, 10), 3)]), heard(note=[(slice(5, 20), 3)])
    assert notes.frame_f1(a, b) == notes.frame_f1(b, a) == pytest.approx(2 * 5 / 25)
    assert notes.frame_f1(heard(), heard()) == 1 and notes.frame_f1(a, heard()) == 0
    assert notes.frame_f1(a, heard(note=[(slice(0, 10), 4)])) == 0


def test_a_note_lasts_for_more_than_eleven_frames_and_outlives_short_gaps():
    def found(*places):
        return [len(seconds) for seconds in notes.onsets(heard(note=places, onset=[(5, 7)]))][7]

    assert found((slice(5, 17), 7)) == 1 and found((slice(5, 16), 7)) == 0
    assert found((slice(5, 10), 7), (slice(20, 22), 7)) == 1  # silent from 10 to 19
    assert found((slice(5, 10), 7), (slice(21, 22), 7)) == 0
    assert found((slice(5, 30), 8)) == 0


def test_each_note_is_matched_once():
    at, far = np.array([0.0, 0.04, 1.0]), np.array([0.03, 1.04, 2.0])
    assert notes._matches(at, far) == 2
    assert notes._matches(at, at) == 3 and notes._matches(at, far[:0]) == 0
    assert notes._matches(np.array([0.0]), np.array([0.051])) == 0


@pytest.mark.parametrize("waveform", [np.zeros((0, 2)), np.full((100, 2), np.nan)])
def test_nothing_to_hear_is_an_error(ear, waveform):
    with pytest.raises(ValueError, match="finite"):
        ear(waveform)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install --no-deps basic-pitch==0.4.0"):
        notes.BasicPitch.load()


# figures of one piece


def test_figures_of_notes_by_hand():
    """100 frames: pitch 60 in 40 frames from its onset on, pitch 72 in 20 of them, silence after."""
    piece = heard(100, note=[(slice(10, 50), 60 - 21), (slice(20, 40), 72 - 21)], onset=[(10, 60 - 21), (20, 72 - 21)])
    found = notes.figures(piece)
    assert found.polyphony == pytest.approx(60 / 100)
    assert (found.pitch_low, found.pitch_high) == (60, 72)
    assert found.note_rate == pytest.approx(2 / (100 * 256 / 22_050))
    assert found.sharpness == 1


def test_pitch_range_leaves_out_the_rarest_pitches():
    found = notes.figures(heard(100, note=[(slice(0, 96), 10), (slice(96, 98), 0), (slice(98, 100), 87)]))
    assert (found.pitch_low, found.pitch_high) == (31, 31)
    scale = heard(88, note=[(slice(i, i + 1), i) for i in range(88)])
    found = notes.figures(scale)
    assert (found.pitch_low, found.pitch_high) == pytest.approx((21 + 0.05 * 87, 21 + 0.95 * 87))


def test_silence_has_no_pitches_and_no_sharpness():
    silence = notes.Heard(np.full((50, 88), 0.1, np.float32), np.zeros((50, 88), np.float32))
    assert notes.figures(silence) == notes.NoteFigures(0.0, None, None, None, 0.0)
    with pytest.raises(ValueError, match="a frame"):
        notes.figures(heard(0))


def posterior(shape, peak, floor=0.1, n_frames=4):
    """`[frames, 88]`: `floor`, with heights `peak * shape` around pitch 40."""
    note = np.full((n_frames, 88), floor)
    note[:, 40 - len(shape) // 2 :][:, : len(shape)] += peak * np.array(shape)
    return note


def test_sharpness_by_hand():
    assert notes.sharpness(posterior([1], 0.8)) == pytest.approx(1)
    assert notes.sharpness(posterior([1], 0.8, floor=0.0)) == pytest.approx(1)
    assert notes.sharpness(posterior([0.25, 0.5, 1, 0.5, 0.25], 0.8)) == pytest.approx(1 / 2.5)
    assert notes.sharpness(posterior([1, 1, 1], 0.8)) == pytest.approx(1 / 3)
    assert notes.sharpness(posterior([1, 0, 0.5], 0.8)) == pytest.approx(1)  # two notes
    assert notes.sharpness(posterior([1, 0, 0.2], 0.8)) == pytest.approx(1 / 1.2)  # 0.26 is no note
    assert notes.sharpness(posterior([1] * 20, 0.15)) == 0  # mass everywhere, nothing passes 0.3
    assert notes.sharpness(posterior([1], 0.25)) is None  # too little to count as sound
    edges = np.full((2, 88), 0.1)
    edges[:, [0, 87]] = 0.9
    assert notes.sharpness(edges) == pytest.approx(1)


def test_sharpness_is_a_mean_over_frames_with_sound():
    clear, smeared, silent = posterior([1], 0.8), posterior([1, 1, 1, 1], 0.8), posterior([0], 0)
    assert notes.sharpness(np.concatenate([clear, smeared, silent])) == pytest.approx((1 + 1 / 4) / 2)


def test_a_chord_is_sharper_than_the_same_chord_detuned_by_many(ear, chord):
    detuned = sum(tones([pitch + shift for pitch in CHORD]) for shift in (-1, -0.6, -0.3, 0, 0.3, 0.6, 1)) / 7
    clear, smeared = notes.figures(chord), notes.figures(ear(detuned))
    assert clear.sharpness > 0.75 > 0.6 > smeared.sharpness
    assert (round(clear.pitch_low), round(clear.pitch_high)) == (60, 67)
    assert clear.note_rate == pytest.approx(3 / 2.5, rel=0.03)
    assert 1 < clear.polyphony < 3  # three notes over a half of the time and a little more


def test_the_excerpt_is_the_middle():
    waveform = np.arange(30)
    assert notes.excerpt(waveform, sample_rate=1).tolist() == list(range(3, 27))
    assert notes.excerpt(waveform[:24], sample_rate=1).tolist() == list(range(24))
    assert notes.excerpt(waveform[:5], sample_rate=1).tolist() == [0, 1, 2, 3, 4]
