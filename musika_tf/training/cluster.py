"""The workers of TF_CONFIG: who they are, and waiting until all of them have started.

TensorFlow's own wait for the others ends after an hour, hears no signal and names nobody. So each worker first opens
its port and tries those of the others, until all have answered; only then TensorFlow takes the port over.
"""

import contextlib
import dataclasses
import json
import logging
import os
import re
import socket
import time

from musika_tf.errors import UserError

logger = logging.getLogger(__name__)

PEERS_SECONDS = 600  # that the workers may start apart
_EVERY_SECONDS, _CONNECT_SECONDS = 1.0, 2.0
_EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Cluster:
    """workers: "host:port" of each; index: which of them this process is."""

    workers: tuple
    index: int


def read():
    """The Cluster that TF_CONFIG describes; UserError where it is missing or describes none."""
    try:
        described = json.loads(os.environ["TF_CONFIG"])
        workers, task = described["cluster"]["worker"], described["task"]
        index = int(task["index"])
        found = set(described["cluster"]) == {"worker"} and task["type"] == "worker"
        found = found and len(workers) > 1 and 0 <= index < len(workers)
        found = found and all(re.fullmatch(r"\S+:\d+", worker) for worker in workers)
    except (KeyError, ValueError, TypeError):
        found = False
    if not found:
        raise UserError(f"--strategy=multi_worker: needs a TF_CONFIG of two workers or more, such as {_EXAMPLE}")
    return Cluster(tuple(workers), index)


def wait_for_peers(cluster, limit_seconds=PEERS_SECONDS):
    """Waits until every other worker has started.

    Raises:
      UserError: this worker's port is taken, or a worker is missing after `limit_seconds`; names those.
    """
    missing = [worker for i, worker in enumerate(cluster.workers) if i != cluster.index]
    deadline = time.monotonic() + limit_seconds
    with _listening(cluster):
        missing = [peer for peer in missing if not _answers(peer)]
        if missing:
            logger.info("--strategy=multi_worker: waiting for %s", ", ".join(missing))
        while missing:
            if time.monotonic() > deadline:
                raise UserError(
                    f"--strategy=multi_worker: no answer from {', '.join(missing)} in {limit_seconds:g} s; "
                    "start the same command on every machine of TF_CONFIG"
                )
            time.sleep(_EVERY_SECONDS)
            missing = [peer for peer in missing if not _answers(peer)]


@contextlib.contextmanager
def _listening(cluster):
    """While entered, others that try this worker's port find it open."""
    port = int(cluster.workers[cluster.index].rpartition(":")[2])
    dual = socket.has_dualstack_ipv6()
    try:
        server = socket.create_server(
            ("", port), family=socket.AF_INET6 if dual else socket.AF_INET, dualstack_ipv6=dual, backlog=128
        )
    except OSError as error:
        raise UserError(
            f"--strategy=multi_worker: port {port} can't be opened ({error.strerror}); "
            "end what uses it, or name another in TF_CONFIG"
        ) from error
    with server:
        yield


def _answers(worker):
    host, _, port = worker.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS):
            return True
    except OSError:  # not started, or not known by that name yet
        return False
