"""The refiner: denoising that brings generated latents nearer to those of music.

A GAN of a few hours makes latents that a decoder turns into what it makes of noisy ones: blur. The refiner adds noise
that drowns what is wrong with them, and takes it off again in steps, as a diffusion model finishes a sketch (Meng et
al. 2022, "SDEdit"), along the deterministic path of Karras et al. (2022, algorithm 1, by Euler's steps)::

    x <- latents + start noise
    x <- D + (next / deviation) (x - D)          D = denoiser(x, deviation, conditioning)

What the generator decides over seconds stays: the noise drowns the details. Of its loudness the details stay too, since
they are its rhythm: along a few axes (`train/loudness.py`) what the steps make is replaced by what the generator made
and the noise that is left, until that falls below `release` (Choi et al. 2021, "ILVR")::

    x <- x + A A^T (latents + next noise - x)    A [latent_size, held], orthonormal

The denoiser fits the rest to that. The refiner sees `margin` latents on either side of a window, so that seams of the
generator are mended with the rest; noise belongs to its place, so that neighbours see the same.

A guide makes it clearer (Karras et al. 2024, "Guiding a Diffusion Model with a Bad Version of Itself"): a denoiser that
is narrower, learned briefly, and isn't told the signals. What the two do not agree on is what is missing still, so D
goes on from the guide's result, through the denoiser's, beyond it::

    D = guide(x, deviation) + guidance (denoiser(x, deviation, conditioning) - guide(x, deviation))
"""

import dataclasses

import numpy as np
import tensorflow as tf

from musika_tf.config import RefinerConfig
from musika_tf.gan.denoiser import Denoiser
from musika_tf.training import precision

_LAST = 0.05  # deviation that the last step takes off at once
_CURVE = 7.0  # rho of Karras et al.: small steps where little noise is left


@dataclasses.dataclass
class Refiner:
    """A denoiser, its guide (or None), the mean and deviation of the latents that they know, and the axes that are held
    (or None)."""

    config: RefinerConfig
    window: int
    network: Denoiser
    guide: Denoiser | None
    mean: tf.Variable
    deviation: tf.Variable
    axes: tf.Variable | None

    @classmethod
    def create(cls, config, window, latent_size, n_conditioning, policy="float32"):
        """Builds the networks with fresh weights; `window` latents are refined at a time; `policy` as Gan's."""
        with precision.policy(policy):
            network = Denoiser(config.width, latent_size, config.head_size)
            guide = Denoiser(config.guide_width, latent_size, hears_signals=False) if config.guide_width else None
        for one in filter(None, (network, guide)):
            one(tf.zeros([1, 8, latent_size]), tf.ones([1, 1, 1]), tf.zeros([1, 8, n_conditioning]))
        mean, deviation = (tf.Variable(value([latent_size]), trainable=False) for value in (tf.zeros, tf.ones))
        axes = tf.Variable(tf.zeros([latent_size, config.held]), trainable=False) if config.held else None
        return cls(config, window, network, guide, mean, deviation, axes)

    @property
    def margin(self):
        """Latents on either side of a window that are seen with it."""
        return self.window // 4

    @property
    def span(self):
        """Latents that are seen at a time."""
        return self.window + 2 * self.margin

    @property
    def networks(self):
        """The networks by name."""
        return {"refiner": self.network} | ({"guide": self.guide} if self.guide else {})

    @property
    def variables(self):
        """What it has beside the networks' weights."""
        return [self.mean, self.deviation, *([] if self.axes is None else [self.axes])]

    def fit(self, mean, deviation):
        """Sets both, float `[latent_size]`."""
        self.mean.assign(mean)
        self.deviation.assign(tf.maximum(deviation, 1e-3))

    def hold(self, axes):
        """Sets what is held: orthonormal columns `[latent_size, held]` in the space of standardised latents."""
        self.axes.assign(axes)

    def deviations(self):
        """The noise's deviation before each step, and 0: float32 `[n_steps + 1]`."""
        roots = np.linspace(self.config.start ** (1 / _CURVE), _LAST ** (1 / _CURVE), self.config.n_steps)
        return np.append(roots**_CURVE, 0).astype(np.float32)

    def standardise(self, latents):
        return (latents - self.mean) / self.deviation

    def expected(self, noisy, deviation, conditioning):
        """Standardised latents as they are expected without noise; arguments and result as those of a Denoiser."""
        told = self.network(noisy, deviation, conditioning)
        if self.guide is None:
            return told
        guide = self.guide(noisy, deviation, conditioning)
        return guide + self.config.guidance * (told - guide)

    def refine(self, latents, noise, conditioning):
        """Refines windows.

        Args:
          latents: `[b, span, latent_size]` at their own scale.
          noise: N(0, 1) of that shape.
          conditioning: `[b, span, k]`, scaled as the generator's.

        Returns:
          `[b, window, latent_size]`.
        """
        deviations = tf.constant(self.deviations())
        each = tf.ones([tf.shape(latents)[0], 1, 1])

        sketch = self.standardise(latents)

        def step(i, x):
            clean = self.expected(x, deviations[i] * each, conditioning)
            x = clean + deviations[i + 1] / deviations[i] * (x - clean)
            if self.axes is not None:
                drawn = sketch + deviations[i + 1] * noise
                held = tf.matmul(tf.matmul(drawn - x, self.axes), self.axes, transpose_b=True)
                x += tf.cast(deviations[i + 1] >= self.config.release, tf.float32) * held
            return i + 1, x

        state = 0, sketch + deviations[0] * noise
        # A loop, so that a graph holds the networks once.
        _, x = tf.while_loop(lambda i, _: i < self.config.n_steps, step, state, parallel_iterations=1)
        return x[:, self.margin : self.margin + self.window] * self.deviation + self.mean
