import dataclasses
import json

import pytest

from musika_tf.config import AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining, from_dict
from musika_tf.errors import UserError

ALL = (AutoencoderConfig, AutoencoderTraining, GanConfig, GanTraining)


def test_derived_sizes_of_the_reference():
    config = AutoencoderConfig()
    assert (config.fft_length, config.n_bins, config.edge_samples) == (1024, 513, 384)
    assert (config.level1_size, config.latent_size, config.window_latents) == (64, 96, 4)
    assert config.samples_per_latent == 4096
    assert config.latents_per_second == pytest.approx(10.7666, abs=1e-4)
    assert config.crop_samples(128) == 33_536


def test_derived_sizes_of_the_gan():
    gan = GanConfig()
    assert (gan.critic_window, gan.anchor_spacing, gan.coordinate_size) == (256, 384, 128)
    small = GanConfig(window=64, anchor_size=16)
    assert (small.critic_window, small.anchor_spacing, small.coordinate_size) == (128, 192, 32)


@pytest.mark.parametrize("hop_length", [32, 256, 300])
@pytest.mark.parametrize("n_latents", [1, 2, 77])
def test_frames_of_the_extended_waveform_cover_whole_latents(hop_length, n_latents):
    config = AutoencoderConfig(hop_length=hop_length)
    extended = n_latents * config.samples_per_latent + 2 * config.edge_samples
    assert config.crop_samples(16 * n_latents) == extended


def _changed(field):
    """Another value that the field takes."""
    if isinstance(field.default, str):
        return next(choice for choice in field.metadata["allowed"] if choice != field.default)
    return tuple(map(_half, field.default)) if isinstance(field.default, tuple) else _half(field.default)


def _half(value):
    return value // 2 or 1 if isinstance(value, int) else value / 2


@pytest.mark.parametrize("config_class", ALL)
def test_survives_json(config_class):
    config = config_class()
    changed = {f.name: _changed(f) for f in dataclasses.fields(config) if not isinstance(f.default, bool)}
    config = dataclasses.replace(config, **changed)
    assert config != config_class()
    assert from_dict(config_class, json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize("config_class", ALL)
def test_is_frozen_and_refuses_what_it_does_not_know(config_class):
    with pytest.raises(dataclasses.FrozenInstanceError):
        config_class().seed = 1
    with pytest.raises(TypeError, match="depth"):
        from_dict(config_class, {"depth": 3})


@pytest.mark.parametrize(
    ("config_class", "values", "message"),
    [
        (AutoencoderConfig, {"width": 98}, "^width=98: give a multiple of 4 from 1 to"),
        (AutoencoderConfig, {"width": 0}, "^width=0: "),
        (AutoencoderConfig, {"width": "96"}, "^width=96: "),
        (AutoencoderConfig, {"sample_rate": 44_100.0}, "^sample_rate=44100.0: give a whole number"),
        (AutoencoderConfig, {"sample_rate": 96_000}, "^sample_rate=96000: give a whole number from 8000 to 48000"),
        (AutoencoderConfig, {"frames_per_latent": 12}, "^frames_per_latent=12: give a multiple of 8 from 8 to 16"),
        (AutoencoderTraining, {"batch_size": True}, "^batch_size=True: give a whole number"),
        (AutoencoderTraining, {"seed": -1}, "^seed=-1: give a whole number from 0"),
        (AutoencoderTraining, {"steps": (1, 2, 3)}, "^steps=1,2,3: give 4 numbers between commas"),
        (AutoencoderTraining, {"learning_rates": (1e-3, 1e-3, float("nan"), 1e-3)}, "^learning_rates=.*nan.*a number"),
        (GanConfig, {"window": 96}, "^window=96: give a multiple of 64 from 64 to 128"),
        (GanConfig, {"patch_critic": 1}, "^patch_critic=1: give true or false"),
        (GanTraining, {"final_rate_share": 1.5}, "^final_rate_share=1.5: give a number from 0 to 1"),
        (GanTraining, {"r1_weight": float("inf")}, "^r1_weight=inf: give a number from 0"),
        (GanTraining, {"r1_weight": 10**400}, "^r1_weight=10*: give a number from 0"),
    ],
)
def test_what_no_training_can_use_is_named(config_class, values, message):
    with pytest.raises(UserError, match=message):
        from_dict(config_class, values)
