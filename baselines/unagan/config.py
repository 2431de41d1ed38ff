"""Sizes and training settings; the defaults are the published ones where there are such.

Each field is a flag: `UnaganConfig.width` is `--unagan_width`.
"""

from dataclasses import dataclass

from musika_tf.config import Checked, field

_NUMBERS, _POSITIVE, _SHARE = (0.0, 1e6), (1e-9, 1e6), (0.0, 1.0)


@dataclass(frozen=True)
class UnaganConfig(Checked):
    """Sizes of the networks. Mel bands, hop and sample rate are fixed: see `mel`."""

    width: int = field(512, "channels of the generator's blocks", multiple_of=4)
    noise_size: int = field(20, "random numbers per coarse step")
    fine_noise_size: int = field(4, "random numbers per step at each finer scale", (0, 512))
    scales: int = field(4, "times that the generator doubles the time steps: a coarse step is 2^scales frames", (1, 8))
    groups: int = field(4, "groups of channels in grouped convolutions and group norm")
    critic_width: int = field(512, "channels of the critic's and the encoder's 1-D layers")
    critic_channels: tuple[int, ...] = field((4, 16, 64), "channels of their three 2-D layers")
    critic_dilations: tuple[int, ...] = field((1, 16, 32, 64, 128), "frames between taps of the critic's 1-D layers")

    @property
    def frames_per_step(self):
        """Frames of one coarse step."""
        return 2**self.scales

    @property
    def noise_sizes(self):
        """Random numbers per step at each scale, the coarsest first."""
        return (self.noise_size, *[self.fine_noise_size] * self.scales)


@dataclass(frozen=True)
class UnaganTraining(Checked):
    """How the three networks are trained."""

    batch_size: int = field(5, "clips per step")
    clip_steps: int = field(54, "coarse steps of a clip: ten seconds")
    steps: int = field(100_000, "training steps")
    learning_rate: float = field(1e-4, "Adam's learning rate", _NUMBERS)
    beta_1: float = field(0.9, "Adam's beta_1", _SHARE)
    beta_2: float = field(0.999, "Adam's beta_2", _SHARE)
    clip_norm: float = field(3.0, "gradients are scaled down to this global norm", _POSITIVE)
    gamma: float = field(1.0, "the critic's error on generated clips over that on real ones, which k aims at", _SHARE)
    k_rate: float = field(0.01, "lambda_k: how fast k moves", _NUMBERS)
    cycle_weight: float = field(1.0, "weight of both cycles", _NUMBERS)
    ema_decay: float = field(0.999, "decay of the moving average of the generator's weights, which generates", _SHARE)
    max_skips: int = field(3, "skipped steps in a row (loss or gradient not finite) after which training goes back")
    max_rollbacks: int = field(4, "times that training goes back to its last checkpoint before it gives up", (0, 1000))
    seed: int = field(0, "seed of clips, noise and initial weights", (0, 2**32 - 8))
