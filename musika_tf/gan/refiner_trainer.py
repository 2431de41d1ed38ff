"""The refiner's training step: noise of a random strength on latents of music, to be taken off again."""

import tensorflow as tf

from musika_tf.training.devices import ONE
from musika_tf.training.ema import MovingAverage
from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.precision import loss_scale_of
from musika_tf.training.update import Guard, update


class RefinerTrainer(tf.Module):
    """Owns the step, the optimiser and the moving average, for one network of a Refiner.

    Args:
      refiner: whose network becomes the average.
      learning: Refiner of the same sizes, whose network learns.
      emphasis: float32 `[latent_size]`, what an error of each channel counts; its root mean square is 1.
      of_guide: train the guide, for its own number of steps, in place of the refiner's network.
    """

    def __init__(self, refiner, learning, training, emphasis, devices=ONE, of_guide=False):
        super().__init__()
        self.refiner, self.training, self.emphasis, self.devices = refiner, training, emphasis, devices
        self.of_guide, self.n_steps = of_guide, training.guide_steps if of_guide else training.steps
        self.network, averaged = (one.networks["guide" if of_guide else "refiner"] for one in (learning, refiner))
        self.networks = {"denoiser": self.network, "averaged": averaged}
        self.scale = [refiner.mean, refiner.deviation]
        self.loss_scale = loss_scale_of(self.network)
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.guard = Guard(training.max_skips, training.max_rollbacks, self.loss_scale)
        rates = training.learning_rate, self.n_steps, training.final_rate_share
        schedule, betas = Falling(*rates, self.guard["rate_scale"]), (training.beta_1, training.beta_2)
        weights = self.network.trainable_variables
        self.optimiser = Adam(schedule, betas, weights, training.clip_norm)
        self.average = MovingAverage(weights, training.ema_decay, averaged.trainable_variables)
        self._step = devices.function(self._trained)

    def step(self, batch):
        """Trains once; returns named scalars.

        Args:
          batch: this worker's part: latents `[b, span, latent_size]` at their own scale, and their conditioning
            `[b, span, n_conditioning]`.
        """
        return self._step(*batch)

    def _trained(self, latents, conditioning):
        # Stateless, so that a resumed run draws what an unbroken one does.
        seed = tf.stack([tf.constant(self.training.seed, tf.int64), self.step_count])
        seeds = tf.random.experimental.stateless_split(seed, 2)
        clean = self.refiner.standardise(latents)
        deviation, noise = (
            self.devices.share(tf.random.stateless_normal([shape[0] * self.devices.n, *shape[1:]], of))
            for shape, of in (([clean.shape[0], 1, 1], seeds[0]), (clean.shape, seeds[1]))
        )
        deviation = tf.exp(self.training.noise_mean + self.training.noise_spread * deviation)
        with tf.GradientTape(persistent=True) as tape:
            error = self.network(clean + deviation * noise, deviation, conditioning) - clean
            # As a share of what it is where the network adds nothing.
            weight = (1.0 + tf.square(deviation)) / tf.square(deviation)
            loss = tf.reduce_mean(weight * tf.square(self.emphasis * error))
        scalars = self.devices.mean({"loss": loss})
        update(tape, [(self.optimiser, loss)], self.guard, self.average.update, devices=self.devices)
        self.step_count.assign_add(1)
        return scalars
