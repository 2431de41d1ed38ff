"""Sizes and training settings as frozen dataclasses.

What can be derived is a property and never typed twice. Every field becomes a command line flag
(`musika_tf.cli`) under the prefix of its class: `AutoencoderConfig.width` is `--ae_width`.
The defaults are the reference size of the paper's 44.1 kHz model.
"""

import dataclasses
from dataclasses import dataclass


def field(default, help_text):
    """A dataclass field with the sentence that `--help` prints for it."""
    return dataclasses.field(default=default, metadata={"help": help_text})


@dataclass(frozen=True)
class AutoencoderConfig:
    """Sizes of the signal path and of both autoencoders.

    A level-1 latent is one vector of `level1_size` per frame and channel, a level-2 latent one of
    `latent_size` per `frames_per_latent` frames and channel.
    """

    sample_rate: int = field(44_100, "samples per second of the waveform")
    hop_length: int = field(256, "samples between two STFT frames; the FFT is four hops long")
    width: int = field(256, "base width h of the four networks")
    latent_size: int = field(64, "size of a level-2 latent, per channel")
    window_frames: int = field(64, "frames that the decoders see at once")

    frames_per_latent = 16

    @property
    def fft_length(self):
        return 4 * self.hop_length

    @property
    def n_bins(self):
        return self.fft_length // 2 + 1

    @property
    def edge_samples(self):
        """Samples that the waveform is extended by on each side, so that 16 n frames cover n latents."""
        return (self.fft_length - self.hop_length) // 2

    @property
    def level1_size(self):
        return self.width // 4

    @property
    def window_latents(self):
        return self.window_frames // self.frames_per_latent

    @property
    def samples_per_latent(self):
        return self.frames_per_latent * self.hop_length

    @property
    def window_samples(self):
        """Samples that the decoders make at once."""
        return self.window_latents * self.samples_per_latent

    @property
    def latents_per_second(self):
        return self.sample_rate / self.samples_per_latent

    def crop_samples(self, n_frames):
        """Samples that `n_frames` frames span, without padding."""
        return (n_frames - 1) * self.hop_length + self.fft_length


@dataclass(frozen=True)
class AutoencoderTraining:
    """How the four phases are trained. Tuples have one entry per phase."""

    batch_size: int = field(32, "crops per step")
    crop_windows: int = field(2, "decoder windows per crop, so that every loss sees a seam")
    steps: tuple[int, ...] = field((300_000, 300_000, 300_000, 300_000), "training steps of phases 1,2,3,4")
    learning_rates: tuple[float, ...] = field(
        (1e-3, 5e-4, 1e-3, 3e-4), "Adam's learning rate at the start of phases 1,2,3,4"
    )
    final_rate_share: float = field(0.1, "share of the learning rate that is left at a phase's end (cosine)")
    beta_1: float = field(0.8, "Adam's beta_1")
    beta_2: float = field(0.99, "Adam's beta_2; at 0.9 phase 2 ran away")
    clip_norm: float = field(1.0, "gradients are scaled down to this global norm")
    ema_decay: float = field(0.999, "decay of the moving average of the weights that the next phase starts from")
    frequency_knee: float = field(
        12.0, "bin k weighs 1/(1 + k/knee) in magnitude losses, mean 1: without it sub-bass is lost; 0 weighs all alike"
    )
    magnitude_weight: float = field(10.0, "weight of the magnitude L1")
    spectral_weight: float = field(1.0, "weight of the multi-scale spectral distance of the waveform")
    consistency_weight: float = field(1.0, "weight of mean |S - S(iSTFT(S^, P^))|, both cut at -50 dB")
    latent_weight: float = field(1.0, "weight of the L1 between level-1 latents")
    adversarial_weight: float = field(0.4, "weight of the decoder's hinge loss")
    feature_weight: float = field(2.0, "weight of feature matching in the critic")
    critic_learning_rate: float = field(3e-4, "Adam's learning rate of the spectrogram critic")
    critic_width: int = field(16, "channels of the spectrogram critic's first layer")
    critic_start: float = field(0.5, "share of phases 2 and 4 after which the critic joins")
    latent_noise: float = field(0.02, "standard deviation of the noise on latents in phases 3 and 4")
    seed: int = field(0, "seed of the crops and of the initial weights")

    def crop_samples(self, config):
        """Samples of one crop: a whole number of decoder windows, at any offset."""
        return config.crop_samples(self.crop_windows * config.window_frames)


@dataclass(frozen=True)
class GanConfig:
    """Sizes of the latent GAN.

    `small` is the published 64-latent variant; the coordinates have `anchor_size` channels interpolated
    from anchors, as many of style, and whatever conditioning adds.
    """

    width: int = field(128, "base width c of the generator")
    critic_width: int = field(128, "base width c of the critic")
    window: int = field(128, "latents that the generator makes at once")
    anchor_size: int = field(64, "size of an anchor and of the style")
    patch_critic: bool = field(False, "score patches at every scale instead of one flattened score")

    @property
    def critic_window(self):
        """Latents that the critic judges: two windows, so that seams are judged too."""
        return 2 * self.window

    @property
    def anchor_spacing(self):
        """Latents between two anchors, 1.5 critic windows."""
        return 3 * self.window

    @property
    def coordinate_size(self):
        """Channels of the coordinates before conditioning: anchors, then style."""
        return 2 * self.anchor_size


@dataclass(frozen=True)
class GanTraining:
    """How the latent GAN is trained."""

    batch_size: int = field(32, "pairs of windows per step")
    steps: int = field(2_000_000, "training steps")
    learning_rate: float = field(1e-4, "Adam's learning rate of generator and critic")
    final_rate_share: float = field(1.0, "share of the learning rate that is left at the end (cosine)")
    beta_1: float = field(0.5, "Adam's beta_1")
    beta_2: float = field(0.999, "Adam's beta_2")
    ema_decay: float = field(0.999, "decay of the moving average of the generator's weights, which generates")
    r1_weight: float = field(10.0, "weight of R1 when its controller is fully on")
    r1_every: int = field(1, "steps between two R1 steps (weighted up by as much)")
    r1_control: bool = field(True, "let the controller switch R1 by the critic's certainty; otherwise always on")
    standardise: bool = field(False, "standardise the latents per channel and invert at the generator's output")
    instance_noise: float = field(0.0, "noise on the critic's input at the start, fading out over the first half")
    noise_init: float = field(0.0, "initial scale of the generator's noise layers")
    seed: int = field(0, "seed of crops, coordinates and initial weights")


def to_dict(config):
    """A config as plain values for JSON."""
    return dataclasses.asdict(config)


def from_dict(config_class, values):
    """The config of `to_dict`; lists become tuples, unknown keys raise TypeError."""
    return config_class(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
