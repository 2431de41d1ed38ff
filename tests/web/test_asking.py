"""What a visitor types -> a piece; no text of his is a path."""

import shlex
import sys

import pytest
import warm

from musika_tf import shipped
from musika_tf.generate.request import Request, piece_of
from musika_tf.web import asking
from musika_tf.web.catalogue import Catalogue
from musika_tf.web.limits import Limits

LIMITS = Limits(longest_seconds=60, letters=200)


def parse(catalogue, endless=False, **fields):
    return asking.parse(fields, catalogue, LIMITS, endless)


# fmt: off
WRONG = [
    ({"model": "models/techno"}, "model", "no such model; there are tiny, steerable"),
    ({"model": "../../etc/passwd"}, "model", "no such model"),
    ({"length": "abc"}, "length", "abc: give a duration above 0"),
    ({"length": "inf"}, "length", "give a duration"),
    ({"length": "61"}, "length", "at most 1m here"),
    ({"length": "9" * 100}, "length", "longer than 10^15 seconds"),
    ({"bars": "0"}, "bars", "0: give a whole number from 1 to 10000"),
    ({"bars": "1e3"}, "bars", "1e3: give a whole number"),
    ({"bars": "10000"}, "bars", "at most 1m here"),
    ({"seed": "1.5"}, "seed", "1.5: give a whole number below 2^63"),
    ({"seed": str(2**63)}, "seed", "give a whole number below 2^63"),
    ({"truncation": "nan"}, "truncation", "nan: give a number from 0.1 to 3.9"),
    ({"truncation": 4.0}, "truncation", "4: give a number from 0.1 to 3.9"),
    ({"bpm": "60"}, "bpm", "60: 60 is outside of the range that this model was trained on"),
    ({"note_density": "0.5"}, "note_density", "0.5: the model tiny was not trained for that; it follows bpm"),
    ({"model": "steerable", "note_density": "much"}, "note_density", "much: give moving, moving:0.45, a number"),
    ({"model": "steerable", "tags": "rock=0.5"}, "tags", "rock=0.5: the model steerable was not trained for that"),
    ({"model": "steerable", "position": "plan:1,2,3,4"}, "position", "plan:1,2,3,4: give two durations"),
    ({"length": "30", "loop": "1", "bpm": "127"}, "loop", "30s at 127 BPM are"),
    ({"length": "0.5", "loop": True}, "loop", "0.5s is too short to loop"),
    ({"loop": "often"}, "loop", "often: give 1 or 0"),
    ({"seed": "7" * 201}, "seed", "201 letters; at most 200 here"),
]
# fmt: on


@pytest.mark.parametrize(("fields", "field", "message"), WRONG)
def test_what_is_wrong_names_its_field(catalogue, fields, field, message):
    with pytest.raises(asking.FieldError, match=".*") as caught:
        parse(catalogue, **fields)
    assert caught.value.field == field and message in str(caught.value)
    assert "--" not in str(caught.value) and "CSV" not in str(caught.value)


def test_what_is_empty_is_as_by_default(catalogue):
    asked, piece = parse(catalogue, length="", bpm=None, loop=False)
    assert asked == asking.Asked("tiny", 0, 23)
    assert piece == piece_of(Request("", None, 0, 23), 0, catalogue.metadata("tiny"))
    assert parse(catalogue, endless=True, length="bad")[1].n_samples is None


FULL = {
    "model": "steerable", "seed": "-5", "length": "12.5", "truncation": "1.5", "bpm": "132",
    "note_density": "0:0.1,10s:0.8", "position": "0.5", "tags": "techno=0.5",
}  # fmt: skip


def test_a_link_and_its_fields_are_the_same_piece(catalogue):
    asked, piece = parse(catalogue, **FULL)
    assert asked.fields() == FULL
    assert parse(catalogue, **asked.fields()) == (asked, piece)
    barred, piece = parse(catalogue, bars=2, bpm=120.0, loop=True)
    assert piece.n_samples == piece.loop_samples == 4 * 44_100
    assert parse(catalogue, **barred.fields()) == (barred, piece)


OF_COMMAND = """
import sys
from musika_tf.generate.request import piece_of
from musika_tf.model.metadata import read_metadata
from musika_tf.programs import cli, generate
folder, *words = sys.argv[1:]
cli.FLAGS(words)
request, metadata = generate.request(), read_metadata(folder)
piece = piece_of(request, request.seed, metadata)
print(piece.comment(metadata), piece.n_samples, piece.loop_samples)
"""


@pytest.mark.parametrize("fields", [{}, {"bars": "8", "bpm": "128", "loop": "1", "seed": "9", "truncation": "1.0"}])
def test_the_command_makes_the_same_piece(fields):
    techno = Catalogue([shipped.DEFAULT_MODEL])
    asked, piece = asking.parse(fields, techno, Limits())
    words = shlex.split(asked.command())
    assert words[:2] == ["python", "generate.py"] and words[-1] == f"--out=techno-{asked.seed}.wav"
    done = warm.run("-c", OF_COMMAND, shipped.default_model(), *words[1:])
    comment = piece.comment(techno.metadata(shipped.DEFAULT_MODEL))
    assert done.stdout.strip() == f"{comment} {piece.n_samples} {piece.loop_samples}", done.stderr


@pytest.mark.parametrize("text", ["{}", " {} ", "{}/", "{}/.", "0:{}", "0:0.1,{}", "./{}", "~/{}", "{}\n"])
def test_no_text_is_a_path(catalogue, tmp_path, monkeypatch, text):
    (tmp_path / "curve.CSV").write_text("0,0.5\n")
    monkeypatch.chdir(tmp_path)
    for path in ("curve.CSV", str(tmp_path / "curve.CSV")):
        opened, value = [], text.format(path)
        sys.addaudithook(lambda name, arguments, opened=opened: name == "open" and opened.append(str(arguments[0])))
        for field in asking.FIELDS:
            typed = f"techno={value}" if field == "tags" else value
            with pytest.raises(asking.FieldError):
                parse(catalogue, **{"model": "steerable", field: typed})
        assert not [name for name in opened if "curve" in name]


def test_public_names_say_nothing_of_the_host(folder, catalogue):
    assert catalogue.names == ["tiny", "steerable"]
    assert str(folder.parent) not in parse(catalogue)[0].command()
