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
from musika_tf.frechet import frechet_distance
from musika_tf.training import checkpoints, loop
from musika_tf.training.devices import ONE
from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.update import Guard, update


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
        self.n_steps, self.devices = n_steps, ONE
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.total = tf.Variable(0.0)
        self.guard = Guard(max_skips=3, max_rollbacks=2)
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_saves_and_the_same_command_resumes(tmp_path, number):
    handlers = [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)]
    trainer = Adder(8)
    stopped = loop.train(trainer, lambda first: batches(first, interrupt_at=4, number=number), tmp_path, save_every=100)
    assert not stopped
    assert [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert saved_steps(tmp_path) == [0, 5]  # the step that was under way is finished
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


def test_file_that_proves_unreadable_is_named(tmp_path, monkeypatch):
    from musika_tf.collection import dataset

    monkeypatch.setattr(dataset, "tensorflow_io_available", lambda: False)
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros([4000, 2]), 44_100)
    crops = dataset.crops(dataset.Collection([path], 44_100), 1000, 1, seed=0)
    path.write_bytes(b"")  # after its header was read
    with pytest.raises(UserError, match="a.wav") as error:
        loop.train(Adder(1000), lambda first: crops, tmp_path / "ck", save_every=1000)
    assert "\n" not in str(error.value)


# Steps that are not finite, and disks that are full


class Descent(tf.Module):
    """One weight that falls by 0.5 in each good step: Adam without memory moves by its rate alone.

    A batch that is NaN makes its step so; `poison`, a step, makes the weight NaN after it, once.
    """

    def __init__(self, n_steps, poison=None):
        super().__init__()
        self.n_steps, self.poison, self.networks, self.devices = n_steps, poison, {}, ONE
        self.guard = Guard(max_skips=3, max_rollbacks=2)
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.weight = keras.Variable(0.0)
        self.optimiser = Adam(Falling(0.5, 100, 1.0, self.guard["rate_scale"]), (0.0, 0.0), [self.weight])

    def step(self, batch):
        with tf.GradientTape() as tape:
            loss = (1.0 + 0.0 * batch) * self.weight
        update(tape, [(self.optimiser, loss)], self.guard, lambda: None)
        self.step_count.assign_add(1)
        if int(self.step_count) == self.poison:
            self.weight.assign(np.nan)
            self.poison = None
        return {"loss": loss}


def with_nan(*at, times=1):
    """A function for `train`: batch i is NaN for i in `at`, the first `times` times that it is read."""
    reads = {i: 0 for i in at}

    def start(first):
        for i in itertools.count(first):
            if i in reads and reads[i] < times:
                reads[i] += 1
                yield float("nan")
            else:
                yield float(i)

    return start


def test_a_bad_batch_is_skipped_and_counted(tmp_path):
    trainer = Descent(20)
    assert loop.train(trainer, with_nan(4, 6, 7), tmp_path, save_every=10)
    assert float(trainer.weight) == pytest.approx(-0.5 * 17)
    assert int(trainer.optimiser.iterations) == 17
    assert logged(tmp_path)["skipped"] == {1: 0, 10: 3, 20: 3}
    assert "rate_scale" not in logged(tmp_path)


def test_bad_batches_in_a_row_lead_back_to_the_checkpoint_and_on_at_half_the_rate(tmp_path, caplog):
    trainer, starts = Descent(30), []
    bad = with_nan(12, 13, 14)
    assert loop.train(trainer, lambda first: starts.append(first) or bad(first), tmp_path, save_every=10)
    assert starts == [0, 10]
    assert (
        "step 20 was not finite; back at step 10, and on with 0.5 of the learning rate (roll-back 1 of 2)"
        in caplog.text
    )
    assert float(trainer.weight) == pytest.approx(-0.5 * 10 - 0.25 * 20)
    values = logged(tmp_path)
    assert values["rate_scale"] == {20: 0.5, 30: 0.5}
    assert values["skipped"][30] == 3  # it is remembered


def test_a_weight_that_is_not_finite_is_never_saved(tmp_path):
    trainer = Descent(30, poison=20)  # found when it is to be saved; nothing was skipped yet
    assert loop.train(trainer, with_nan(), tmp_path, save_every=10)
    assert float(trainer.weight) == pytest.approx(-0.5 * 10 - 0.25 * 20)
    assert saved_steps(tmp_path) == [20, 30]
    trainer = Descent(40, poison=33)  # found by the steps after it; the rate is still the half, and halved again
    assert loop.train(trainer, with_nan(), tmp_path, save_every=10)
    assert float(trainer.weight) == pytest.approx(-0.5 * 10 - 0.25 * 20 - 0.125 * 10)
    assert int(trainer.guard["rollbacks"]) == 2
    assert int(trainer.guard["skipped"]) == 7


def test_before_the_first_checkpoint_it_goes_back_to_the_start(tmp_path):
    trainer = Descent(20, poison=2)
    assert loop.train(trainer, with_nan(), tmp_path, save_every=100)
    assert float(trainer.weight) == pytest.approx(-0.25 * 20)


def test_gives_up_when_going_back_does_not_help(tmp_path):
    with pytest.raises(UserError) as error:
        loop.train(Descent(30), with_nan(12, 13, 14, times=9), tmp_path, save_every=10)
    assert str(error.value) == (
        f"{tmp_path}: losses or gradients are still not finite at step 20, after going back 2 times and at 0.25 of the "
        "learning rate; look for NaN in the data, or begin again at a lower rate; "
        f"{tmp_path}/ckpt-10 is the last good checkpoint"
    )
    assert saved_steps(tmp_path) == [0, 10]


def test_stopped_in_a_bad_state_it_keeps_the_checkpoint_before_it(tmp_path, caplog):
    trainer = Descent(30, poison=11)
    assert not loop.train(trainer, lambda first: batches(first, interrupt_at=11), tmp_path, save_every=10)
    assert saved_steps(tmp_path) == [0, 10]
    assert "step 12 was not finite; step 10 is the last" in caplog.text
    assert float(trainer.weight) == pytest.approx(-0.5 * 10)  # what is exported now
    trainer = Descent(30)
    assert loop.train(trainer, batches, tmp_path, save_every=10)
    assert float(trainer.weight) == pytest.approx(-0.5 * 30)


def test_weights_to_start_from_that_are_not_finite(tmp_path):
    trainer = Descent(3)
    trainer.weight.assign(np.nan)
    with pytest.raises(UserError, match="the weights to start from are not finite"):
        loop.train(trainer, batches, tmp_path, save_every=10)


def test_best_of_the_figures_is_kept(tmp_path):
    trainer = Descent(5)
    figures = iter([3.0, 1.0, 2.0, 4.0, 5.0])
    loop.train(trainer, batches, tmp_path, 1, assess=lambda: {"distance": next(figures), "other": 7.0})
    assert logged(tmp_path)["distance"] == {1: 3, 2: 1, 3: 2, 4: 4, 5: 5}
    assert checkpoints.best(tmp_path) == {"checkpoint": "ckpt-2", "step": 2, "figure": "distance", "value": 1.0}
    checkpoints.restore_best(trainer, tmp_path)
    assert float(trainer.weight) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("x.wav: can't be written"), "x.wav: can't be written"),
        (OSError("No space left on device"), "No space left on device"),
        # What numba raises under librosa where neither the installation nor HOME can be written.
        (RuntimeError("cannot cache function '__o_fold'\nmore"), "RuntimeError: cannot cache function '__o_fold'"),
    ],
)
def test_a_preview_that_fails_does_not_end_the_training(tmp_path, caplog, error, said):
    def preview(directory, step):
        raise error

    assert loop.train(Descent(20), batches, tmp_path, save_every=10, preview=preview)
    assert saved_steps(tmp_path) == [10, 20]
    for step in (10, 20):
        assert f"no preview of step {step} ({said}); training goes on" in caplog.text


def test_features_that_are_not_finite_do_not_end_the_training(tmp_path, caplog):
    rows = {1: np.ones([3, 2]), 2: np.full([3, 2], np.nan), 3: np.ones([3, 2])}
    trainer = Descent(3)

    def assess():
        step = int(trainer.step_count)
        return {"frechet": frechet_distance(rows[step], np.ones([3, 2])) + step}

    assert loop.train(trainer, batches, tmp_path, 1, assess=assess)
    assert logged(tmp_path)["frechet"] == {1: 1.0, 3: 3.0}
    assert checkpoints.best(tmp_path)["step"] == 1
    assert "no assessment of step 2 (ValueError: the features have values that are not finite); training" in caplog.text


def test_a_closed_terminal_does_not_end_the_training(tmp_path, monkeypatch):
    class Closed:
        encoding = "utf-8"

        def isatty(self):
            return True

        def write(self, text):
            raise OSError(5, "Input/output error")

        def flush(self):
            pass

    monkeypatch.setattr("sys.stderr", Closed())
    assert loop.train(Descent(20), batches, tmp_path, save_every=10)
    assert saved_steps(tmp_path) == [10, 20]


def test_a_full_disk_is_found_before_the_first_step(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "ckpt-0_temp/part-0; No space left on device [Op:SaveV2]")

    monkeypatch.setattr(tf.train.CheckpointManager, "save", full)
    with pytest.raises(
        UserError, match="step 0 can't be saved .No space left on device.; make room: nothing was saved"
    ):
        loop.train(Descent(3), lambda first: pytest.fail("asked for data"), tmp_path, save_every=10)
