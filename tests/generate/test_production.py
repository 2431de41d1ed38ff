"""What generate.py was asked for: names, streams, pages, and what contradicts itself."""

import errno
import html.parser
import json
import os
import shlex
import shutil
import threading
from fractions import Fraction

import numpy as np
import pytest
import soundfile
import tiny
from comments import read_comment, read_piece
from PIL import Image

from musika_tf.errors import UserError
from musika_tf.generate import preview_page, production, rendering
from musika_tf.generate.piece import Piece
from musika_tf.generate.request import Request, piece_of, random_seed
from musika_tf.generate.styles import StylePlan
from musika_tf.model import bundle

RATE = 44_100


def request(folder="models/none", seed=7, seconds=Fraction(1), **options):
    return Request(shipped=str(folder), bundle_dir=None, seed=seed, seconds=seconds, **options)


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    monkeypatch.setattr(bundle, "load", tiny.load)


def run(*args, **options):
    production.run(request(*args, **options), prepare=None)


def comment_of(path):
    return read_piece(read_comment(path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seconds": None}, "--length=inf: a file has to end; stream it"),
        ({"seconds": None, "out": "a.wav"}, "--length=inf: a file has to end"),
        ({"seconds": None, "out": "-", "loop": True}, "--loop: needs a --length"),
        ({"seconds": None, "out": "-", "style_to": 3}, "--style_to: in a piece without end add --style_over"),
        ({"style_over": Fraction(3)}, "--style_over: how long --style_to takes; add it"),
        ({"style_to": 9, "style_over": Fraction(3), "loop": True}, "--style_over: a loop morphs there and back"),
        ({"style_file": "plan.json", "style_seed": 3}, "--style_file: says all about the style; leave out"),
        ({"style_file": "plan.json", "style_to": 3}, "--style_file: says all about the style; leave out"),
        ({"out": "-", "n_pieces": 2}, "--out=-: one piece at a time"),
        ({"out": "-", "previews": True}, "--out=-: one piece at a time"),
        ({"out": "-", "n_workers": 2}, "--workers: make the parts of a file"),
        (
            {"out": "a.wav", "n_pieces": 2},
            "--out=a.wav: several pieces need a folder that exists, or a name with {seed}",
        ),
        ({"seed": 2**63}, "--seed=9223372036854775808: too large; give a whole number below"),
        ({"seed": 2**63 - 3, "n_pieces": 4}, "--seed=9223372036854775805: too large; give a whole number below"),
        ({"style_to": -(2**63)}, "--style_to=-9223372036854775808: too large; give a whole number below"),
        ({"n_pieces": 5000, "previews": True}, "--preview=5000: at most 1000 on one page"),
    ],
)
def test_contradictions_are_named(options, message):
    with pytest.raises(UserError, match="^" + message.replace("{", r"\{")):
        request(**options)


@pytest.mark.parametrize(
    ("options", "piece"),
    [
        ({}, Piece(7, StylePlan.constant(7), 0, RATE)),
        ({"style_seed": 3, "start": Fraction("0.5")}, Piece(7, StylePlan.constant(3), RATE // 2, RATE)),
        ({"style_to": 9, "start": Fraction(4)}, Piece(7, StylePlan.morph(7, 9, 5.0), 4 * RATE, RATE)),
        (
            {"style_to": 9, "start": Fraction(4), "previews": True},
            Piece(7, StylePlan.morph(7, 9, 241.0), 4 * RATE, RATE),
        ),
        ({"style_to": 9, "style_over": Fraction(60)}, Piece(7, StylePlan.morph(7, 9, 60.0), 0, RATE)),
        ({"style_to": 7}, Piece(7, StylePlan.constant(7), 0, RATE)),
        (
            {"style_to": 9, "loop": True},
            Piece(7, StylePlan.morph(7, 9, 1.0, loop=True), 0, RATE, loop_samples=RATE),
        ),
        ({"seconds": None, "out": "-", "truncation": 0.5}, Piece(7, StylePlan.constant(7), truncation=0.5)),
        ({"seconds": Fraction(1, 10**9)}, Piece(7, StylePlan.constant(7), 0, 1)),
    ],
)
def test_pieces(options, piece):
    assert piece_of(request(**options), 7, {"sample_rate": RATE, "conditioning": []}) == piece


def test_several_pieces_have_consecutive_seeds(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "songs").mkdir()
    run(folder, n_pieces=2)
    run(folder, n_pieces=2, out="songs")
    run(folder, n_pieces=2, out="{seed}.flac", style_seed=1)
    names = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*") if path.is_file())
    assert names == ["7.flac", "8.flac", "songs/tiny-7.wav", "songs/tiny-8.wav", "tiny-7.wav", "tiny-8.wav"]
    assert (tmp_path / "songs" / "tiny-8.wav").read_bytes() == (tmp_path / "tiny-8.wav").read_bytes()
    assert comment_of(tmp_path / "tiny-8.wav") == Piece(8, StylePlan.constant(8), 0, RATE)
    assert comment_of(tmp_path / "8.flac") == Piece(8, StylePlan.constant(1), 0, RATE)
    out, err = capsys.readouterr()
    assert out.count("of music (seed 8) in") == 3
    assert "1s of 1s" in err and "0s left" in err


def test_a_loop_says_its_bars(folder, tmp_path, capsys):
    run(folder, seconds=Fraction(8), loop=True, out=str(tmp_path / "loop.wav"))
    piece = comment_of(tmp_path / "loop.wav")
    assert piece.n_samples == piece.loop_samples == 8 * RATE
    bpm = float(piece.settings["tempo"])
    assert 8 * bpm / 240 == pytest.approx(round(8 * bpm / 240))
    assert f"seed 7: a loop of {8 * bpm / 240:.0f} bars at {bpm:.2f} BPM" in capsys.readouterr().err


def test_a_plan_that_wav_cannot_hold_is_refused_before_rendering(folder, tmp_path, monkeypatch):
    plan = [{"time": i / 10, "style": i} for i in range(200)]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    options = {"style_file": str(tmp_path / "plan.json"), "n_workers": 2}
    monkeypatch.setattr("musika_tf.generate.parts.PartedFile.write", None)
    monkeypatch.setattr("musika_tf.audio.writer._MAX_WAV_COMMENT", 2000)
    with pytest.raises(UserError, match="a.wav: a comment of .* bytes, as a long curve or plan of styles makes it"):
        run(folder, out=str(tmp_path / "a.wav"), **options)
    run(folder, out=str(tmp_path / "a.flac"), **{**options, "n_workers": 1})
    assert len(comment_of(tmp_path / "a.flac").style.keyframes) == 200


def test_long_pieces_and_workers_go_by_parts(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(production, "_LONG_SECONDS", 2)
    made = []

    def write(file, loaded, pool, progress):
        made.append((file.piece.n_samples, pool and (pool.n_workers, pool.threads)))

    monkeypatch.setattr("musika_tf.generate.parts.PartedFile.write", write)
    out = str(tmp_path / "a.wav")
    run(folder, seconds=Fraction(2), out=out)
    assert not made
    run(folder, seconds=Fraction(3), out=out)
    production.run(request(folder, seconds=Fraction(1), out=out, n_workers=4), prepare=None, threads=3)
    assert made == [(3 * RATE, None), (RATE, (4, 3))]


# Streams


def streamed(take, *args, **options):
    """(what a reader of standard output gets that closes it after `take` bytes, the UserError or None)."""
    reader, writer = os.pipe()
    got = []

    def read():
        with open(reader, "rb") as file:
            got.append(file.read(take))

    thread, error = threading.Thread(target=read), None
    kept = os.dup(1)
    os.dup2(writer, 1)
    os.close(writer)
    thread.start()
    try:
        run(*args, out="-", **options)
        print("not among the samples", flush=True)
    except UserError as user_error:
        error = user_error
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    thread.join()
    return got[0], error


def test_a_stream_is_the_file(folder, tmp_path, capfd):
    run(folder, out=str(tmp_path / "a.wav"))
    data, error = streamed(-1, folder)
    assert error is None
    (tmp_path / "b.wav").write_bytes(data)
    a, b = (soundfile.read(tmp_path / name, dtype="int16")[0] for name in ("a.wav", "b.wav"))
    np.testing.assert_array_equal(a, b)
    assert comment_of(tmp_path / "b.wav") == comment_of(tmp_path / "a.wav")


def test_an_endless_stream_ends_quietly_with_its_reader(folder, capfd):
    data, error = streamed(400_000, folder, seconds=None)
    assert error is None and len(data) == 400_000
    piece = Piece(7, StylePlan.constant(7), 0, 50_000)
    expected = np.concatenate(list(rendering.waveforms(*tiny.load(folder), piece)))
    samples = np.frombuffer(data[data.index(b"data") + 8 :][:200_000], np.int16).reshape(-1, 2)
    np.testing.assert_allclose(samples / 32768, expected, atol=1e-4)


def test_a_reader_that_misses_the_end_is_told(folder, capfd):
    data, error = streamed(1000, folder, seconds=Fraction(30))
    assert len(data) == 1000
    assert str(error) == "--out=-: the reader closed the pipe before the end of 30s"


def test_what_is_printed_meanwhile_is_not_among_the_samples(capfd):
    with production_output() as (descriptor, read):
        print("a notice")
        os.write(descriptor, b"samples")
        assert read() == b"samples"


class production_output:
    """`standard_output` over a pipe."""

    def __enter__(self):
        from musika_tf.audio.stream import standard_output

        self.reader, writer = os.pipe()
        self.kept = os.dup(1)
        os.dup2(writer, 1)
        os.close(writer)
        self.output = standard_output()
        return self.output.__enter__(), lambda: os.read(self.reader, 100)

    def __exit__(self, *error):
        self.output.__exit__(*error)
        os.dup2(self.kept, 1)
        os.close(self.kept)
        os.close(self.reader)


# Previews


class Page(html.parser.HTMLParser):
    """Collects tags and checks that they close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.codes = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "code":
            self.codes.append(data)


def test_previews_have_a_page_to_pick_from(folder, tmp_path, capsys):
    options = {"style_seed": 3, "truncation": 1.5, "start": Fraction(5, 2)}
    run(folder, n_pieces=2, previews=True, out=str(tmp_path / "page"), **options)
    page = Page((tmp_path / "page" / "index.html").read_text())
    names = [f"tiny-{seed}.{suffix}" for seed in (7, 8) for suffix in ("flac", "png")]
    assert page.sources == names  # relative, and nothing from elsewhere
    assert sorted(os.listdir(tmp_path / "page")) == sorted([*names, "index.html"])
    assert shlex.split(page.codes[1]) == [
        "python", "generate.py", "--seed=8", "--length=3m57s", "--style_seed=3", "--truncation=1.5",
        "--start=2.5", "--out=tiny-8.wav",
    ]  # fmt: skip
    assert comment_of(tmp_path / "page" / "tiny-8.flac") == Piece(8, StylePlan.constant(3), 5 * RATE // 2, RATE, 1.5)
    assert (tmp_path / "page" / "tiny-8.png").read_bytes()[:4] == b"\x89PNG"
    assert f"{tmp_path / 'page' / 'index.html'}: open it in a browser" in capsys.readouterr().out


def test_a_page_escapes_what_it_names():
    text = preview_page.document("<b>&model", "15s", [(1, 'a"b.flac', "a.png", "python 'x' <y>")])
    assert Page(text).sources == ["a%22b.flac", "a.png"]
    assert "<b>&model" not in text


def test_a_page_of_a_model_whose_name_is_no_utf8():
    text = preview_page.document("m\udcff", "15s", [(1, "m\udcff.flac", "m.png", "generate.py --out=m\udcff")])
    assert Page(text).sources == ["m%FF.flac", "m.png"] and "--out=m\\udcff" in text.encode().decode()


@pytest.mark.parametrize("name", ["m [1]", "a*?{b}\\", "ends in a space ", b"no utf-8 \xff"])
def test_folders_of_any_name(folder, tmp_path, name, monkeypatch):
    """A bundle's, and that of what is made."""
    monkeypatch.setattr(production, "_LONG_SECONDS", 0.5)
    odd = tmp_path / os.fsdecode(name)
    shutil.copytree(folder, odd)
    metadata = json.loads((odd / "metadata.json").read_text()) | {"name": odd.name}
    (odd / "metadata.json").write_text(json.dumps(metadata))
    run(odd, out=str(odd / f"{odd.name}.flac"))
    run(odd, n_pieces=1, previews=True, out=str(odd / "previews"), seconds=Fraction(1, 4))
    assert comment_of(odd / f"{odd.name}.flac") == Piece(7, StylePlan.constant(7), 0, RATE)
    names = {f"{odd.name}-7.flac", f"{odd.name}-7.png", "index.html"}
    assert {path.name for path in (odd / "previews").iterdir()} == names
    assert not [path.name for path in odd.iterdir() if path.name.startswith(".")]


def test_a_full_disk_leaves_no_half_a_picture(folder, tmp_path, monkeypatch):
    save = Image.Image.save

    def save_half(self, path, **options):
        if hasattr(path, "write"):  # in memory
            return save(self, path, **options)
        with open(path, "wb") as file:
            file.write(b"\x89PNG")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Image.Image, "save", save_half)
    with pytest.raises(UserError, match="tiny-7.png: can't be written .No space left on device.;"):
        run(folder, n_pieces=1, previews=True, out=str(tmp_path))
    assert os.listdir(tmp_path) == ["tiny-7.flac"]


def test_previews_need_a_folder(tmp_path):
    with pytest.raises(UserError, match="--out=a.wav: previews go into a folder"):
        preview_page.check_folder("a.wav")
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out=.*file: can't be made"):
        preview_page.check_folder(tmp_path / "file")


def test_random_seeds_differ_and_are_short():
    seeds = {random_seed() for _ in range(50)}
    assert len(seeds) > 45  # a birthday in a million is rare
    assert all(0 <= seed < 10**6 for seed in seeds)
