"""A folder of checkpoints: what was trained there, and how to get it back."""

import dataclasses
import json
from pathlib import Path

from baselines.unagan.config import UnaganConfig, UnaganTraining
from baselines.unagan.model import Unagan
from baselines.unagan.trainer import UnaganTrainer
from musika_tf import atomic, config, json_file
from musika_tf.errors import UserError
from musika_tf.evaluation.embeddings import checksum
from musika_tf.training import checkpoints
from musika_tf.training.checkpoints import Checkpoints

_FILE = "unagan.json"


def check(directory, unagan_config):
    """UserError where networks of other sizes lie in a folder."""
    if (Path(directory) / _FILE).is_file() and sizes(directory) != unagan_config:
        raise UserError(f"--checkpoint_dir={directory}: holds networks of other sizes; use another")


def keep(directory, unagan_config):
    """Stores the sizes beside the checkpoints."""
    path = Path(directory) / _FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps(dataclasses.asdict(unagan_config), indent=1) + "\n")


def sizes(directory):
    """The UnaganConfig of what was trained in a folder; UserError where there is none, or it is damaged."""
    path = Path(directory) / _FILE
    try:
        return config.from_dict(UnaganConfig, json_file.read(path))
    except FileNotFoundError as error:
        advice = "train one: python -m baselines.unagan.train"
        raise UserError(f"--checkpoint_dir={directory}: no UNAGAN-style model; {advice}") from error
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}); delete it, and give the flags of this training again") from error


def load(directory):
    """The Unagan of a folder's best or last checkpoint, as its training's --export said, and what identifies it.

    Returns:
      (Unagan, twelve hex digits of all that its music depends on).

    Raises:
      UserError: there is none yet, or it is damaged.
    """
    unagan_config = sizes(directory)
    path = checkpoints.exported(directory)
    if path is None:
        raise UserError(f"--checkpoint_dir={directory}: no checkpoint yet; wait until the training has saved one")
    model = Unagan.create(unagan_config)
    Checkpoints(UnaganTrainer(model, UnaganTraining()), directory, writes=False).restore(path)
    data = next(Path(path).parent.glob(f"{Path(path).name}.data-*"))
    return model, checksum(data)[:12]
