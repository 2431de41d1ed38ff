import os
import re
import signal
import socket
import subprocess
import sys

import pytest
import tiny

from musika_tf import atomic


@pytest.mark.parametrize("to_disk", [False, True])
def test_a_file_takes_its_name_when_it_is_whole(tmp_path, to_disk):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with atomic.replacing(path, to_disk) as hidden_path:
        hidden_path.write_text("new")
        assert path.read_text() == "old" and hidden_path == atomic.hidden(path)
        assert hidden_path.name.startswith(".x.txt.") and hidden_path.name.endswith(f"-{os.getpid()}")
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["x.txt"]


LONG_NAMES = [f"{letter * n}{'i' * m}.npz" for letter, n in (("x", 210), ("音", 70)) for m in range(42)]


@pytest.mark.parametrize("name", LONG_NAMES)
def test_a_hidden_name_is_no_longer_than_names_may_be(tmp_path, name):
    hidden_name, writer = atomic.hidden(tmp_path / name).name, f".{socket.gethostname()}-{os.getpid()}"
    assert len(os.fsencode(hidden_name)) <= 255 and re.fullmatch(rf"\..+\.npz{re.escape(writer)}", hidden_name)
    kept = hidden_name.removesuffix(writer)[9:]
    assert hidden_name == f".{name}{writer}" or (name.endswith(kept) and len(os.fsencode(hidden_name)) > 252)
    assert hidden_name != atomic.hidden(tmp_path / f"y{name[1:]}").name
    atomic.write_text(tmp_path / name, "text")
    assert (tmp_path / name).read_text() == "text" and os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(error), atomic.replacing(path) as hidden_path:
        hidden_path.write_text("half")
        raise error
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["x.txt"]


def test_nothing_written_is_an_error_and_leaves_the_old_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic.replacing(path):
        pass
    assert path.read_text() == "old"


def test_a_kill_leaves_the_old_file(tmp_path):
    (tmp_path / "x.txt").write_text("old")
    code = (
        "import os, signal; from musika_tf import atomic\n"
        "with atomic.replacing('x.txt') as path:\n"
        "    path.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tiny.ROOT)})
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "x.txt").read_text() == "old" and len(os.listdir(tmp_path)) == 2


def test_a_pipe_or_a_link_is_written_to_itself(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    atomic.write_text(tmp_path / "link", "new ü")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "target").read_text(encoding="utf-8") == "new ü"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    atomic.write_text(tmp_path / "pipe", "text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe", "target"]
