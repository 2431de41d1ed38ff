"""One batch on several devices gives the weights of one device; a lost worker is reported and training goes on."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
import tiny

SCRIPT = tiny.ROOT / "tests" / "training" / "shared_batch.py"
ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{tiny.ROOT}:{tiny.ROOT / 'tests'}"}
TOLERANCE = 1e-5
LOST_SECONDS = 60

pytestmark = pytest.mark.slow


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def start(command, n_workers=1):
    """Starts the command once for each worker of a cluster on this machine; `{i}` in it is the worker's number."""
    addresses, processes = [f"127.0.0.1:{port}" for port in free_ports(n_workers)], []
    for i in range(n_workers):
        environment = dict(ENVIRONMENT)
        if n_workers > 1:
            task = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": i}}
            environment["TF_CONFIG"] = json.dumps(task)
        arguments = [str(argument).replace("{i}", str(i)) for argument in command]
        processes.append(
            subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        )
    return processes


def finish(processes, timeout=900):
    """Exit statuses and what each wrote to stderr."""
    errors = [process.communicate(timeout=timeout)[1] for process in processes]
    return [process.returncode for process in processes], errors


def trained(folder, what, strategy, n_workers=1):
    """What shared_batch.py found, once for each worker."""
    command = [sys.executable, SCRIPT, what, strategy, folder / (strategy + "-{i}.npz")]
    statuses, errors = finish(start(command, n_workers))
    assert statuses == [0] * n_workers, errors
    return [dict(np.load(folder / f"{strategy}-{i}.npz")) for i in range(n_workers)]


@pytest.fixture(scope="module", params=["gan", "phase2"])
def alone(request, tmp_path_factory):
    """What is trained, and what one device makes of it."""
    return request.param, trained(tmp_path_factory.mktemp("alone"), request.param, "none")[0]


def check(found, alone):
    assert found.keys() == alone.keys()
    for name, value in alone.items():
        limit = TOLERANCE * (max(1.0, np.abs(value).max()) if name.startswith("scalars") else 1.0)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=limit, err_msg=name)
    pairs = [(alone[name], alone[name.replace("after", "before")]) for name in alone if name.startswith("after")]
    assert np.median([np.abs(a - b).max() for a, b in pairs]) > 10 * TOLERANCE  # there was something to compare


def test_two_mirrored_devices_are_one(alone, tmp_path):
    what, expected = alone
    check(trained(tmp_path, what, "mirrored")[0], expected)


def test_two_workers_are_one(alone, tmp_path):
    what, expected = alone
    found = trained(tmp_path, what, "multi_worker", n_workers=2)
    check(found[0], expected)
    for name, value in found[0].items():
        np.testing.assert_array_equal(found[1][name], value, err_msg=name)  # the two hold the same, bit for bit


# A worker that is lost


@pytest.fixture
def command(tmp_path):
    """Fine-tunes a tiny bundle."""
    from musika_tf.model import bundle

    autoencoder = tiny.autoencoder()
    bundle.save(tmp_path / "start", autoencoder, tiny.gan(n_conditioning=11), tiny.conditioner(), name="start")
    (tmp_path / "latents").mkdir()
    n = 2 * tiny.GAN.critic_window
    signals = {"conditioning_tempo": np.full([n, 1], 120, np.float32), "conditioning_beat": tiny.normal(n, 10)}
    model_id, latents = autoencoder.identity(), tiny.normal(n, tiny.AUTOENCODER.latent_channels)
    np.savez(tmp_path / "latents" / "a.npz", latents=latents, model_id=model_id, **signals)
    sizes = {"width": 4, "critic_width": 4, "window": 64, "anchor_size": 4, "batch_size": 4}
    return [
        *(sys.executable, tiny.ROOT / "train_gan.py", "--strategy=multi_worker", "--conditioning=tempo,beat"),
        *(f"--latents_dir={tmp_path / 'latents'}", f"--checkpoint_dir={tmp_path / 'ck'}", "--save_every=10"),
        *(f"--init_from={tmp_path / 'start'}", *[f"--gan_{name}={size}" for name, size in sizes.items()]),
    ]


def newest_step(folder):
    newest = tf.train.latest_checkpoint(str(folder))
    return int(newest.rsplit("-", 1)[1]) if newest else 0


def test_a_killed_worker_is_reported_and_training_goes_on(command, tmp_path):
    chief, other = start([*command, "--gan_steps=100000"], n_workers=2)
    deadline = time.monotonic() + 900
    while not newest_step(tmp_path / "ck" / "gan") and chief.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
    other.send_signal(signal.SIGKILL)
    killed = time.monotonic()
    (status,), (errors,) = finish([chief], timeout=300)
    assert status == 2, errors
    assert time.monotonic() - killed < LOST_SECONDS
    assert re.search(r"^train_gan.py: worker 0: lost another worker \(.+\); start all of them again", errors, re.M)
    assert "Traceback" not in errors
    other.communicate()

    step = newest_step(tmp_path / "ck" / "gan")
    statuses, errors = finish(start([*command, f"--gan_steps={step + 5}"], n_workers=2))
    assert statuses == [0, 0], errors
    assert f"resumed at step {step}" in errors[0]
    assert newest_step(tmp_path / "ck" / "gan") == step + 5
    assert (tmp_path / "ck" / "bundle" / "saved_model.pb").is_file()
