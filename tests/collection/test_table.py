import csv
import dataclasses
import os
import pathlib

import pytest

from musika_tf.collection import table
from musika_tf.collection.table import IGNORED, LEFT_OUT, USED, Row, Table
from musika_tf.errors import UserError

PLAIN = Row(pathlib.Path("/m/a.wav"), "a.wav", USED, 3.0, 44_100, 2, "WAV PCM_16", n_bytes=5, modified=7)
MONO = dataclasses.replace(PLAIN, file="東京.wav", channels=1, seconds=3600.0).noted("mono", "mono upmixed")
LOST = Row(pathlib.Path("/m/b.mp3"), "b\n.mp3").left_out("not-audio", "not audio (HTML)")
COVER = Row(pathlib.Path("/m/c.JPG"), "c.JPG").left_out("not-audio", "not audio", IGNORED)


def test_rows_say_what_was_done_or_why_not():
    loud, silent = (1.0, 0.25), (1e-5, 0.0)
    assert MONO.heard(0.5, 0.0) == dataclasses.replace(MONO, peak=0.5, clipped=0.0)
    assert MONO.heard(*loud).flags == ("mono", "clipped")
    assert MONO.heard(*loud).what == "mono upmixed, clipped (25 % of its samples)"
    assert (MONO.heard(*silent).status, MONO.heard(*silent).flags) == (USED, ("mono", "silent"))
    left_out = MONO.heard(*silent, leave_out_silence=True)
    assert (left_out.status, left_out.flags, left_out.what) == (LEFT_OUT, ("silent",), "digital silence")
    assert MONO.remembered(MONO.heard(*silent).flags) == MONO.noted("silent", MONO.heard(*silent).notes[-1])
    assert MONO.remembered(("mono", "clipped", "short")).flags == ("mono", "clipped")  # short is the header's to say
    assert PLAIN.line() == "a.wav: used" and MONO.line() == "東京.wav: used: mono upmixed"
    assert LOST.line() == "b\\n.mp3: left out: not audio (HTML)"


def test_text_is_aligned_whatever_is_in_a_name():
    lines = Table([PLAIN, MONO, LOST, COVER]).text().splitlines()
    assert lines == [
        "file      seconds     Hz  channels  encoding    what was done, or why not",
        "a.wav         3.0  44100         2  WAV PCM_16  used",
        "東京.wav   3600.0  44100         1  WAV PCM_16  mono upmixed",  # two columns a letter
        "b\\n.mp3         -      -         -  -           left out: not audio (HTML)",
        "2 files used, 1h3s; 1 left out; 1 that are no audio and not named like it (1 .jpg)",
    ]


def test_text_of_what_is_worth_saying():
    lines = Table([PLAIN, MONO, LOST, COVER]).text(all_rows=False).splitlines()
    assert [line.split()[0] for line in lines] == ["file", "東京.wav", "b\\n.mp3", "2"]
    assert Table([PLAIN]).text(all_rows=False) == "1 file used, 3s; 0 left out"


@pytest.mark.parametrize(
    ("rows", "strict", "message"),
    [
        ([PLAIN, MONO, COVER], True, None),
        ([PLAIN, LOST], False, None),
        ([PLAIN, LOST], True, r"--strict: 1 file of --audio_dir=m left out \(b\\n.mp3: not audio \(HTML\)\)"),
        ([LOST], False, r"--audio_dir=m: nothing in it can be used \(b\\n.mp3: not audio \(HTML\)\)"),
        ([LOST] * 5, True, "b.n.mp3.*b.n.mp3.*b.n.mp3.*and 2 more"),
        ([COVER], False, "no audio"),
    ],
)
def test_check(rows, strict, message):
    if message is None:
        return Table(rows).check("--audio_dir=m", strict)
    with pytest.raises(UserError, match=message) as error:
        Table(rows).check("--audio_dir=m", strict)
    assert "\n" not in str(error.value)


def test_csv_has_all_rows_and_all_columns(tmp_path):
    whole = Table([PLAIN.heard(0.123456789, 0.0), MONO.heard(1.0, 0.5), LOST, COVER])
    whole.write(tmp_path / "t.csv")
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    assert [row["file"] for row in rows] == ["a.wav", "東京.wav", "b\\n.mp3", "c.JPG"]
    assert rows[1] == {
        "file": "東京.wav", "seconds": "3600.000", "rate": "44100", "channels": "1", "encoding": "WAV PCM_16",
        "status": "used", "flags": "mono clipped", "what": "mono upmixed, clipped (50 % of its samples)",
        "peak": "1.0", "clipped": "0.5", "bytes": "5", "modified": "7",
    }  # fmt: skip
    assert [row["status"] for row in rows] == ["used", "used", "left out", "ignored"]
    assert table.known_levels(tmp_path / "t.csv") == {
        ("a.wav", 5, 7, rows[0]["seconds"]): (0.123456789, 0.0),
        ("東京.wav", 5, 7, "3600.000"): (1.0, 0.5),
    }


def test_names_that_are_no_unicode(tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")  # Latin-1, from an old disk
    row = dataclasses.replace(PLAIN, file=name)
    Table([row]).write(tmp_path / "t.csv")
    assert "caf\\udce9.wav" in (tmp_path / "t.csv").read_text()
    assert "caf\\udce9.wav" in Table([row]).text() and "caf\\udce9.wav" in row.line()


def test_csv_is_whole_or_not_there(tmp_path):
    Table([PLAIN]).write(tmp_path / "t.csv")
    before = (tmp_path / "t.csv").read_bytes()
    broken = dataclasses.replace(PLAIN, seconds="three")
    with pytest.raises(ValueError):
        Table([PLAIN, broken]).write(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_bytes() == before and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(UserError, match="none/t.csv: can't be written"):
        Table([PLAIN]).write(tmp_path / "none" / "t.csv")


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "file,bytes,modified,peak,clipped\na,x,y,1,2\n", "\xff\0"])
def test_a_damaged_csv_knows_nothing(tmp_path, content):
    (tmp_path / "t.csv").write_text(content, encoding="latin-1")
    assert table.known_levels(tmp_path / "t.csv") == {}
    assert table.known_levels(tmp_path / "none.csv") == {}
