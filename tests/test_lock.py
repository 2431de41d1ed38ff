"""One program at a time, and none that is blocked by a dead one."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from musika_tf import lock
from musika_tf.errors import UserError

HOLDER = """
import sys
from musika_tf import lock
with lock.held(sys.argv[1], "x"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of the folder."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path / ".lock"], **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def refused(path):
    with pytest.raises(UserError) as error, lock.held(path, "--out_dir=x"):
        pytest.fail("held by two")
    return str(error.value)


def test_the_second_program_is_told_who_holds_it(tmp_path, holder):
    told = refused(tmp_path / ".lock")
    assert told == (
        f"--out_dir=x: in use by process {holder.pid} on {socket.gethostname()}; wait until it ends, or name another"
    )
    assert refused(tmp_path / ".lock") == told  # to be refused takes nothing away
    holder.communicate("")
    with lock.held(tmp_path / ".lock", "x"):
        pass


def test_a_killed_program_blocks_nobody(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".lock").is_file()
    with lock.held(tmp_path / ".lock", "x"):
        assert re.search(rf"\b{os.getpid()}\b", (tmp_path / ".lock").read_text())
        assert f"process {os.getpid()} on" in refused(tmp_path / ".lock")
    assert os.listdir(tmp_path) == []


def test_the_folder_is_made_and_freed_when_the_work_fails(tmp_path):
    path = tmp_path / "a" / "b" / ".lock"
    with pytest.raises(ZeroDivisionError), lock.held(path, "x"):
        assert path.is_file()
        1 / 0  # noqa: B018
    with lock.held(path, "x"):
        pass


def test_a_file_that_its_holder_removed_is_not_taken_for_the_lock(tmp_path, monkeypatch):
    """Two that open the file while it is held: when its holder is gone, only one of them may get the lock."""
    path, opened = tmp_path / ".lock", []
    real_open = os.open

    def late_open(*arguments):
        descriptor = real_open(*arguments)
        if not opened:  # the holder ends, and another one comes, before this one asks for the lock
            opened.append(descriptor)
            os.unlink(path)
            other = lock._locked(path)
            opened.append(other)
        return descriptor

    monkeypatch.setattr(lock.os, "open", late_open)
    assert "another process" in refused(path)
    os.close(opened[1])


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    assert refused(tmp_path / "file" / "x" / ".lock").startswith("--out_dir=x: can't be written (")


def test_where_the_system_has_no_locks_work_goes_on_with_a_warning(tmp_path, monkeypatch, caplog):
    def unsupported(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(lock.fcntl, "flock", unsupported)
    with lock.held(tmp_path / ".lock", "x"):
        assert "can't be locked (Operation not supported)" in caplog.text
