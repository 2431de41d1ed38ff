"""The GAN's training step: hinge loss, lazy R1, one forward pass and one simultaneous update of both networks."""

import numpy as np
import tensorflow as tf

from musika_tf.gan.coordinates import training_coordinates
from musika_tf.gan.r1 import R1Controller, scores_and_penalty
from musika_tf.layers import fold, unfold
from musika_tf.training.devices import ONE
from musika_tf.training.ema import MovingAverage
from musika_tf.training.optimisers import adam
from musika_tf.training.precision import loss_scale_of
from musika_tf.training.update import Guard, Objective, update


class GanTrainer(tf.Module):
    """Owns the step, the optimisers, the R1 controller and the moving average.

    Args:
      gan: the Gan to train in place.
      training: GanTraining.
      devices: Devices that share each batch.
    """

    def __init__(self, gan, training, devices=ONE):
        super().__init__()
        self.devices, self.loss_scale = devices, loss_scale_of(gan.critic)
        self.gan, self.training, self.n_steps = gan, training, training.steps
        self.networks = {"generator": gan.generator, "averaged": gan.averaged, "critic": gan.critic}
        self.standardiser = gan.standardiser
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.guard = Guard(training.max_skips, training.max_rollbacks)
        self.r1 = R1Controller(training.r1_weight, training.r1_control)
        self.weights = gan.generator.trainable_variables
        self.critic_weights = gan.critic.trainable_variables
        args = training.learning_rate, training.steps, training.final_rate_share, (training.beta_1, training.beta_2)
        scale = self.guard["rate_scale"]
        self.optimiser = adam(*args, self.weights, rate_scale=scale)
        self.critic_optimiser = adam(*args, self.critic_weights, rate_scale=scale)
        self.average = MovingAverage(self.weights, training.ema_decay, gan.averaged.trainable_variables)
        self._plain_step = devices.function(lambda x, c: self._step(x, c, with_r1=False))
        self._r1_step = devices.function(lambda x, c: self._step(x, c, with_r1=True))

    def step(self, batch):
        """Trains once.

        Args:
          batch: real latents `[b, critic_window, latent_size]` at their own scale, and their conditioning
            `[b, critic_window, n_conditioning]`, which the generated ones get too; this worker's part of the batch.

        Returns:
          Named scalars.
        """
        latents, conditioning = batch
        with_r1 = int(self.step_count.numpy()) % self.training.r1_every == 0
        return (self._r1_step if with_r1 else self._plain_step)(latents, conditioning)

    def _step(self, latents, conditioning, with_r1):
        training, devices = self.training, self.devices
        seeds = self._seeds(5)
        real = self.gan.standardiser.standardise(latents)
        pairs = [2, real.shape[0] * devices.n, *real.shape[1:]]
        blur = self._instance_noise() * devices.share(tf.random.stateless_normal(pairs, seeds[2]), axis=1)

        mismatches = training.mismatch_weight > 0 and conditioning.shape[-1] > 0 and conditioning.shape[0] > 1

        def critic(x, signals=conditioning):
            return self.gan.critic(tf.concat([x, signals], axis=-1))

        with tf.GradientTape(persistent=True) as tape:
            # Apart, so that the generator's gradient and R1 take no detour over the half that they don't need.
            fake_scores = critic(self._generate(conditioning, seeds) + blur[1])
            if with_r1:
                real_scores, penalty = scores_and_penalty(critic, real + blur[0], self.loss_scale)
            else:
                real_scores = critic(real + blur[0])
            generator_loss = -_mean(fake_scores)
            on_real, on_fake = [tf.nn.relu(1.0 - s) for s in real_scores], [tf.nn.relu(1.0 + s) for s in fake_scores]
            rejected = _mean(on_fake)
            if mismatches:
                mismatched = critic(real + blur[0], tf.gather(conditioning, _partners(conditioning.shape[0])))
                on_mismatched = _mean([tf.nn.relu(1.0 + s) for s in mismatched])
                rejected = (rejected + training.mismatch_weight * on_mismatched) / (1.0 + training.mismatch_weight)
            hinge = (_mean(on_real) + rejected) / 2
            critic_loss = hinge
            if with_r1:
                critic_loss += self.r1.weight * training.r1_every * penalty
        scalars = {"generator": generator_loss, "critic": hinge}
        scalars |= {"real": _mean(real_scores), "fake": _mean(fake_scores)} | ({"r1": penalty} if with_r1 else {})
        scalars |= {"mismatched": _mean(mismatched)} if mismatches else {}
        scalars = devices.mean(scalars)

        def applied():
            self.r1.update(scalars["real"], scalars["fake"])
            self.average.update()

        objectives = (
            Objective(self.optimiser, generator_loss, self.weights),
            Objective(self.critic_optimiser, critic_loss, self.critic_weights),
        )
        update(tape, objectives, self.guard, applied, devices=devices, loss_scale=self.loss_scale)
        self.step_count.assign_add(1)
        return scalars

    def _generate(self, conditioning, seeds):
        """Two windows at a time, generated independently: `[b, critic_window, latent_size]`, standardised."""
        config, share = self.gan.config, self.devices.share
        n = conditioning.shape[0]
        batch = n * self.devices.n
        line = share(training_coordinates(config, batch, seeds[0]))
        windows = fold(tf.concat([line, conditioning], axis=-1), config.window)
        noise = share(tf.random.stateless_normal([2 * batch, self.gan.noise_size], seeds[1]))
        return unfold(self.gan.generator(windows, noise), n)

    def _instance_noise(self):
        """Deviation of the noise on the critic's input, falling to 0 over the first half."""
        progress = tf.cast(self.step_count, tf.float32) / self.n_steps
        return self.training.instance_noise * tf.maximum(0.0, 1.0 - 2.0 * progress)

    def _seeds(self, n):
        """Stateless seeds of this step, so that a resumed run draws what an unbroken one does."""
        seed = tf.stack([tf.constant(self.training.seed, tf.int64), self.step_count])
        return tf.unstack(tf.random.experimental.stateless_split(seed, n))


def _partners(n):
    """Another row of the batch for each: of pairs, so that the shares of several replicas hold whole ones."""
    partners = np.arange(n) ^ 1
    return np.where(partners < n, partners, 0)


def _mean(scores):
    """Mean over heads of the mean over patches and batch."""
    return tf.add_n([tf.reduce_mean(s) for s in scores]) / len(scores)
