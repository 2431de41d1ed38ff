"""Checkpoints of a training: complete or not there, the newest few and the best one.

    ckpt-1500.index, .data-*   every variable of the trainer, its networks and its guard at step 1500; the newest two
    checkpoint                 their names; a checkpoint counts only once it is named here
    best/                      a copy of the one with the lowest figure; best.json names it, its step and figure

A program that is killed leaves at worst files that nothing names, which the next start removes.
"""

import contextlib
import json
import logging
import math
import os
import re
import shutil
from pathlib import Path

import keras
import tensorflow as tf

from musika_tf import atomic
from musika_tf.errors import UserError
from musika_tf.native import plain_folder

logger = logging.getLogger(__name__)

_BEST, _RECORD = "best", "best.json"


class Checkpoints:
    """Saves and restores a trainer under `directory`, keeping the newest two checkpoints.

    Args:
      trainer: see `training.loop`.
      writes: False for the workers beside the chief, which hold the same variables and leave the saving to it.
    """

    def __init__(self, trainer, directory, writes=True):
        self._writes, self.directory = writes, Path(directory)
        _latest(directory)  # refuses a corrupt folder before anything is written into it
        self.directory.mkdir(parents=True, exist_ok=True)
        # Layers that a Keras model keeps in lists are unknown to TensorFlow's checkpoints: all weights are listed here.
        networks = {name: [v.value for v in network.weights] for name, network in trainer.networks.items()}
        guard = tf.train.Checkpoint(**trainer.guard.variables)
        checkpoint = tf.train.Checkpoint(trainer=trainer, networks=networks, guard=guard)
        self._manager = tf.train.CheckpointManager(checkpoint, plain_folder(self.directory), 2)
        self._is_finite = tf.function(lambda: _is_finite(checkpoint), autograph=False)

    @property
    def paths(self):
        """Of the checkpoints that are kept, the newest last."""
        return [str(self.directory / Path(path).name) for path in self._manager.checkpoints]

    def restore(self, path=None):
        """Restores the newest checkpoint, or the one at `path`; False where there is none; see `damage_named`."""
        path = path or _latest(self.directory)  # another process may have saved it
        if path is None:
            return False
        with damage_named(path, self._without(path)):
            self._manager.checkpoint.restore(plain_path(path)).assert_existing_objects_matched()
        return True

    def _without(self, path):
        """How to go on when the checkpoint at `path` is lost."""
        others = [other for other in self.paths if other != path]
        if not others:
            return "there is no other; begin again in another --checkpoint_dir"
        return f"{others[-1]} is older: write its name into {self.directory / 'checkpoint'} in place of this one"

    def save(self, step):
        """Saves under the number `step` and returns the path; None, and nothing saved, if a variable is not finite.

        Raises:
          UserError: it can't be written; what was saved before is complete.
        """
        if not self._is_finite():
            return None
        if not self._writes:
            return str(self.directory / f"ckpt-{step}")
        try:
            self._manager.save(checkpoint_number=step)
            return self.paths[-1]
        except (tf.errors.OpError, OSError) as error:
            clean(self.directory)
            kept = "nothing was saved yet"
            if self.paths:
                kept = f"{self.paths[-1]} is complete, and the same command goes on from it"
            raise UserError(
                f"{self.directory}: step {step} can't be saved ({_reason(error)}); make room: {kept}"
            ) from error

    def offer(self, path, step, name, value):
        """Keeps a copy of the checkpoint at `path`, saved at `step`, if its figure's `value` is the lowest so far."""
        known = best(self.directory)
        if not math.isfinite(value) or (known and known["figure"] == name and known["value"] <= value):
            return
        folder = self.directory / _BEST
        try:
            folder.mkdir(exist_ok=True)
            for file in self.directory.glob(f"{Path(path).name}.*"):
                _link(file, folder / file.name)
            record = {"checkpoint": Path(path).name, "step": step, "figure": name, "value": float(value)}
            _write(folder / _RECORD, {**(known or {}), **record})
            _clean_best(folder)
        except OSError as error:
            logger.warning("%s: the best checkpoint isn't copied (%s); training goes on", folder, error.strerror)


def plain_path(path):
    """The path of a checkpoint as TensorFlow reads it; see `native.plain_folder`."""
    return os.path.join(plain_folder(os.path.dirname(path)), os.path.basename(path))


@contextlib.contextmanager
def damage_named(path, advice):
    """Around what reads a checkpoint: a UserError, with `advice`, where it is damaged, or of other networks."""
    try:
        yield
    except (tf.errors.OpError, IndexError) as error:  # the latter where the file is too short
        raise UserError(f"{path}: damaged ({_reason(error)}); {advice}") from error
    except (AssertionError, ValueError) as error:  # what is missing, and what has another shape
        raise UserError(
            f"{path}: of networks of other sizes, or of an older version; "
            "resume with the flags that lie beside it, or give another --checkpoint_dir"
        ) from error


def _latest(directory):
    """Path of the newest checkpoint, None where there is none yet; UserError if `checkpoint` names none of several."""
    directory = Path(directory)
    state = directory / "checkpoint"
    try:
        named = re.match(r'model_checkpoint_path: "([^"]+)"', state.read_text(errors="replace"))
    except FileNotFoundError:
        named = None
    if named and (directory / f"{named[1]}.index").is_file():
        return str(directory / named[1])
    steps = [int(path.stem.removeprefix("ckpt-")) for path in directory.glob("ckpt-*.index")]
    if not state.exists() and not any(steps):  # at most of a first one that was killed
        return None
    what = f"names {named[1]}, which is gone" if named else "damaged"
    advice = "there is no other; begin again in another --checkpoint_dir"
    if steps:
        advice = f'to go on from step {max(steps)} write into it: model_checkpoint_path: "ckpt-{max(steps)}"'
    raise UserError(f"{state}: {what}; {advice}")


def best(directory):
    """What is known of the best checkpoint: its record with the keys checkpoint, step, figure, value; or None."""
    try:
        return json.loads((Path(directory) / _BEST / _RECORD).read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"{Path(directory) / _BEST / _RECORD}: damaged ({error}); delete the folder") from error


def newest(directory):
    """Path of the newest checkpoint of a training that has begun to learn, or None."""
    path = _latest(directory)
    return None if path is None or path.endswith("ckpt-0") else path


def exported(directory):
    """Path of the checkpoint that everybody else reads: the newest, or the best where `export` said so; or None."""
    record = best(directory)
    if record and record.get("exported"):
        return str(Path(directory) / _BEST / record["checkpoint"])
    return newest(directory)


def export(directory, which):
    """Chooses what `exported` returns, until it is chosen again: "last", or "best" (UserError where there is none)."""
    record = _wanted_best(directory) if which == "best" else best(directory)
    if record and record.get("exported", False) != (which == "best"):
        _write(Path(directory) / _BEST / _RECORD, {**record, "exported": which == "best"})


def restore_best(trainer, directory):
    """Puts the best checkpoint of `directory` into a trainer; UserError where there is none."""
    checkpoint = _wanted_best(directory)["checkpoint"]
    Checkpoints(trainer, directory).restore(str(Path(directory) / _BEST / checkpoint))


def _wanted_best(directory):
    record = best(directory)
    if record is None:
        raise UserError(f"--export=best: {directory} holds no best checkpoint; train on, or export the last")
    return record


def clean(directory):
    """Removes what a killed or failed save left; only for the process that trains there."""
    _latest(directory)  # of a corrupt folder nothing is removed
    directory = Path(directory)
    for path in [*directory.glob("ckpt-*_temp*"), *directory.glob("checkpoint.tmp*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for path in directory.glob("ckpt-*.data-*"):
        if not Path(re.sub(r"\.data-.*", ".index", str(path))).is_file():
            path.unlink()
    if (directory / _BEST).is_dir():
        _clean_best(directory / _BEST)


def _clean_best(folder):
    record = best(folder.parent) or {"checkpoint": ""}
    for path in folder.iterdir():
        if path.name != _RECORD and path.name.partition(".")[0] != record["checkpoint"]:
            path.unlink()


def _link(source, target):
    """Gives a file a second name, or where the file system has none such a copy."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write(path, record):
    atomic.write_text(path, json.dumps(record, indent=1) + "\n")


def _is_finite(checkpoint):
    """Whether every variable of a checkpoint is, a boolean scalar."""
    found = tf.train.TrackableView(checkpoint).descendants()
    found = (v.value if isinstance(v, keras.Variable) else v for v in found)
    floats = {id(v): v for v in found if isinstance(v, tf.Variable) and v.dtype.is_floating}
    return tf.reduce_all([tf.reduce_all(tf.math.is_finite(v)) for v in floats.values()])


def _reason(error):
    """The end of a message of TensorFlow's or the system's, which says what was wrong."""
    if isinstance(error, OSError):
        return error.strerror
    return re.sub(r" *\[Op:.*", "", getattr(error, "message", str(error)).splitlines()[0]).rpartition("; ")[2]
