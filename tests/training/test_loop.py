"""The loop with a trainer that only counts: what is saved, reported and resumed."""

import itertools
import os
import signal

import keras
import numpy as np
import pytest
import soundfile
import tensorflow as tf
from tensorflow.core.util import event_pb2

from musika_tf.errors import UserError
from musika_tf.training import loop


class Network(keras.Model):
    """Keeps its layers in a list, as the networks here do."""

    def __init__(self, size):
        super().__init__()
        self.hidden = [keras.layers.Dense(size) for _ in range(2)]

    def call(self, x):
        return self.hidden[1](self.hidden[0](x))


class Adder(tf.Module):
    """Adds up its batches, in a variable of its own and in every weight of its network."""

    def __init__(self, n_steps, size=2):
        super().__init__()
        self.n_steps = n_steps
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.total = tf.Variable(0.0)
        network = Network(size)
        network(tf.zeros([1, 2]))
        self.networks = {"network": network}
        for v in network.weights:
            v.assign(tf.zeros_like(v))

    def step(self, batch):
        self.total.assign_add(batch)
        for v in self.networks["network"].weights:
            v.assign_add(tf.fill(v.shape, batch))
        self.step_count.assign_add(1)
        return {"total": self.total, "batch": tf.constant(batch)}


def batches(first, interrupt_at=None, number=signal.SIGINT):
    for i in itertools.count(first):
        if i == interrupt_at:
            os.kill(os.getpid(), number)
        yield float(i)


def saved_steps(directory):
    return sorted(int(path.stem.removeprefix("ckpt-")) for path in directory.glob("ckpt-*.index"))


def logged(directory):
    """Values by name and step of all event files below a folder."""
    values = {}
    for path in sorted(directory.rglob("events*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = event_pb2.Event.FromString(record.numpy())
            for value in event.summary.value:
                values.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return values


def test_trains_reports_and_saves(tmp_path):
    trainer, previews = Adder(25), []
    assert loop.train(trainer, batches, tmp_path, save_every=10, preview=lambda *args: previews.append(args))
    assert float(trainer.total) == sum(range(25))
    assert previews == [(tmp_path, 10), (tmp_path, 20), (tmp_path, 25)]
    assert saved_steps(tmp_path) == [20, 25]  # the newest two are kept
    values = logged(tmp_path / "summaries")
    assert values["batch"] == {1: 0, 10: 9, 20: 19, 25: 24}
    assert values["total"] == {1: 0, 10: 45, 20: 190, 25: 300}
    assert set(values["steps/s"]) == {10, 20, 25}
    assert all(rate > 0 for rate in values["steps/s"].values())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_and_the_same_command_resumes(tmp_path, number):
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    trainer = Adder(8)
    stopped = loop.train(trainer, lambda first: batches(first, interrupt_at=4, number=number), tmp_path, save_every=100)
    assert not stopped
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert saved_steps(tmp_path) == [5]  # the step that was under way is finished
    starts = []
    trainer = Adder(8)
    assert loop.train(trainer, lambda first: starts.append(first) or batches(first), tmp_path, save_every=100)
    assert starts == [5]
    assert float(trainer.total) == sum(range(8))
    for v in trainer.networks["network"].weights:
        np.testing.assert_array_equal(v, np.full(v.shape, sum(range(8))))


def test_what_is_complete_is_not_trained_again(tmp_path):
    loop.train(Adder(3), batches, tmp_path, save_every=100)
    again = Adder(3)
    assert loop.train(again, lambda first: pytest.fail("asked for data"), tmp_path, save_every=100)
    assert int(again.step_count) == 3
    assert float(again.total) == 3


def test_more_steps_go_on_from_the_end(tmp_path):
    loop.train(Adder(3), batches, tmp_path, save_every=100)
    longer = Adder(5)
    assert loop.train(longer, batches, tmp_path, save_every=100)
    assert float(longer.total) == sum(range(5))


def test_checkpoint_of_another_size_is_named(tmp_path):
    loop.train(Adder(1), batches, tmp_path, save_every=100)
    with pytest.raises(UserError, match=f"{tmp_path}/ckpt-1: .*other sizes"):
        loop.train(Adder(2, size=3), batches, tmp_path, save_every=100)


def test_failing_step_leaves_the_last_checkpoint_and_the_handlers(tmp_path):
    handler = signal.getsignal(signal.SIGINT)
    trainer = Adder(9)
    step = trainer.step
    trainer.step = lambda batch: step(batch) if batch < 5 else 1 / 0
    with pytest.raises(ZeroDivisionError):
        loop.train(trainer, batches, tmp_path, save_every=2)
    assert signal.getsignal(signal.SIGINT) is handler
    assert saved_steps(tmp_path) == [2, 4]


def test_file_that_proves_unreadable_is_named(tmp_path):
    from musika_tf.audio import dataset

    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros([4000, 2]), 44_100)
    crops = dataset.crops([path], 1000, 1, seed=0, reader="soundfile")
    path.write_bytes(b"")  # after its header was read
    with pytest.raises(UserError, match="a.wav") as error:
        loop.train(Adder(1000), lambda first: crops, tmp_path / "ck", save_every=1000)
    assert "\n" not in str(error.value)
