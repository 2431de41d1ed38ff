"""Bars, parts, loop and tempo of pieces: by hand arithmetic, and where the metronome clicks."""

from fractions import Fraction

import numpy as np
import pytest
import riff
import tiny
from asking import ask

from musika_tf.audio.markers import Markers, Tempo
from musika_tf.generate import click, landmarks, parts, production, rendering
from musika_tf.generate.request import STREAM, piece_of

RATE = 44_100
BAR = 88_200  # samples at 120 BPM


@pytest.fixture(scope="module")
def loaded(folder):
    return tiny.load(folder)


@pytest.fixture(scope="module")
def metadata(loaded):
    return loaded[1]


def marked(metadata, tempo="120", **options):
    piece = piece_of(ask(tempo=tempo, **options), 7, metadata)
    return landmarks.of(piece, metadata)


def test_bars_by_hand(metadata):
    found = marked(metadata, bars=3, seconds=None)
    assert found == Markers(((0, "bar 1"), (BAR, "bar 2"), (2 * BAR, "bar 3")), 0, Tempo(120.0, 12, False))


def test_a_loop_by_hand(metadata):
    found = marked(metadata, bars=2, seconds=None, loop=True)
    assert found == Markers(((0, "bar 1"), (BAR, "bar 2")), 2 * BAR, Tempo(120.0, 8, True))


def test_a_loop_from_anywhere(metadata):
    found = marked(metadata, bars=4, seconds=None, loop=True, start=Fraction(3))
    half = BAR // 2
    assert found.cues == ((half, "bar 3"), (3 * half, "bar 4"), (5 * half, "bar 1"), (7 * half, "bar 2"))
    assert found.loop_samples == 4 * BAR and found.tempo.loops


def test_an_excerpt_counts_the_bars_of_its_piece(metadata):
    found = marked(metadata, seconds=Fraction(5), start=Fraction(3601))
    assert found.cues == ((RATE, "bar 1802"), (3 * RATE, "bar 1803"))
    assert found.tempo == Tempo(120.0, 10, False)
    assert marked(metadata, seconds=Fraction("4.9")).tempo.n_beats == 9  # whole ones


@pytest.mark.parametrize("bpm", ["110", "127.3", "133.33", "149.99"])
@pytest.mark.parametrize("start", [0, 7, 12345])
def test_bars_begin_where_the_accents_are(metadata, bpm, start):
    piece = piece_of(ask(tempo=bpm, seconds=Fraction(30), start=Fraction(start)), 7, metadata)
    accent = click.burst(RATE, accent=True)
    metronome = click.clicks(piece.start_sample, piece.end_sample, float(bpm), RATE)
    places = [place for place, _ in landmarks.of(piece, metadata).cues if place + len(accent) <= len(metronome)]
    assert len(places) in range(int(30 * float(bpm) / 240) - 1, int(30 * float(bpm) / 240) + 2)
    for place in places:
        np.testing.assert_array_equal(metronome[place : place + len(accent)], accent)
        metronome[place : place + len(accent)] = 0
    rest = metronome[: len(metronome) - len(accent)]
    assert np.abs(rest).max() < 0.5 or start  # a start may cut an accent; the other beats are softer


@pytest.mark.parametrize("bpm", ["110.1", "123.456", "140"])
@pytest.mark.parametrize("n_bars", [1, 2, 3, 5, 64])
def test_bars_of_any_tempo_are_as_many_as_asked_for(metadata, bpm, n_bars):
    """Rounding to samples adds none at the end."""
    for loop in (False, True):
        found = marked(metadata, tempo=bpm, bars=n_bars, seconds=None, loop=loop)
        assert [name for _, name in found.cues] == [f"bar {k + 1}" for k in range(n_bars)]
        assert found.tempo == Tempo(float(bpm), 4 * n_bars, loop)


@pytest.mark.parametrize(("n_bars", "step"), [(1000, 1), (1001, 2), (2000, 2), (2001, 4), (100_000, 128)])
def test_long_pieces_have_fewer_marks(metadata, n_bars, step):
    found = marked(metadata, bars=n_bars, seconds=None)
    assert [name for _, name in found.cues] == [f"bar {k + 1}" for k in range(0, n_bars, step)]
    assert len(found.chunks(RATE)) < 2**16


def test_parts_of_a_song(steerable):
    facts = tiny.load(steerable)[1]
    found = marked(facts, seconds=Fraction(100), position="plan:10,20")
    assert [cue for cue in found.cues if "bar" not in cue[1]] == [
        (0, "beginning"), (10 * RATE, "body"), (80 * RATE, "ending")
    ]  # fmt: skip
    assert [place for place, _ in found.cues] == sorted(place for place, _ in found.cues)
    part = marked(facts, seconds=Fraction(30), start=Fraction(60), position="plan:10,20,100")
    assert [cue for cue in part.cues if "bar" not in cue[1]] == [(20 * RATE, "ending")]
    assert not [name for _, name in marked(facts, seconds=Fraction(30)).cues if "bar" not in name]


def test_what_is_not_known_is_not_said(metadata):
    assert marked(metadata, seconds=None, out=STREAM) == Markers()
    silent = {**metadata, "conditioning": []}
    assert marked(silent, tempo=None, seconds=Fraction(5)) == Markers()
    assert marked(silent, tempo=None, seconds=Fraction(5), loop=True) == Markers(loop_samples=5 * RATE)
    paced = {**metadata, "conditioning": [row for row in metadata["conditioning"] if row["name"] == "tempo"]}
    assert marked(paced, seconds=Fraction("5.1"), loop=True) == Markers((), 224_910, Tempo(120.0, 10, False))


@pytest.mark.parametrize("loop", [False, True])
def test_files_parts_and_streams_say_the_same(folder, loaded, tmp_path, capfdbinary, loop):
    piece = piece_of(ask(tempo="120", bars=2, seconds=None, loop=loop), 7, loaded[1])
    rendering.write(tmp_path / "a.wav", *loaded, piece)
    parts.PartedFile(tmp_path / "b.wav", folder, loaded[1], piece).write(loaded[0])
    production.stream(*loaded, piece)
    (tmp_path / "c.wav").write_bytes(capfdbinary.readouterr().out)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    for name in ("a.wav", "c.wav"):
        assert riff.cues(tmp_path / name) == [(0, "bar 1"), (BAR, "bar 2")]
        assert riff.loop(tmp_path / name) == ((0, 2 * BAR, 0) if loop else None)
        assert riff.tempo(tmp_path / name) == (120.0, 8, 4, 4, loop)
