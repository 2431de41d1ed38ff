"""An UNAGAN-style model of a few channels, and clips of its size."""

import dataclasses
import functools

import tiny

from baselines.unagan.config import UnaganConfig, UnaganTraining
from baselines.unagan.model import Unagan
from baselines.unagan.trainer import UnaganTrainer

CONFIG = UnaganConfig(
    width=8,
    noise_size=4,
    fine_noise_size=2,
    scales=2,
    groups=2,
    critic_width=8,
    critic_channels=(2, 2, 2),
    critic_dilations=(1, 1, 2, 2, 2),
)
TRAINING = UnaganTraining(batch_size=2, clip_steps=2, steps=6, learning_rate=1e-3)

_create = functools.cache(Unagan.create)


def flags():
    """The command line that says the same."""
    values = {**dataclasses.asdict(CONFIG), **dataclasses.asdict(TRAINING)}
    texts = {name: ",".join(map(str, v)) if isinstance(v, tuple) else v for name, v in values.items()}
    return [f"--unagan_{name}={text}" for name, text in texts.items()]


def trainer(seed=0, core_minutes=None, **changes):
    """A new UnaganTrainer of a model that is always the same object; its weights are functions of `seed`."""
    model = _create(CONFIG)
    for i, network in enumerate((model.generator, model.critic, model.encoder)):
        tiny.scramble(network, 10 * seed + i)
    model.averaged.set_weights(model.generator.get_weights())
    return UnaganTrainer(model, dataclasses.replace(TRAINING, **changes), core_minutes)


def clips(seed=0):
    """A batch as `clips.batches` makes it."""
    return 0.5 * tiny.normal(2, 8, 80, seed=seed), None
