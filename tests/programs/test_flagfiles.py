"""Flagfiles in command lines, taken in where they stand."""

import pytest

from musika_tf import shipped
from musika_tf.errors import UserError
from musika_tf.programs import flagfiles


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_lines_stand_where_their_file_was_named(empty_folder):
    (empty_folder / "a.flags").write_text("# what it is\n--x=1\n\n // more\n  --flagfile=b.flags  \n--y=a b\n")
    (empty_folder / "b.flags").write_text("--z\n")
    given = ["program", "--before", "--flagfile=a.flags", "--flagfile", "b.flags", "--after=--flagfile"]
    expected = ["program", "--before", "--x=1", "--z", "--y=a b", "--z", "--after=--flagfile"]
    assert flagfiles.expanded(given) == expected
    assert flagfiles.named(given) == ["a.flags", "b.flags"]
    assert flagfiles.beside(given) == {"before", "flagfile", "after"}


def test_presets_are_found_from_any_folder_and_hidden_by_ones_own(empty_folder):
    mini = flagfiles.expanded(["--flagfile=flags/mini.flags"])
    assert "--ae_width=128" in mini
    techno = flagfiles.expanded(["--flagfile=flags/techno.flags"])  # which takes in mini
    assert techno[: len(mini)] == mini and "--name=techno" in techno
    (empty_folder / "flags").mkdir()
    (empty_folder / "flags/mini.flags").write_text("--ae_width=8\n")
    assert flagfiles.expanded(["--flagfile=flags/techno.flags"])[0] == "--ae_width=8"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--flagfile=a.flags: no such preset; there are flags/mini.flags, flags/misc.flags, flags/music.flags"),
        (b"\xff\x00", "--flagfile=a.flags: no such preset"),
        (b"--flagfile=a.flags", "--flagfile=a.flags: takes itself in"),
        (b"--flagfile", "--flagfile=: no such preset"),
    ],
)
def test_what_is_no_flagfile_is_named(content, message, empty_folder):
    if content is not None:
        (empty_folder / "a.flags").write_bytes(content)
    with pytest.raises(UserError, match=message):
        flagfiles.expanded(["--flagfile=a.flags"])


def test_all_presets_are_listed():
    with pytest.raises(UserError) as caught:
        flagfiles.expanded(["--flagfile=none"])
    assert all(f"flags/{path.name}" in str(caught.value) for path in shipped.PRESETS.glob("*.flags"))
