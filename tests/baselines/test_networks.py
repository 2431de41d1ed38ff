"""Sizes of the networks, the grouped convolution against one of Keras for each group, and pieces of any length."""

import keras
import numpy as np
import pytest
import tiny
import tiny_unagan

from baselines.unagan.config import UnaganConfig
from baselines.unagan.generator import GroupedConv
from baselines.unagan.model import Unagan
from musika_tf.errors import UserError

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def model():
    return tiny_unagan.trainer().model


def test_grouped_convolution_is_one_for_each_group():
    layer, x = GroupedConv(2), tiny.normal(2, 7, 6)
    layer.build(x.shape)
    tiny.scramble(layer)
    kernel, bias = (v.numpy() for v in layer.weights)
    for group in range(2):
        part = slice(3 * group, 3 * group + 3)
        alone = keras.layers.Conv1D(3, 3, padding="same")
        alone.build((2, 7, 3))
        alone.set_weights([kernel[:, :, part], bias[part]])
        np.testing.assert_allclose(layer(x)[..., part], alone(x[..., part]), atol=1e-6)


def test_shapes(model):
    mel = tiny.normal(3, 12, 80)
    assert model.critic(mel).shape == (3, 12, 80)
    assert model.encoder(mel).shape == (3, 3, 4)
    noises = [tiny.normal(3, 3 * 2**i, size) for i, size in enumerate(tiny_unagan.CONFIG.noise_sizes)]
    assert model.generator(noises).shape == (3, 12, 80)


def test_every_scale_of_noise_is_heard(model):
    noises = [tiny.normal(1, 3 * 2**i, size) for i, size in enumerate(tiny_unagan.CONFIG.noise_sizes)]
    whole = model.generator(noises)
    for i in range(len(noises)):
        other = [2 * x if i == j else x for j, x in enumerate(noises)]
        assert np.abs(model.generator(other) - whole).max() > 1e-4


@pytest.mark.parametrize("n_frames", [1, 4, 9])
def test_any_length(model, n_frames):
    piece = model.generate(5, n_frames)
    assert piece.shape == (n_frames, 80) and np.isfinite(piece).all()


def test_a_seed_is_a_piece(model):
    np.testing.assert_array_equal(model.generate(5, 12), model.generate(5, 12))
    assert np.abs(model.generate(5, 12) - model.generate(6, 12)).max() > 1e-3


def test_groups_divide_the_width():
    with pytest.raises(UserError, match="--unagan_groups=3: give a divisor of --unagan_width=8"):
        Unagan.create(UnaganConfig(width=8, groups=3))
