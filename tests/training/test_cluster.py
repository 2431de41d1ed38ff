"""Workers that wait for each other: who is missing is named, and a signal ends the wait."""

import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
import warm

from musika_tf import interruption
from musika_tf.errors import UserError
from musika_tf.training import cluster
from musika_tf.training.cluster import Cluster


def free_ports(n):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def workers(n):
    return tuple(f"127.0.0.1:{port}" for port in free_ports(n))


def test_all_go_on_when_all_have_started(monkeypatch):
    monkeypatch.setattr(cluster, "_EVERY_SECONDS", 0.02)
    names, ready = workers(3), []

    def start(index):
        cluster.wait_for_peers(Cluster(names, index), 30)
        with socket.create_server(("127.0.0.1", int(names[index].rpartition(":")[2]))):  # as TensorFlow does then
            ready.append(index)
            while len(ready) < 3:
                time.sleep(0.01)

    threads = [threading.Thread(target=start, args=[i]) for i in range(3)]
    for thread in threads:
        assert ready == []
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join(30)
    assert sorted(ready) == [0, 1, 2]


def test_who_is_missing_is_named(monkeypatch, caplog):
    monkeypatch.setattr(cluster, "_EVERY_SECONDS", 0.02)
    names = workers(3)
    with (
        socket.create_server(("127.0.0.1", int(names[1].rpartition(":")[2]))),
        pytest.raises(UserError, match=f"no answer from {names[2]} in 0.1 s; start the same command"),
    ):
        cluster.wait_for_peers(Cluster(names, 0), 0.1)


def test_a_port_that_is_taken_is_named():
    names = workers(2)
    port = int(names[0].rpartition(":")[2])
    with socket.create_server(("", port)), pytest.raises(UserError, match=f"port {port} can't be opened .*in use"):
        cluster.wait_for_peers(Cluster(names, 0), 0.1)


def test_a_signal_ends_the_wait_at_once(tmp_path):
    task = {"cluster": {"worker": workers(2)}, "task": {"type": "worker", "index": 1}}
    flags = ("--strategy=multi_worker", f"--checkpoint_dir={tmp_path}", "--latents_dir=x")
    environment = {**os.environ, "TF_CONFIG": json.dumps(task)}
    command = warm.command("train_gan.py", *flags)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        while task["cluster"]["worker"][0] not in (line := process.stderr.readline()):
            assert line, "ended before it waited"
        begin = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143 and time.monotonic() - begin < 5
        assert process.stderr.read() == "terminated\n"


def test_around_native_code_signals_end_the_process():
    before = signal.getsignal(signal.SIGTERM)
    script = (
        "import os, signal; from musika_tf import interruption; signal.signal(signal.SIGTERM, print)\n"
        "with interruption.handled_by(signal.SIG_DFL): os.kill(os.getpid(), signal.SIGTERM)"
    )
    assert warm.run("-c", script).returncode == -signal.SIGTERM
    with interruption.handled_by(signal.SIG_DFL):
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGTERM) is before
