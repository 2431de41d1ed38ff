"""What users steer by generate.py's flags: functions of absolute time in files, streams, parts, workers and loops."""

import dataclasses
import shlex
from fractions import Fraction

import numpy as np
import pytest
import tiny
from asking import ask
from comments import read_comment, read_piece

from musika_tf import processor
from musika_tf.errors import UserError
from musika_tf.generate import parts, production, rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.request import piece_of
from musika_tf.generate.styles import StylePlan
from musika_tf.model import bundle
from musika_tf.programs import cli
from musika_tf.workers import Pool

RATE = 44_100
PER_LATENT = tiny.AUTOENCODER.samples_per_latent
WINDOW = tiny.GAN.window * PER_LATENT
PART = 16 * WINDOW
COLUMNS = {"tempo": 0, "beat": slice(1, 11), "note_density": 11, "position": 12, "tags": 13}
CURVES = {"note_density": "2:0.1,9:0.9,14:0.4", "position": "0:0.1,20:0.8", "tags": "techno=0:0.2,12:0.6"}
POINTS = {
    "note_density": ([2, 9, 14], [0.1, 0.9, 0.4]),
    "position": ([0, 20], [0.1, 0.8]),
    "tags": ([0, 12], [0.2, 0.6]),
}


@pytest.fixture
def loaded(steerable):
    return tiny.load(steerable)


class Listening:
    """A bundle that keeps the signals it is given, by latent."""

    def __init__(self, loaded):
        self.loaded, self.heard = loaded, {}

    def render(self, **asked):
        rows, first = asked["conditioning"], int(asked["curve_start"])
        for i, row in enumerate(rows):
            known = self.heard.setdefault(first + i, row)
            np.testing.assert_array_equal(known, row)  # whoever asks, and from wherever
        return self.loaded.render(**asked)


def listen(loaded, piece, *ranges):
    """(latents, their signals `[n, 14]`) as the bundle gets them for ranges of a piece."""
    listening = Listening(loaded[0])
    for start, end in ranges:
        for _ in rendering.waveforms(listening, loaded[1], piece, start, end):
            pass
    latents = np.array(sorted(listening.heard))
    return latents, np.stack([listening.heard[latent] for latent in latents])


# Functions of absolute time


def test_curves_follow_time_through_all_parts(loaded):
    piece = Piece(1, StylePlan.constant(2), 1000, 20 * RATE, settings={**CURVES, "tempo": "117.5"})
    latents, signals = listen(loaded, piece, (None, None), (9 * RATE, 9 * RATE + 10), (15 * RATE, 16 * RATE))
    assert latents[0] <= 0 and latents[-1] * PER_LATENT > 20 * RATE and (np.diff(latents) == 1).all()
    times = (latents + 0.5) * PER_LATENT / RATE
    for name, (at, values) in POINTS.items():
        np.testing.assert_allclose(signals[:, COLUMNS[name]], np.interp(times, at, values), atol=1e-6)
    assert (signals[:, 0] == 117.5).all()
    np.testing.assert_allclose(signals[:, 1], np.cos(2 * np.pi * times * 117.5 / 240), atol=1e-5)


def test_in_a_loop_time_is_that_of_the_loop(loaded):
    length = 5 * RATE
    settings = {"note_density": "0:0.1,5:0.9", "tempo": "144"}  # three bars
    piece = Piece(1, StylePlan.constant(2), 0, 3 * length, loop_samples=length, settings=settings)
    latents, signals = listen(loaded, piece, (None, None), (100 * length - 9, 100 * length + 9))
    times = np.mod((latents + 0.5) * PER_LATENT / RATE, 5.0)
    np.testing.assert_allclose(signals[:, 11], np.interp(times, [0, 5], [0.1, 0.9]), atol=1e-6)
    np.testing.assert_allclose(signals[:, 5 + 1], np.sin(2 * np.pi * times * 144 / 240), atol=1e-5)
    assert latents[0] < 0


def test_what_is_heard_changes_where_the_curve_does(loaded):
    def render(text, start, n=9000):
        piece = Piece(1, StylePlan.constant(2), start, n, settings={"note_density": text, "position": "0.5"})
        return np.concatenate(list(rendering.waveforms(*loaded, piece)))

    step = "4:0.1,4.001:0.9"
    near = 2 * WINDOW  # windows that the step lies in, and their neighbours
    before, after = 4 * RATE - near - 9000, 4 * RATE + near
    np.testing.assert_allclose(render(step, before), render("0.1", before), atol=1e-5)
    np.testing.assert_allclose(render(step, after), render("0.9", after), atol=1e-5)
    assert np.abs(render("0.1", after) - render("0.9", after)).max() > 1e-3


def test_ranges_streams_and_parts_of_a_steered_piece_are_the_whole(loaded, steerable, tmp_path):
    piece = Piece(1, StylePlan.constant(2), 0, PART + 4321, settings={**CURVES, "tempo": "140"}, click=True)
    whole = np.concatenate(list(rendering.waveforms(*loaded, piece)))
    for start, n in [(1, 1), (5 * RATE - 3, 7000), (9 * WINDOW - 50, 100), (PART - 9, 999)]:
        part = dataclasses.replace(piece, start_sample=start, n_samples=n)
        samples = np.concatenate(list(rendering.waveforms(*loaded, part)))
        np.testing.assert_allclose(samples, whole[start : start + n], atol=1e-5)
    endless = rendering.waveforms(*loaded, dataclasses.replace(piece, n_samples=None))
    first = np.concatenate([next(endless) for _ in range(3)])
    np.testing.assert_allclose(first, whole[: len(first)], atol=1e-5)


@pytest.mark.long
def test_workers_and_parts_make_the_same_bytes(loaded, steerable, warm_workers, tmp_path):
    settings = {"note_density": "2:0.1,30:0.9", "position": "plan:9,9,237", "tags": "techno=0.5"}
    song = Piece(5, StylePlan.morph(6, 7, 20.0), 1000, 3 * PART, settings=settings, click=True)
    rendering.write(tmp_path / "direct.wav", *loaded, song)
    parts.PartedFile(tmp_path / "parts.wav", steerable, loaded[1], song).write(loaded[0])
    parts.PartedFile(tmp_path / "shared.wav", steerable, loaded[1], song).write(None, Pool(2, cli.start_tensorflow))
    made = {path.read_bytes() for path in tmp_path.glob("*.wav")}
    assert len(made) == 1
    assert read_piece(read_comment(tmp_path / "shared.wav")) == song


def test_another_curve_is_another_piece(loaded):
    """So that parts on disk are not mixed."""
    song = Piece(5, StylePlan.constant(6), 0, 100, settings={"note_density": "0.1"})
    for changed in ({"settings": {"note_density": "0.2"}}, {"settings": {}}, {"click": True}):
        assert dataclasses.replace(song, **changed).comment(loaded[1]) != song.comment(loaded[1])


def test_a_click_is_added_on_the_clock_of_the_model(loaded):
    piece = Piece(1, StylePlan.constant(2), 12_345, 3 * RATE, settings={"position": "0.5"})
    music, clicked = (
        np.concatenate(list(rendering.waveforms(*loaded, dataclasses.replace(piece, click=heard))))
        for heard in (False, True)
    )
    added = np.abs(clicked - music).max(axis=1)
    beat = 60 * RATE / piece.bpm(loaded[1])
    heard = np.flatnonzero(added)
    starts = heard[np.concatenate([[True], np.diff(heard) > 2205])] + 12_345
    expected = np.round(np.arange(1, 20) * beat).astype(int)
    np.testing.assert_array_equal(starts, expected[(expected >= 12_345) & (expected < 12_345 + 3 * RATE)])
    assert np.abs(clicked).max() < 1


# Files, as generate.py makes them


@pytest.fixture
def loaded_once(monkeypatch):
    monkeypatch.setattr(bundle, "load", tiny.load)


@pytest.mark.parametrize(
    "options",
    [
        {"tempo": "132", "click": True, "bars": 2, "seconds": None, "loop": True},
        {"note_density": "curve.csv", "position": "plan:0.5s,1", "tags": "techno=0:0.2,2s:0.5", "seconds": Fraction(3)},
        {"start": Fraction(5), "note_density": "0.25", "style_seed": 3},
    ],
)
def test_a_file_is_made_again_from_its_comment(steerable, loaded, loaded_once, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "curve.csv").write_text("time,value\n0,0.1\n1.5,0.75\n")
    production.run(ask(steerable, out="one.flac", **options), None)
    (tmp_path / "curve.csv").unlink()  # the comment holds its points
    comment = read_comment("one.flac")
    rendering.write("other.flac", *loaded, read_piece(comment))
    assert (tmp_path / "one.flac").read_bytes() == (tmp_path / "other.flac").read_bytes()
    if "loop" in options:
        assert comment.endswith("loop_samples=160364 bpm=132.0 click=1")
    elif "start" not in options:
        assert comment.endswith("note_density=0:0.1,1.5:0.75 position=plan:0.5,1,3 tags=techno=0:0.2,2:0.5")


def test_a_curve_of_many_points_is_in_the_comment_of_a_wav(steerable, loaded_once, tmp_path):
    rows = [(i, round(0.5 + 0.4 * np.sin(i / 9), 3)) for i in range(2000)]
    (tmp_path / "curve.csv").write_text("".join(f"{time},{value}\n" for time, value in rows))
    production.run(ask(steerable, note_density=str(tmp_path / "curve.csv"), out=str(tmp_path / "a.wav")), None)
    piece = read_piece(read_comment(tmp_path / "a.wav"))
    assert piece.settings["note_density"] == ",".join(f"{time}:{value}" for time, value in rows)


def test_previews_begin_as_the_pieces_of_their_commands(steerable, loaded, loaded_once, tmp_path):
    options = {"tempo": "140", "tags": "techno=0.5", "style_to": 9, "click": True}
    asked = ask(steerable, seconds=Fraction(2), n_pieces=1, previews=True, out=str(tmp_path), **options)
    production.run(asked, None)
    assert asked.options() == ["--length=3m57s", "--style_to=9", "--bpm=140", "--tags=techno=0.5", "--click"]
    page = (tmp_path / "index.html").read_text()
    assert shlex.join(["--seed=7", *asked.options()]) in page
    preview = read_piece(read_comment(tmp_path / "steerable-7.flac"))
    whole = piece_of(ask(seconds=Fraction(237), **options), 7, loaded[1])
    assert dataclasses.replace(whole, n_samples=2 * RATE) == preview


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({"seconds": Fraction(15)}, "--length=15"),
        ({"seconds": Fraction("7.5")}, "--length=7.5"),
        ({"seconds": None, "bars": 8}, "--bars=8"),
    ],
)
def test_a_loop_is_its_own_preview(loaded, options, length):
    asked = ask(**options, loop=True, previews=True, style_to=9, tempo="128")
    assert asked.options() == [length, "--style_to=9", "--bpm=128", "--loop"]
    piece = piece_of(asked, 7, loaded[1])
    assert piece == piece_of(dataclasses.replace(asked, previews=False), 7, loaded[1])
    assert piece.loop_samples == piece.n_samples and piece.style.keyframes[1][0] == piece.n_samples / RATE / 2


def test_the_flags_are_the_settings():
    from musika_tf.conditioning.steering import SETTINGS

    asked = ask(**dict.fromkeys(SETTINGS, "0.5"))
    assert asked.options() == ["--length=3m57s", *(f"--{flag}=0.5" for flag in SETTINGS.values())]


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tags": "rock=0.5"}, "--tags=rock=0.5: "),
        ({"note_density": "3"}, "--note_density=3: "),
        ({"position": "7"}, "--position=7: "),
        ({"tempo": "7"}, "--bpm=7: "),
        ({"loop": True, "seconds": Fraction(1, 2), "tempo": "120"}, "--loop: 0.5s is too short to loop"),
        ({"start": Fraction(10**13)}, "--start, --length: beyond 2.53 samples"),
        ({"out": "a.mp5"}, "a.mp5: the name must end in"),
        ({"style_file": "missing.json"}, "--style_file=missing.json: can't be read"),
    ],
)
def test_what_is_wrong_is_said_before_tensorflow_starts(steerable, options, message):
    started = []
    with pytest.raises(UserError, match=f"^{message}"):
        production.run(ask(steerable, **options), started.append)
    assert not started


def test_tensorflow_starts_before_a_tempo_is_drawn(steerable):
    started = []
    with pytest.raises(UserError, match="^--loop: 0.5s is too short to loop"):
        production.run(ask(steerable, loop=True, seconds=Fraction(1, 2)), started.append, threads=3)
    assert started == [3]


def test_the_precision_is_in_the_piece_and_its_command(loaded, monkeypatch):
    monkeypatch.setattr(processor, "facts", lambda: {"flags": "avx512_bf16"})
    asked = ask(previews=True, precision="bfloat16")
    assert asked.options() == ["--length=3m57s", "--precision=bfloat16"]
    assert piece_of(asked, 7, loaded[1]).precision == "bfloat16"
