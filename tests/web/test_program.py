"""app.py from outside: it says where it is, serves the file of the command that it shows, and ends in order."""

import contextlib
import shlex
import signal
import socket
import subprocess
import sys

import pytest
import soundfile
import warm
from paths import ROOT

httpx = pytest.importorskip("httpx", reason="the extra app is not installed")


@contextlib.contextmanager
def started(*flags, cwd=ROOT):
    """A server in a process of its own: (its process, its address)."""
    command = warm.command("app.py", "--port=0", *flags)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd) as server:
        try:
            yield server, server.stdout.readline().partition(": ")[0]
        finally:
            server.terminate()


@pytest.mark.long
def test_it_serves_and_ends_in_order(folder):
    with started(f"--models={folder}") as (server, address):
        wav = httpx.get(f"{address}/piece.wav?length=1&seed=2", timeout=120)
        assert wav.status_code == 200 and wav.content[:4] == b"RIFF"
        with httpx.stream("GET", f"{address}/radio.wav", timeout=120) as radio:
            next(radio.iter_bytes())
            server.send_signal(signal.SIGTERM)  # while somebody listens
            assert server.wait(60) == 128 + signal.SIGTERM
        assert server.stderr.read().splitlines()[-1] == "terminated"


def test_what_is_wrong_is_one_line(folder, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cases = {
            "--models=models/music-ae": "encodes and decodes",
            "--models=none": "--bundle_dir=none: no bundle",
            f"--models={folder},{folder}": "--models: two are called",
            "--longest=soon": "--longest=soon: give a duration",
        }
        for flag, message in cases.items():
            done = warm.run("app.py", flag)
            assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
        done = warm.run("app.py", f"--models={folder}", f"--port={port}")
        assert done.returncode == 2 and f"--port={port}: can't be listened on" in done.stderr


def test_without_gradio_the_extra_is_named(folder):
    code = (
        "import importlib.metadata as m, sys; sys.argv = ['app.py']\n"
        "def gone(name): raise m.PackageNotFoundError(name)\n"
        "m.version = gone\n"
        "from musika_tf.programs import app, cli; cli.run(app)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and done.stderr.endswith("the page needs gradio (extra app: pip install -e '.[app]')\n")


@pytest.mark.slow
def test_the_shipped_model_gives_the_bytes_of_its_command(tmp_path):
    query = "model=models/techno&seed=7&length=23s&bpm=128"
    with started() as (_, address):
        page = httpx.get(f"{address}/piece.wav?{query}&download=1", timeout=600)
        import gradio_client

        made = gradio_client.Client(address, verbose=False).predict(
            "models/techno", "23s", seed=7, bpm="128", api_name="/make"
        )
    words = shlex.split(made["command"])
    subprocess.run([sys.executable, ROOT / words[1], *words[2:]], cwd=tmp_path, check=True)
    assert (tmp_path / "techno-7.wav").read_bytes() == page.content
    assert len(soundfile.read(tmp_path / "techno-7.wav")[0]) == 23 * 44_100
