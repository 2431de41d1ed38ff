"""The corpus of many kinds: shares, splits, tables, licences, and what is missing.

Tones stand in for Debian's packages; only the tests that say so need them.
"""

import collections
import csv
import io
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import soundfile

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))

import render_corpus  # noqa: E402
from corpus import (  # noqa: E402
    freedoom,
    general,
    mixing,
    needs,
    notices,
    recordings,
    rooms,
    scores,
    soundfont,
    sources,
)

from musika_tf.errors import UserError  # noqa: E402

SAMPLE_RATE = 44100
SOUNDFONT = pathlib.Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
GAMES, DOOM, SAMPLES = "/usr/share/games", "/usr/share/games/doom", "/usr/share/sonic-pi/samples"


def _is_there(function, *arguments):
    """Whether what a player needs is installed."""
    try:
        function(*arguments)
    except UserError:
        return False
    return True


needs_fluidsynth = pytest.mark.skipif(
    not _is_there(soundfont.check, SOUNDFONT, "general"), reason="fluidsynth or fluid-soundfont-gm is not installed"
)
needs_packages = pytest.mark.skipif(
    not _is_there(general.sources, SAMPLES, SOUNDFONT, GAMES, DOOM, 0), reason="a package of docs/corpora.md is missing"
)


class Tones:
    """A player of tones: one second for each piece of "a" to "g", of which "g" is held out."""

    def pieces(self, held_out):
        return ("g",) if held_out else tuple("abcdef")

    def render(self, rng, names, take):
        mix = [np.sin(np.arange(SAMPLE_RATE) / (20 + ord(name) - ord("a"))) for name in names]
        mono = np.concatenate(mix) + 0.1 * rng.standard_normal(SAMPLE_RATE * len(names))
        return rooms.spread(mono, rng, 0.5), {"drawn": float(rng.random())}


class Serial(Tones):
    """A player of tones by number."""

    def render(self, index, held_out):
        mix, facts = super().render(np.random.default_rng(index), "a", held_out)
        return 0.3 * mix, facts


def _sources():
    return (
        sources.Repertoire("tones", Tones(), 0.4, ("tone-package",), licence="CC0"),
        sources.Repertoire("chords", Tones(), 0.3, ("tone-package", "chords"), licence="MIT", pieces_per_track=4),
        sources.Series("series", Serial(), 0.3, ("serial",), is_recorded=True, licence="BSD"),
    )


def _render(out_dir, minutes=0.7, **changes):
    arguments = dict(seed=3, minutes=minutes, out_dir=out_dir, held_out=0.25, extension="flac") | changes
    return render_corpus.render_corpus(_sources(), **arguments)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("general")
    return out_dir, _render(out_dir)


# Shares and splits


@pytest.mark.parametrize("minutes", [20, 120, 600])
def test_any_beginning_holds_all_sources_by_their_shares(minutes):
    rng, seconds = np.random.default_rng(0), collections.Counter()
    shares = {"a": 0.5, "b": 0.3, "c": 0.15, "d": 0.05}
    players = [sources.Source(name, None, share) for name, share in shares.items()]
    while seconds.total() < 60 * minutes:
        seconds[sources.next_source(players, seconds).name] += rng.uniform(30, 200)
    for name, share in shares.items():
        assert seconds[name] / seconds.total() == pytest.approx(share, abs=0.25 * 20 / minutes)


def test_every_piece_is_played_once_before_any_again():
    (tones, chords, _) = _sources()
    for source, n_tracks in ((tones, 6), (chords, 2)):
        orders = []
        for take in range(3):
            chosen = [source.choose(0, take * n_tracks + number, False) for number in range(n_tracks)]
            assert {taken for _, taken in chosen} == {take}
            orders.append([name for names, _ in chosen for name in names])
            assert sorted(orders[-1]) == list("abcdef")
        assert len(set(map(tuple, orders))) == 3


def test_pieces_that_are_left_out_are_never_chosen():
    source = sources.Repertoire("tones", Tones(), pieces_per_track=2, left_out=frozenset("abc"))
    chosen = [source.choose(0, place, False)[0] for place in range(30)]
    assert all(chosen) and {name for names in chosen for name in names} == set("def")


def test_splits_share_no_piece(corpus):
    for source in ("tones", "chords"):
        pieces = {"train": set(), "held_out": set()}
        for split, facts in corpus[1][source]:
            pieces[split] |= set(facts["pieces"])
        assert pieces["held_out"] == {"g"} and "g" not in pieces["train"]


def test_a_source_without_held_out_pieces_is_trained_on():
    class All(Tones):
        def pieces(self, held_out):
            return () if held_out else ("a",)

    assert not sources.Repertoire("all", All()).has_held_out


def test_tracks_sound_and_say_how(corpus):
    out_dir, finished = corpus
    for path in sorted(out_dir.glob("*/*.flac")):
        waveform, _ = soundfile.read(path)
        facts = json.loads(path.with_suffix(".json").read_text())
        sound = facts["sound"]
        assert sound["correlation"] == pytest.approx(np.corrcoef(waveform.T)[0, 1], abs=0.02)
        assert sound["peak"] == pytest.approx(np.abs(waveform).max(), abs=0.001)
        assert sound["rms_dbfs"] == pytest.approx(20 * np.log10(mixing.rms(waveform)), abs=0.1)
        assert facts["seconds"] == pytest.approx(len(waveform) / SAMPLE_RATE)
    assert len({json.dumps(facts) for tracks_of in finished.values() for _, facts in tracks_of}) > 10


def test_the_same_command_makes_the_same_bytes_and_goes_on_where_it_stopped(corpus, tmp_path):
    out_dir, _ = corpus
    _render(tmp_path, minutes=0.3)
    early = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    _render(tmp_path)
    assert all(path.stat().st_mtime_ns == before for path, before in early.items())
    files = sorted(path.relative_to(out_dir) for path in out_dir.rglob("*.*"))
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.*"))
    assert all((out_dir / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)


def test_facts_without_levels_are_rendered_again(tmp_path, capsys):
    _render(tmp_path, minutes=0.1)
    facts = next(tmp_path.glob("*/tones-3-0000.json"))
    before = facts.read_bytes()
    facts.write_text('{"seconds": 1.0}')
    capsys.readouterr()
    _render(tmp_path, minutes=0.1)
    assert "tones-3-0000.flac: its .json is missing or damaged, rendered again" in capsys.readouterr().out
    assert facts.read_bytes() == before


def test_seeds_of_series_are_not_those_of_the_corpora_of_one_kind():
    # Held-out tracks of --kind=techno --seed=0 stay unheard by whoever trains on --kind=general.
    assert sources.SERIES_SEED_OFFSET >= 1000


# The table and the notices


def test_the_table_adds_up(corpus):
    rows = notices.table(_sources(), corpus[1])
    assert [row["source"] for row in rows] == ["tones", "chords", "series", "all"]
    for number in ("tracks", "train_minutes", "held_out_minutes"):
        assert rows[-1][number] == pytest.approx(sum(row[number] for row in rows[:-1]), abs=0.16)
    assert [row["pieces"] for row in rows[:2]] == [7, 7]
    assert rows[2]["pieces"] == rows[2]["tracks"]
    assert [row["sound"] for row in rows[:3]] == ["rendered", "rendered", "recorded"]
    for row in rows:
        assert row["least_correlation"] <= row["correlation"] <= row["most_correlation"]
    read = list(csv.DictReader(io.StringIO(notices.as_csv(rows))))
    assert [row["packages"] for row in read] == ["tone-package", "tone-package chords", "serial", ""]
    assert len({len(line) for line in notices.as_lines(rows)}) < 4


def test_notices_of_all_packages_land_in_one_file(tmp_path):
    for package, text in (("tone-package", "Copyright T"), ("chords", "Copyright \xe4")):
        (tmp_path / package).mkdir()
        (tmp_path / package / "copyright").write_text(text, encoding="latin-1")  # a broken one is no reason to stop
    text = notices.notice(_sources(), tmp_path)
    assert text.count("Copyright T") == 1 and "tone-package (in: tones, chords)" in text
    assert f"serial (in: series)\n{'=' * 78}\n\nIts copyright file is not installed here" in text


def test_music21s_own_words_are_in_the_notice():
    pytest.importorskip("music21")
    source = sources.Repertoire("works", Tones(), 1.0, ("music21",))
    assert "The music21 creators assume no copyright" in notices.notice([source])


def test_encodings_with_a_notice_and_likenesses_of_held_out_chorales_are_left_out():
    pytest.importorskip("music21")
    for held_out in (False, True):
        assert scores.free_works(held_out)
        assert not any("schumann" in name for name in scores.free_works(held_out))
    assert set(scores.chorales(False)) >= scores.LIKE_HELD_OUT


# What is missing


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "the Python module outer_one is missing: `pip install outer_one`"),
        ("import inner_one.deeper", r"inner_one is missing \(outer_one needs it\): `pip install inner_one`"),
        ("from math import nothing_there", "outer_one can't be imported: cannot import name 'nothing_there'"),
    ],
)
def test_the_module_that_is_really_missing_is_named(content, expected, tmp_path, monkeypatch):
    if content is not None:
        (tmp_path / "outer_one.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=expected):
        needs.module("outer_one")


@needs_fluidsynth
def test_piano_names_what_music21_lacks(tmp_path):
    (tmp_path / "music21.py").write_text("import webcolors_of_another_name")
    command = [sys.executable, TOOLS / "render_corpus.py", "--kind=piano", f"--out_dir={tmp_path / 'out'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "webcolors_of_another_name is missing (music21 needs it): `pip install webcolors_of" in done.stderr


# The packages themselves


@needs_packages
def test_the_sources_of_the_packages():
    found = general.sources(SAMPLES, SOUNDFONT, GAMES, DOOM, 0)
    assert sum(source.share for source in found) == pytest.approx(1)
    pieces = {source.name: source.player for source in found if isinstance(source, sources.Repertoire)}
    assert set(pieces["freedoom"].pieces(True)) == set(freedoom.HELD_OUT)
    assert set(pieces["games"].pieces(True)) == set(recordings.GAMES_HELD_OUT)
    assert len(pieces["freedoom"].pieces(False)) > 50 and len(pieces["games"].pieces(False)) > 30
    assert len(pieces["rock"].pieces(False)) == 4
    text = notices.notice(found)
    for package in {package for source in found for package in source.packages}:
        assert f"\n{package} (in: " in text
    assert "not installed here" not in text


@pytest.mark.long
@needs_packages
def test_a_track_of_every_recorded_source(tmp_path):
    found = [source for source in general.sources(SAMPLES, SOUNDFONT, GAMES, DOOM, 0) if source.is_recorded]
    finished = render_corpus.render_corpus(found, 0, 3.0, tmp_path, 0.1, "wav")
    for source in found:
        for _, facts in finished[source.name]:
            assert 0.15 < facts["sound"]["correlation"] < 0.97
            assert facts["sound"]["peak"] < 0.96 and facts["sound"]["quiet_share"] < 0.1


def test_held_out_works_of_the_piano_are_no_works_of_the_corpus():
    pytest.importorskip("music21")
    held_out = {*scores.works(True), *scores.chorales(True)}
    assert not held_out & {*scores.free_works(False), *scores.chorales(False)}
