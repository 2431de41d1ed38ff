"""Programs that a notebook's cells run, and the devices that they say they run on."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
import soundfile
from paths import ROOT

from musika_tf import processor
from musika_tf.errors import UserError
from musika_tf.programs import notebook

SHOW = "import sys; print(sys.argv[1:])"
# Waits for a signal, and leaves a word that one came; the argument is the file for it.
WAIT = """
import fcntl, os, pathlib, signal, sys, termios
fcntl.ioctl(1, termios.TIOCSCTTY, 0)
def came(number, frame):
    pathlib.Path(sys.argv[1]).write_text(signal.Signals(number).name)
    sys.exit(STATUS)
signal.signal(signal.SIGINT, came)
signal.signal(signal.SIGHUP, came)
os.kill(os.getppid(), signal.INTERRUPT)
signal.pause()
"""


def test_flags_are_words_in_the_order_given(monkeypatch, capsys):
    monkeypatch.setattr(notebook, "_START", SHOW)
    notebook.run("generate", flagfile="a b.flags", loop=True, click=False, seed=7, bpm=None)
    words = ["generate", "--flagfile=a b.flags", "--loop", "--noclick", "--seed=7"]
    assert capsys.readouterr().out == f"{words}\n"


def test_a_program_has_a_terminal_so_that_its_progress_is_drawn_again(monkeypatch, capsys):
    says = "import os, sys; print(sys.stderr.isatty(), os.get_terminal_size(2).columns); sys.stderr.write('1\\r2é\\n')"
    monkeypatch.setattr(notebook, "_START", says)
    notebook.run("generate")
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(["True 120", "1", "2é"])


def test_a_letter_that_arrives_in_two_parts_is_whole(monkeypatch, capsys):
    says = "import os, time; os.write(1, b'\\xc3'); time.sleep(0.3); os.write(1, b'\\xa9\\n')"
    monkeypatch.setattr(notebook, "_START", says)
    notebook.run("generate")
    assert capsys.readouterr().out == "é\n"


@pytest.mark.parametrize("status", [0, 3])
def test_interrupting_a_cell_interrupts_its_program_and_waits_for_it(status, monkeypatch, tmp_path):
    monkeypatch.setattr(notebook, "_START", WAIT.replace("STATUS", str(status)).replace("INTERRUPT", "SIGINT"))
    came = tmp_path / "came"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(UserError, match="ended with status 3") if status else contextlib.nullcontext():
            notebook.run(came)
    finally:
        signal.signal(signal.SIGINT, before)
    assert came.read_text() == "SIGINT"


def test_the_end_of_a_notebook_ends_its_program_in_order(tmp_path):
    script = WAIT.replace("STATUS", "0").replace("INTERRUPT", "SIGKILL")
    start = "from musika_tf.programs import notebook; notebook._START"
    runs = f"{start} = {script!r}; notebook.run({str(tmp_path / 'came')!r})"
    done = subprocess.run([sys.executable, "-c", runs], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    for _ in range(100):
        if (tmp_path / "came").is_file() and (tmp_path / "came").read_text():
            break
        time.sleep(0.1)
    assert (tmp_path / "came").read_text() == "SIGHUP"


def test_what_a_program_refuses_ends_the_cell(capsys):
    with pytest.raises(UserError, match="musika-tf generate: ended with status 2; its last line above says why"):
        notebook.run("generate", length="no time")
    assert "no time" in capsys.readouterr().out


@pytest.mark.long
def test_a_program_runs(tmp_path):
    notebook.run("generate", bundle_dir="models/techno", seed=7, length="1s", out=tmp_path / "music.wav")
    assert soundfile.info(tmp_path / "music.wav").frames == 44_100


@pytest.mark.parametrize(
    ("gpus", "cpu", "precision"),
    [
        ([], "fpu avx512f avx512_bf16", "mixed_bfloat16"),
        ([], "fpu avx512f", "float32"),
        ([("A100", (8, 0))], "fpu", "mixed_bfloat16"),
        ([("T4", (7, 5))], "fpu avx512_bf16", "mixed_float16"),
        ([("A100", (8, 0)), ("T4", (7, 5))], "fpu", "mixed_float16"),
        ([("K80", (3, 7))], "fpu", "float32"),
        ([("another maker's", (0, 0))], "fpu", "float32"),
    ],
)
def test_precision_is_half_where_that_is_fast(gpus, cpu, precision, monkeypatch):
    monkeypatch.setattr(notebook, "_gpus", lambda: gpus)
    monkeypatch.setattr(processor, "facts", lambda: {"flags": cpu})
    assert notebook.precision() == precision
    assert notebook.devices() == ([name for name, _ in gpus] or ["CPU"])


def test_gpus_are_those_that_tensorflow_sees_and_are_shared(monkeypatch):
    import tensorflow as tf

    details = {"a": {"device_name": "Tesla T4", "compute_capability": (7, 5)}, "b": {}}
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: list(details) if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", details.get)
    assert notebook._gpus() == [("Tesla T4", (7, 5)), ("GPU", (0, 0))]
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
