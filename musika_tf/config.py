"""Sizes and training settings as frozen dataclasses.

What can be derived is a property and never typed twice. Every field becomes a command line flag
(`musika_tf.programs.settings`) under the prefix of its class: `AutoencoderConfig.width` is `--ae_width`.
The defaults are the reference size of the paper's 44.1 kHz model. Values that no training could do anything with are
refused where they enter.
"""

import dataclasses
from dataclasses import dataclass

from musika_tf.errors import UserError

AUTOENCODER_FILE = "autoencoder.json"  # in a folder of checkpoints: the AutoencoderConfig of what is trained there

_SEEDS = 0, 2**32 - 8  # what NumPy takes, and a few to add
_SIZES, _COUNTS = (1, 2**31 - 1), (0, 2**31 - 1)
_LARGE = 1e30  # as float32 holds it, and its square in float64
_SHARE, _FROM_0, _ABOVE_0 = (0.0, 1.0), (0.0, _LARGE), (1e-12, _LARGE)


def field(default, help_text, allowed=None, multiple_of=1):
    """A dataclass field with the sentence that `--help` prints for it.

    Args:
      default: also says the type.
      help_text: the sentence.
      allowed: (lowest, highest) value, of each number in a tuple; default: whole numbers from 1 on, any others. Of a
        text: all that it may be.
      multiple_of: of whole numbers.
    """
    metadata = {"help": help_text, "allowed": allowed, "multiple_of": multiple_of}
    return dataclasses.field(default=default, metadata=metadata)


class Checked:
    """A dataclass that refuses what its fields don't allow: UserError `name=value: what would work`."""

    def __post_init__(self):
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            wanted = _complaint(value, f)
            if wanted:
                shown = ",".join(map(str, value)) if isinstance(value, (tuple, list)) else value
                raise UserError(f"{f.name}={shown}: give {wanted}")


def _complaint(value, f):
    """What the value of a field has to be and is not, or None."""
    if isinstance(f.default, tuple):
        if not isinstance(value, tuple) or len(value) != len(f.default):
            return f"{len(f.default)} numbers between commas"
        return next(filter(None, (_number_complaint(v, f.default[0], f.metadata) for v in value)), None)
    if isinstance(f.default, str):
        return None if value in f.metadata["allowed"] else f"one of {', '.join(f.metadata['allowed'])}"
    if isinstance(f.default, bool):
        return None if isinstance(value, bool) else "true or false"
    return _number_complaint(value, f.default, f.metadata)


def _number_complaint(value, like, metadata):
    whole = isinstance(like, int)
    low, high = metadata["allowed"] or (_SIZES if whole else (-_LARGE, _LARGE))
    is_number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    multiple = metadata["multiple_of"]
    if is_number and low <= value <= high and (multiple == 1 or value % multiple == 0):
        return None
    kind = f"a multiple of {multiple}" if multiple > 1 else "a whole number" if whole else "a number"
    return f"{kind} from {low:g} to {high:g}"


@dataclass(frozen=True)
class AutoencoderConfig(Checked):
    """Sizes of the signal path and of both autoencoders.

    A level-1 latent is a vector of `level1_size` per frame and channel, a level-2 latent one of `latent_size` per
    `frames_per_latent` frames and channel.
    """

    sample_rate: int = field(44_100, "samples per second of the waveform", (8_000, 48_000))
    hop_length: int = field(256, "samples between two STFT frames; the FFT is four hops long", multiple_of=2)
    width: int = field(256, "base width h of the four networks", multiple_of=4)
    level1_size: int = field(0, "numbers per frame at level 1; 0: a quarter of the width", _COUNTS)
    frames_per_latent: int = field(
        16, "frames that a level-2 latent stands for; 8: as in the paper's 22.05 kHz model", (8, 16), multiple_of=8
    )
    latent_size: int = field(96, "size of a level-2 latent, per channel that is coded; stacked: 64 as published")
    stereo: str = field(
        "parametric",
        "parametric: one channel and how both differ; stacked: left and right side by side, as published",
        ("parametric", "stacked"),
    )
    stereo_bands: int = field(16, "frequency bands of parametric stereo, each with a pan and a likeness", (1, 64))
    linear_paths: bool = field(
        True, "linear paths beside the networks, which start as the music's principal components; no: as published"
    )
    phase_head: str = field("resonators", "how decoder 1 makes phase; angle: as published", ("angle", "resonators"))
    window_frames: int = field(64, "frames that the decoders see at once", multiple_of=16)

    EARLIER = {"stereo": "stacked", "phase_head": "angle", "linear_paths": False}  # before there was a choice

    def __post_init__(self):
        super().__post_init__()
        if not self.level1_size:
            object.__setattr__(self, "level1_size", self.width // 4)

    @property
    def fft_length(self):
        return 4 * self.hop_length

    @property
    def n_bins(self):
        return self.fft_length // 2 + 1

    @property
    def edge_samples(self):
        """Samples that the waveform is extended by on each side, so that whole latents are covered."""
        return (self.fft_length - self.hop_length) // 2

    @property
    def n_coded(self):
        """Channels that pass through the networks: both sides, or one in parametric stereo."""
        return 1 if self.stereo == "parametric" else 2

    @property
    def latent_channels(self):
        """Numbers of a latent of stereo: both sides', or one channel's and then the stereo parameters."""
        if self.stereo == "parametric":
            return self.latent_size + 2 * self.stereo_bands
        return 2 * self.latent_size

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
class AutoencoderTraining(Checked):
    """How the four phases are trained. Tuples have one entry per phase."""

    batch_size: int = field(32, "crops per step")
    crop_windows: int = field(2, "decoder windows per crop, so that every loss sees a seam")
    augment: bool = field(True, "transpose, equalise, scale and overlay crops at random")
    steps: tuple[int, ...] = field((300_000, 300_000, 300_000, 300_000), "training steps of phases 1,2,3,4")
    learning_rates: tuple[float, ...] = field(
        (1e-3, 5e-4, 1e-3, 3e-4), "Adam's learning rate at the start of phases 1,2,3,4", _FROM_0
    )
    final_rate_share: float = field(0.1, "share of the learning rate that is left at a phase's end (cosine)", _SHARE)
    beta_1: float = field(0.8, "Adam's beta_1", _SHARE)
    beta_2: float = field(0.99, "Adam's beta_2; at 0.9 phase 2 ran away", _SHARE)
    clip_norm: float = field(1.0, "gradients are scaled down to this global norm", _ABOVE_0)
    ema_decay: float = field(
        0.999, "decay of the moving average of the weights that the next phase starts from", _SHARE
    )
    frequency_knee: float = field(
        12.0,
        "bin k weighs 1/(1 + k/knee) in magnitude losses, mean 1: without it sub-bass is lost; 0 weighs all alike",
        _FROM_0,
    )
    magnitude_weight: float = field(10.0, "weight of the magnitude L1", _FROM_0)
    spectral_weight: float = field(1.0, "weight of the multi-scale spectral distance of the waveform", _FROM_0)
    consistency_weight: float = field(1.0, "weight of mean |S - S(iSTFT(S^, P^))|, both cut at -50 dB", _FROM_0)
    frequency_weight: float = field(3.0, "weight of the phase's differences from frame to frame", _FROM_0)
    delay_weight: float = field(1.0, "weight of the phase's differences from bin to bin", _FROM_0)
    latent_weight: float = field(1.0, "weight of the L1 between level-1 latents", _FROM_0)
    adversarial_weight: float = field(0.4, "weight of the decoder's hinge loss", _FROM_0)
    feature_weight: float = field(2.0, "weight of feature matching in the critic", _FROM_0)
    critic_learning_rate: float = field(3e-4, "Adam's learning rate of the spectrogram critic", _FROM_0)
    critic_width: int = field(16, "channels of the spectrogram critic's first layer")
    critic_start: float = field(0.5, "share of phases 2 and 4 after which the critic joins", _SHARE)
    latent_noise: float = field(0.02, "standard deviation of the noise on latents in phases 3 and 4", _FROM_0)
    contrast: float = field(
        1.1, "how far from its mean what decoder 2 makes is moved after phase 4, which has left it too near", (0.5, 2.0)
    )
    max_skips: int = field(3, "skipped steps in a row (loss or gradient not finite) after which training goes back")
    max_rollbacks: int = field(4, "times that training goes back to its last checkpoint before it gives up", _COUNTS)
    seed: int = field(0, "seed of the crops and of the initial weights", _SEEDS)

    def crop_samples(self, config):
        """Samples of one crop: a whole number of decoder windows, at any offset."""
        return config.crop_samples(self.crop_windows * config.window_frames)


@dataclass(frozen=True)
class GanConfig(Checked):
    """Sizes of the latent GAN. Its coordinates have `anchor_size` channels interpolated from anchors, as many of style,
    and whatever conditioning adds."""

    width: int = field(128, "base width c of the generator")
    critic_width: int = field(128, "base width c of the critic")
    window: int = field(128, "latents that the generator makes at once", (64, 128), multiple_of=64)
    anchor_size: int = field(64, "size of an anchor and of the style")
    patch_critic: bool = field(False, "score patches at every scale instead of one flattened score")
    critic_contrast: bool = field(
        False, "show the critic how far apart its two windows are, place by place, so that the generator's don't repeat"
    )
    noise_values: int = field(1, "noise values per time step in each layer of the generator; 1: as published")

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
class GanTraining(Checked):
    """How the latent GAN is trained."""

    batch_size: int = field(32, "pairs of windows per step")
    steps: int = field(2_000_000, "training steps")
    learning_rate: float = field(1e-4, "Adam's learning rate of generator and critic", _FROM_0)
    final_rate_share: float = field(1.0, "share of the learning rate that is left at the end (cosine)", _SHARE)
    beta_1: float = field(0.5, "Adam's beta_1", _SHARE)
    beta_2: float = field(0.999, "Adam's beta_2", _SHARE)
    ema_decay: float = field(0.999, "decay of the moving average of the generator's weights, which generates", _SHARE)
    r1_weight: float = field(10.0, "weight of R1 when its controller is fully on", _FROM_0)
    r1_every: int = field(1, "steps between two R1 steps (weighted up by as much)")
    r1_control: bool = field(True, "let the controller switch R1 by the critic's certainty; otherwise always on")
    standardise: bool = field(False, "standardise the latents per channel and invert at the generator's output")
    emphasis: float = field(
        0.0, "what the GAN makes of numbers that move the spectrum more: 0 all alike, 1 in proportion", _FROM_0
    )
    instance_noise: float = field(
        0.0, "noise on the critic's input at the start, fading out over the first half", _FROM_0
    )
    mismatch_weight: float = field(
        1.0, "weight of real music under another piece's signals, to be rejected as generated music is", _FROM_0
    )
    noise_init: float = field(0.0, "initial scale of the generator's noise layers", _FROM_0)
    max_skips: int = field(3, "skipped steps in a row (loss or gradient not finite) after which training goes back")
    max_rollbacks: int = field(4, "times that training goes back to its last checkpoint before it gives up", _COUNTS)
    seed: int = field(0, "seed of crops, coordinates and initial weights", _SEEDS)


@dataclass(frozen=True)
class RefinerConfig(Checked):
    """Size and use of the refiner, which brings generated latents nearer to those of music."""

    width: int = field(96, "channels of the denoiser at every level")
    head_size: int = field(
        32, "channels of each head of its attention, which divide the width; 0: no attention", _COUNTS, multiple_of=2
    )
    start: float = field(8.0, "deviation of the noise that generated latents get", (0.05, 80.0))
    n_steps: int = field(10, "steps in which it is taken off", (1, 256))
    held: int = field(8, "axes of a latent along which loudness stays as it was generated, the rhythm with it", _COUNTS)
    release: float = field(0.5, "deviation of the noise below which they are held no more", _FROM_0)
    guide_width: int = field(32, "channels of the guide, a poorer denoiser to go away from; 0: none", _COUNTS)
    guidance: float = field(1.25, "how far from the guide: 0 is what it expects, 1 the refiner without it", (0.0, 20.0))

    EARLIER = {"guide_width": 0, "head_size": 0, "held": 0}  # before there were any

    def __post_init__(self):
        super().__post_init__()
        if self.head_size and self.width % self.head_size:
            raise UserError(f"head_size={self.head_size}: give a divisor of the width, {self.width}, or 0")


@dataclass(frozen=True)
class RefinerTraining(Checked):
    """How the refiner is trained: to take noise off latents of music. The logarithm of the noise's deviation, in units
    of each channel's, is normally distributed."""

    batch_size: int = field(16, "spans per step")
    steps: int = field(20_000, "training steps")
    learning_rate: float = field(1e-3, "Adam's learning rate at the start", _FROM_0)
    final_rate_share: float = field(0.02, "share of the learning rate that is left at the end (cosine)", _SHARE)
    beta_1: float = field(0.9, "Adam's beta_1", _SHARE)
    beta_2: float = field(0.99, "Adam's beta_2", _SHARE)
    clip_norm: float = field(1.0, "gradients are scaled down to this global norm", _ABOVE_0)
    ema_decay: float = field(0.999, "decay of the moving average of the weights, which refines", _SHARE)
    noise_mean: float = field(0.0, "mean of the logarithm of the noise's deviation", (-5.0, 5.0))
    noise_spread: float = field(1.3, "deviation of the logarithm of the noise's deviation", (0.0, 5.0))
    guide_steps: int = field(3_000, "training steps of the guide, which come first")
    max_skips: int = field(3, "skipped steps in a row (loss or gradient not finite) after which training goes back")
    max_rollbacks: int = field(4, "times that training goes back to its last checkpoint before it gives up", _COUNTS)
    seed: int = field(0, "seed of crops, noise and initial weights", _SEEDS)


def from_dict(config_class, values):
    """The config of these `dataclasses.asdict`. What they do not say is as it was before there was a choice.

    Raises:
      TypeError: not a dict, or one with unknown keys.
      UserError: a value that the config refuses.
    """
    values = {**getattr(config_class, "EARLIER", {}), **dict(values)}
    return config_class(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
