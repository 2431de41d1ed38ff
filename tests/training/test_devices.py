"""Devices without processes: shares, parts, refusals. (That several are one: test_shared_batch.py.)"""

import json
import logging

import numpy as np
import pytest
import tensorflow as tf
import tiny

from musika_tf.autoencoder import losses
from musika_tf.errors import UserError
from musika_tf.training import devices as devices_module
from musika_tf.training.devices import ONE, Devices, create, watched


def test_one_device_takes_all():
    x = tf.constant(tiny.normal(3, 2))
    assert ONE.share(x) is x and ONE.mean([x])[0] is x
    assert ONE.part == (0, 1) and ONE.is_chief and ONE.any(True) and not ONE.any(False)
    with ONE.scope():
        assert type(tf.Variable(1.0)).__name__ == "ResourceVariable"


def one_replica():
    return Devices(tf.distribute.MirroredStrategy(["CPU:0"]))


def replicas(n, monkeypatch, replica):
    """Devices that believe to be replica `replica` of `n`."""
    devices = one_replica()
    devices.n = n
    monkeypatch.setattr(devices, "_replica", lambda: replica)
    return devices


def test_shares_are_the_rows_of_the_whole_in_order(monkeypatch):
    drawn = tiny.normal(6, 2, 3)
    rows = [replicas(3, monkeypatch, i).share(tf.constant(drawn)) for i in range(3)]
    assert [r.shape for r in rows] == [[2, 2, 3]] * 3
    np.testing.assert_array_equal(np.concatenate(rows), drawn)


def test_each_replica_updates_its_own_copy():
    devices = one_replica()
    with devices.scope():
        variable = tf.Variable(1.0, aggregation=tf.VariableAggregation.MEAN)

    def step(x):
        variable.assign_add(tf.reduce_sum(x))
        return {"mean": devices.mean([x, 2 * x])[1]}

    result = devices.function(step)(tf.constant([2.0, 3.0]))
    assert float(variable.numpy()) == 6.0 and variable.aggregation == tf.VariableAggregation.NONE
    np.testing.assert_array_equal(result["mean"], [4.0, 6.0])


def test_a_batch_that_can_not_be_shared_is_refused(monkeypatch):
    devices = replicas(4, monkeypatch, 0)
    devices.check_batch(32, "gan_batch_size")
    with pytest.raises(UserError, match="--gan_batch_size=30: is shared equally by 4 replicas; .*such as 28"):
        devices.check_batch(30, "gan_batch_size")
    with pytest.raises(UserError, match="such as 4"):
        devices.check_batch(3, "gan_batch_size")


CLUSTER = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}


@pytest.mark.parametrize(
    "described",
    [
        None,
        "no json",
        "[]",
        json.dumps({"cluster": {"worker": ["a:1", "b:1"]}}),
        json.dumps({**CLUSTER, "cluster": {"worker": ["a:1"]}}),
        json.dumps({**CLUSTER, "cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}}),
        json.dumps({**CLUSTER, "cluster": {"worker": ["a:1", "b"]}}),
        json.dumps({**CLUSTER, "task": {"type": "worker", "index": 2}}),
        json.dumps({**CLUSTER, "task": {"type": "chief", "index": 0}}),
    ],
)
def test_no_cluster(described, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if described is not None:
        monkeypatch.setenv("TF_CONFIG", described)
    with pytest.raises(UserError, match="--strategy=multi_worker: needs a TF_CONFIG of two workers") as error:
        create("multi_worker")
    assert "\n" not in str(error.value)


def test_a_lost_worker_is_one_line():
    devices = Devices()
    error = tf.errors.UnavailableError(None, None, "Graph error:\n\nCollective ops is aborted by: reset\nmore")
    with pytest.raises(tf.errors.UnavailableError), watched(devices):
        raise error
    devices.n_workers, devices.worker = 2, 1
    expected = r"^worker 1: lost another worker \(reset\); start all of them again"
    with pytest.raises(UserError, match=expected) as raised, watched(devices):
        raise error
    assert "\n" not in str(raised.value)


def test_the_chief_acts_alone(monkeypatch):
    devices, acted = Devices(), []
    monkeypatch.setattr(devices, "barrier", lambda: acted.append("waits"))
    devices.chief_first(lambda: acted.append("acts"))
    devices.is_chief = False
    devices.chief_first(lambda: acted.append("not here"))
    assert acted == ["acts", "waits", "waits"]


def test_xla_only_on_one_device(caplog, monkeypatch):
    monkeypatch.setattr(devices_module.tf.distribute, "MirroredStrategy", lambda names: None)
    with caplog.at_level(logging.WARNING, logger="musika_tf"):
        devices = create("mirrored", xla=True)
    assert not devices.xla and "--xla: not with --strategy=mirrored" in caplog.text


def test_xla_compiles():
    variable = tf.Variable(1.0)

    def step(x):
        variable.assign_add(tf.reduce_sum(x))
        return tf.sqrt(x)

    np.testing.assert_allclose(Devices(xla=True).function(step)(tf.constant([4.0, 9.0])), [2, 3])
    assert float(variable) == 14.0


def test_where_xla_lacks_an_operation_the_step_runs_without(caplog):
    variable = tf.Variable(1.0)

    def step(x):
        variable.assign_add(1.0)
        return tf.strings.length(tf.strings.as_string(x))  # XLA knows no text

    function = Devices(xla=True).function(step)
    with caplog.at_level(logging.WARNING, logger="musika_tf"):
        for n in (2, 3):
            assert int(function(tf.constant(12))) == 2
            assert float(variable) == n  # each step once
    assert [r.getMessage()[:6] for r in caplog.records] == ["--xla:"] and "\n" not in caplog.records[0].getMessage()


def test_feature_matching_of_halves_is_that_of_the_whole():
    real, fake = tiny.normal(4, 5, 3), tiny.normal(4, 5, 3, seed=1)
    real[:2] *= 10
    size = np.abs(real).mean()
    whole = float(losses.feature_matching([real], [fake]))
    halves = [losses.feature_matching([real[h]], [fake[h]], lambda _: [size]) for h in (slice(2), slice(2, 4))]
    assert np.mean(halves) == pytest.approx(whole, rel=1e-5)
    apart = [losses.feature_matching([real[h]], [fake[h]]) for h in (slice(2), slice(2, 4))]
    assert abs(np.mean(apart) - whole) > 0.01
