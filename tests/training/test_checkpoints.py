"""What lies on disk: complete, finite, the newest and the best."""

import contextlib
import json
import os
import resource

import numpy as np
import pytest
import tensorflow as tf

from musika_tf.errors import UserError
from musika_tf.training import checkpoints
from musika_tf.training.checkpoints import Checkpoints
from musika_tf.training.report import Report
from musika_tf.training.update import Guard

N = 50_000  # 200 kB


class Trainer(tf.Module):
    """One big weight."""

    def __init__(self, value=0.0):
        super().__init__()
        self.networks = {}
        self.guard = Guard(3, 2)
        self.step_count = tf.Variable(0, dtype=tf.int64)
        self.weight = tf.Variable(tf.fill([N], value))

    def set(self, value):
        self.weight.assign(tf.fill([N], value))
        return self


@contextlib.contextmanager
def full_disk(n_bytes=100_000):
    """While entered, no file can grow beyond `n_bytes`: the write fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def files(step, folder=""):
    return [f"{folder}ckpt-{step}.data-00000-of-00001", f"{folder}ckpt-{step}.index"]


def restored(directory, path=None):
    trainer = Trainer(-1.0)
    assert Checkpoints(trainer, directory).restore(path)
    return trainer


def test_the_guard_is_saved_too(tmp_path):
    trainer = Trainer(1.0)
    for name, value in {"skipped": 5, "in_a_row": 1, "rollbacks": 2, "rate_scale": 0.25}.items():
        trainer.guard[name].assign(value)
    Checkpoints(trainer, tmp_path).save(7)
    guard = restored(tmp_path).guard
    assert {name: float(v) for name, v in guard.variables.items()} == {
        "skipped": 5,
        "in_a_row": 1,
        "rollbacks": 2,
        "rate_scale": 0.25,
    }


@pytest.mark.parametrize(
    "name", ["m [1]", "*", "a?b", "back\\slash", "{a,b}", "space ", "Gr\u00fc\u00dfe", "M\udce9xico"]
)
def test_a_folder_may_have_any_name(tmp_path, name):
    """TensorFlow takes some names as patterns, and some not at all."""
    folder = tmp_path / name / "gan"
    saved = Checkpoints(Trainer(1.0), folder)
    for step in (0, 1, 2):
        assert saved.save(step) == str(folder / f"ckpt-{step}")
    saved.offer(saved.paths[-1], 2, "distance", 1.0)
    assert saved.paths == [str(folder / "ckpt-1"), str(folder / "ckpt-2")]
    assert names(tmp_path / name / "gan") == sorted(
        ["checkpoint", "best/best.json", *files(1), *files(2), *files(2, "best/")]
    )
    assert float(restored(folder).weight[0]) == 1.0
    checkpoints.restore_best(Trainer(), folder)
    (folder / files(2)[0]).write_bytes(b"")
    with pytest.raises(UserError) as error:
        restored(folder)
    assert str(error.value).startswith(f"{str(UserError(folder))}/ckpt-2: damaged")
    report = Report(folder, 0, 3)
    report.write(1, {"loss": 1.0})
    report.close()
    assert len(os.listdir(folder / "summaries")) == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_saved(tmp_path, value):
    trainer = Trainer(1.0)
    saved = Checkpoints(trainer, tmp_path)
    assert saved.save(1) == str(tmp_path / "ckpt-1")
    trainer.weight[3].assign(value)
    before = names(tmp_path)
    assert saved.save(2) is None
    assert names(tmp_path) == before
    assert float(restored(tmp_path).weight[3]) == 1.0


def test_full_disk_leaves_the_checkpoint_before_it_whole(tmp_path):
    trainer = Trainer(1.0)
    saved = Checkpoints(trainer, tmp_path)
    saved.save(1)
    before = names(tmp_path)
    with full_disk(), pytest.raises(UserError) as error:
        trainer.set(2.0)
        saved.save(2)
    assert str(error.value) == (
        f"{tmp_path}: step 2 can't be saved (File too large); make room: "
        f"{tmp_path}/ckpt-1 is complete, and the same command goes on from it"
    )
    assert names(tmp_path) == before
    assert float(restored(tmp_path).weight[0]) == 1.0
    saved.save(2)  # there is room again
    assert float(restored(tmp_path).weight[0]) == 2.0


def test_full_disk_ends_the_summaries_alone(tmp_path, caplog):
    report = Report(tmp_path, 0, 10)
    with full_disk(20_000):
        for step in range(20):
            report.write(step, {f"a name of some length, {i}": 1.0 for i in range(50)})
        report.close()
    assert [record.getMessage().endswith("training goes on") for record in caplog.records] == [True]
    report.write(21, {"loss": 1.0})
    report.close()


def test_damaged_checkpoint_is_named_with_the_one_before_it(tmp_path):
    saved = Checkpoints(Trainer(1.0), tmp_path)
    saved.save(1), saved.save(2)
    (tmp_path / files(2)[0]).write_bytes(b"")
    with pytest.raises(UserError, match=f"{tmp_path}/ckpt-2: damaged .*ckpt-1 is older: write its name into"):
        Checkpoints(Trainer(), tmp_path).restore()
    state = tmp_path / "checkpoint"
    state.write_text(state.read_text().replace('model_checkpoint_path: "ckpt-2"', 'model_checkpoint_path: "ckpt-1"', 1))
    assert float(restored(tmp_path).weight[0]) == 1.0


def gone(directory):
    (directory / files(2)[1]).unlink()


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (gone, "names ckpt-2, which is gone"),
        (lambda directory: (directory / "checkpoint").write_bytes(b""), "damaged"),
        (lambda directory: (directory / "checkpoint").write_bytes(b"\xff\x00 garbage"), "damaged"),
        (lambda directory: (directory / "checkpoint").unlink(), "damaged"),
    ],
    ids=["gone", "empty", "garbage", "lost"],
)
def test_a_training_whose_newest_checkpoint_is_lost_does_not_begin_again(tmp_path, damage, what):
    saved = Checkpoints(Trainer(1.0), tmp_path)
    saved.save(1), saved.save(2)
    damage(tmp_path)
    before = names(tmp_path)
    step = 1 if damage is gone else 2
    for use in (checkpoints.clean, checkpoints.newest, lambda path: Checkpoints(Trainer(), path)):
        with pytest.raises(UserError) as error:
            use(tmp_path)
        told = f"{tmp_path}/checkpoint: {what}; to go on from step {step} write into it: "
        assert str(error.value) == told + f'model_checkpoint_path: "ckpt-{step}"'
    assert names(tmp_path) == before
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "ckpt-{step}"')
    assert float(restored(tmp_path).weight[0]) == 1.0


def test_a_first_save_that_was_killed_is_no_training(tmp_path):
    (tmp_path / files(0)[1]).touch()
    assert checkpoints.newest(tmp_path) is None
    assert not Checkpoints(Trainer(), tmp_path).restore()


def test_what_a_killed_save_left_is_removed(tmp_path):
    saved = Checkpoints(Trainer(1.0), tmp_path)
    saved.offer(saved.save(1), 1, "loss", 1.0)
    before = names(tmp_path)
    (tmp_path / "ckpt-2_temp").mkdir()
    for name in ("ckpt-2_temp/part-0", files(2)[0], "checkpoint.tmp123", f"best/{files(2)[1]}", "best/best.partial"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "previews").mkdir()
    checkpoints.clean(tmp_path)
    assert names(tmp_path) == before
    assert (tmp_path / "previews").is_dir()


# The best


def offered(directory, values):
    """Saves a trainer whose weight is the step at steps 1, 2, ..., each with its figure."""
    trainer = Trainer()
    saved = Checkpoints(trainer, directory)
    for step, value in enumerate(values, start=1):
        trainer.set(float(step))
        saved.offer(saved.save(step), step, "distance", value)


def test_best_is_kept_when_the_newest_move_on(tmp_path):
    offered(tmp_path, [3.0, 1.0, 2.0, np.nan, 1.0, 5.0])
    assert names(tmp_path) == sorted(
        [*files(2, "best/"), "best/best.json", "checkpoint", *files(5), *files(6)]
    )  # not the equal one after it
    record = json.loads((tmp_path / "best" / "best.json").read_text())
    assert record == {"checkpoint": "ckpt-2", "step": 2, "figure": "distance", "value": 1.0}
    trainer = Trainer()
    checkpoints.restore_best(trainer, tmp_path)
    assert float(trainer.weight[0]) == 2.0


def test_best_goes_on_in_a_resumed_run_and_with_a_file_system_without_links(tmp_path, monkeypatch):
    offered(tmp_path, [3.0, 2.0])

    def no_links(source, target):
        raise PermissionError("no links here")

    monkeypatch.setattr(checkpoints.os, "link", no_links)
    saved = Checkpoints(Trainer(9.0), tmp_path)
    path = saved.save(3)
    saved.offer(path, 3, "distance", 2.5)
    assert checkpoints.best(tmp_path)["step"] == 2
    saved.offer(path, 3, "distance", 1.5)
    assert checkpoints.best(tmp_path)["step"] == 3
    assert float(restored(tmp_path, str(tmp_path / "best" / "ckpt-3")).weight[0]) == 9.0


def test_others_read_the_last_until_the_best_is_exported(tmp_path):
    assert checkpoints.exported(tmp_path) is None
    Checkpoints(Trainer(), tmp_path).save(0)
    assert checkpoints.exported(tmp_path) is None  # nothing is learnt yet
    with pytest.raises(UserError, match="--export=best: .* holds no best checkpoint"):
        checkpoints.export(tmp_path, "best")
    offered(tmp_path, [1.0, 2.0])
    for which, path in [("last", "ckpt-2"), ("best", "best/ckpt-1"), ("last", "ckpt-2")]:
        checkpoints.export(tmp_path, which)
        assert checkpoints.exported(tmp_path) == str(tmp_path / path)


def test_full_disk_loses_the_best_alone(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(checkpoints.os, "link", checkpoints.shutil.copyfile)
    trainer = Trainer(1.0)
    saved = Checkpoints(trainer, tmp_path)
    path = saved.save(1)
    with full_disk():
        saved.offer(path, 1, "distance", 1.0)
    assert "training goes on" in caplog.text
    checkpoints.clean(tmp_path)
    assert names(tmp_path) == sorted(["checkpoint", *files(1)])
    assert float(restored(tmp_path).weight[0]) == 1.0
