"""The GAN's training step: hinge loss, lazy R1, one forward pass and one simultaneous update of both networks."""

import numpy as np
import tensorflow as tf

from musika_tf.gan.coordinates import training_coordinates
from musika_tf.gan.r1 import R1Controller, scores_and_penalty
from musika_tf.layers import fold, unfold
from musika_tf.training import hinge
from musika_tf.training.devices import ONE
from musika_tf.training.ema import MovingAverage
from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.precision import loss_scale_of
from musika_tf.training.update import Guard, update


class GanTrainer(tf.Module):
    """Owns the step, the optimisers, the R1 controller and the moving average; trains a Gan in place."""

    def __init__(self, gan, training, devices=ONE):
        super().__init__()
        self.devices, self.loss_scale = devices, loss_scale_of(gan.critic)
        self.gan, self.training, self.n_steps = gan, training, training.steps
        self.networks = {"generator": gan.generator, "averaged": gan.averaged, "critic": gan.critic}
        self.standardiser = gan.standardiser
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.guard = Guard(training.max_skips, training.max_rollbacks, self.loss_scale)
        self.r1 = R1Controller(training.r1_weight, training.r1_control)
        rates = training.learning_rate, training.steps, training.final_rate_share
        schedule, betas = Falling(*rates, self.guard["rate_scale"]), (training.beta_1, training.beta_2)
        self.optimiser = Adam(schedule, betas, gan.generator.trainable_variables)
        self.critic_optimiser = Adam(schedule, betas, gan.critic.trainable_variables)
        averages = gan.averaged.trainable_variables
        self.average = MovingAverage(gan.generator.trainable_variables, training.ema_decay, averages)
        self._plain_step = devices.function(lambda x, c: self._step(x, c, with_r1=False))
        self._r1_step = devices.function(lambda x, c: self._step(x, c, with_r1=True))

    def step(self, batch):
        """Trains once; returns named scalars.

        Args:
          batch: this worker's part: real latents `[b, critic_window, latent_size]` at their own scale, and their
            conditioning `[b, critic_window, n_conditioning]`, which the generated ones get too.
        """
        latents, conditioning = batch
        with_r1 = int(self.step_count.numpy()) % self.training.r1_every == 0
        return (self._r1_step if with_r1 else self._plain_step)(latents, conditioning)

    def _step(self, latents, conditioning, with_r1):
        # Stateless, so that a resumed run draws what an unbroken one does.
        seed = tf.stack([tf.constant(self.training.seed, tf.int64), self.step_count])
        seeds = tf.random.experimental.stateless_split(seed, 5)
        real = self.gan.standardiser.standardise(latents)
        blur = self._instance_noise(real, seeds[2])
        blurred = real + blur
        with tf.GradientTape(persistent=True) as tape:
            # Apart, so that the generator's gradient and R1 take no detour over the half that they don't need.
            fake_scores = self._scores(self._generate(conditioning, seeds) + blur, conditioning)
            real_scores, penalty = self._real_scores(blurred, conditioning, with_r1)
            mismatched_scores = self._mismatched_scores(blurred, conditioning)
            generator_loss = -hinge.mean(fake_scores)
            critic_hinge = (hinge.on_real(real_scores) + self._rejected(fake_scores, mismatched_scores)) / 2
            critic_loss = critic_hinge
            if with_r1:
                critic_loss += self.r1.weight * self.training.r1_every * penalty
        scalars = {"generator": generator_loss, "critic": critic_hinge}
        scalars |= {"real": hinge.mean(real_scores), "fake": hinge.mean(fake_scores)}
        scalars |= {"r1": penalty} if with_r1 else {}
        scalars |= {"mismatched": hinge.mean(mismatched_scores)} if mismatched_scores else {}
        scalars = self.devices.mean(scalars)

        def applied():
            self.r1.update(scalars["real"], scalars["fake"])
            self.average.update()

        objectives = (self.optimiser, generator_loss), (self.critic_optimiser, critic_loss)
        update(tape, objectives, self.guard, applied, devices=self.devices)
        self.step_count.assign_add(1)
        return scalars

    def _scores(self, latents, conditioning):
        """The critic's, of `[b, critic_window, latent_size]` with their conditioning."""
        return self.gan.critic(tf.concat([latents, conditioning], axis=-1))

    def _real_scores(self, real, conditioning, with_r1):
        """Scores, and R1 or None."""
        if not with_r1:
            return self._scores(real, conditioning), None
        return scores_and_penalty(lambda x: self._scores(x, conditioning), real, self.loss_scale)

    def _mismatched_scores(self, real, conditioning):
        """Scores of real latents with another item's conditioning; None where they are not asked for or impossible."""
        n, k = conditioning.shape[0], conditioning.shape[-1]
        if not self.training.mismatch_weight or not k or n < 2:
            return None
        return self._scores(real, tf.gather(conditioning, _partners(n)))

    def _rejected(self, fake_scores, mismatched_scores):
        """The critic's loss on what it should reject: generated latents, and real ones with foreign conditioning."""
        if mismatched_scores is None:
            return hinge.on_fake(fake_scores)
        weight = self.training.mismatch_weight
        return (hinge.on_fake(fake_scores) + weight * hinge.on_fake(mismatched_scores)) / (1.0 + weight)

    def _generate(self, conditioning, seeds):
        """Two windows at a time, generated independently: `[b, critic_window, latent_size]`, standardised."""
        config, share = self.gan.config, self.devices.share
        n = conditioning.shape[0]
        batch = n * self.devices.n
        line = share(training_coordinates(config, batch, seeds[0]))
        windows = fold(tf.concat([line, conditioning], axis=-1), config.window)
        noise = share(tf.random.stateless_normal([2 * batch, self.gan.noise_size], seeds[1]))
        return unfold(self.gan.generator(windows, noise), n)

    def _instance_noise(self, real, seed):
        """Noise on the critic's inputs, the same on real and generated ones; falls to 0 over the first half."""
        progress = tf.cast(self.step_count, tf.float32) / self.n_steps
        deviation = self.training.instance_noise * tf.maximum(0.0, 1.0 - 2.0 * progress)
        shape = [real.shape[0] * self.devices.n, *real.shape[1:]]

        def drawn():  # a twentieth of a step's time, so not where it has faded out
            return deviation * self.devices.share(tf.random.stateless_normal(shape, seed))

        return tf.cond(deviation > 0.0, drawn, lambda: tf.zeros(real.shape))


def _partners(n):
    """Another row of the batch for each: of pairs, so that the shares of several replicas hold whole ones."""
    partners = np.arange(n) ^ 1
    return np.where(partners < n, partners, 0)
