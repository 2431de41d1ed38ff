"""The GAN's training step: hinge loss, lazy R1, one forward pass and one simultaneous update of both networks."""

import tensorflow as tf

from musika_tf.gan.coordinates import training_coordinates
from musika_tf.gan.r1 import R1Controller, scores_and_penalty
from musika_tf.layers import fold, unfold
from musika_tf.training.ema import MovingAverage
from musika_tf.training.optimisers import adam
from musika_tf.training.update import Guard, Objective, update


class GanTrainer(tf.Module):
    """Owns the step, the optimisers, the R1 controller and the moving average.

    Args:
      gan: the Gan to train in place.
      training: GanTraining.
    """

    def __init__(self, gan, training):
        super().__init__()
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
        self._plain_step = tf.function(lambda x, c: self._step(x, c, with_r1=False), autograph=False)
        self._r1_step = tf.function(lambda x, c: self._step(x, c, with_r1=True), autograph=False)

    def step(self, batch):
        """Trains once.

        Args:
          batch: real latents `[b, critic_window, latent_size]` at their own scale, and their conditioning
            `[b, critic_window, n_conditioning]`, which the generated ones get too.

        Returns:
          Named scalars.
        """
        latents, conditioning = batch
        with_r1 = int(self.step_count) % self.training.r1_every == 0
        return (self._r1_step if with_r1 else self._plain_step)(latents, conditioning)

    def _step(self, latents, conditioning, with_r1):
        training = self.training
        seeds = self._seeds(5)
        real = self.gan.standardiser.standardise(latents)
        blur = self._instance_noise() * tf.random.stateless_normal(tf.concat([[2], tf.shape(real)], 0), seeds[2])

        def critic(x):
            return self.gan.critic(tf.concat([x, conditioning], axis=-1))

        with tf.GradientTape(persistent=True) as tape:
            # Apart, so that the generator's gradient and R1 take no detour over the half that they don't need.
            fake_scores = critic(self._generate(conditioning, seeds) + blur[1])
            if with_r1:
                real_scores, penalty = scores_and_penalty(critic, real + blur[0])
            else:
                real_scores = critic(real + blur[0])
            generator_loss = -_mean(fake_scores)
            on_real, on_fake = [tf.nn.relu(1.0 - s) for s in real_scores], [tf.nn.relu(1.0 + s) for s in fake_scores]
            hinge = (_mean(on_real) + _mean(on_fake)) / 2
            critic_loss = hinge
            if with_r1:
                critic_loss += self.r1.weight * training.r1_every * penalty
        real_score, fake_score = _mean(real_scores), _mean(fake_scores)

        def applied():
            self.r1.update(real_score, fake_score)
            self.average.update()

        objectives = (
            Objective(self.optimiser, generator_loss, self.weights),
            Objective(self.critic_optimiser, critic_loss, self.critic_weights),
        )
        update(tape, objectives, self.guard, applied)
        self.step_count.assign_add(1)
        scalars = {"generator": generator_loss, "critic": hinge, "real": real_score, "fake": fake_score}
        return {**scalars, "r1": penalty} if with_r1 else scalars

    def _generate(self, conditioning, seeds):
        """Two windows at a time, generated independently: `[b, critic_window, latent_size]`, standardised."""
        config, batch = self.gan.config, tf.shape(conditioning)[0]
        line = training_coordinates(config, batch, seeds[0])
        windows = fold(tf.concat([line, conditioning], axis=-1), config.window)
        noise = tf.random.stateless_normal([2 * batch, self.gan.noise_size], seeds[1])
        return unfold(self.gan.generator(windows, noise), batch)

    def _instance_noise(self):
        """Deviation of the noise on the critic's input, falling to 0 over the first half."""
        progress = tf.cast(self.step_count, tf.float32) / self.n_steps
        return self.training.instance_noise * tf.maximum(0.0, 1.0 - 2.0 * progress)

    def _seeds(self, n):
        """Stateless seeds of this step, so that a resumed run draws what an unbroken one does."""
        seed = tf.stack([tf.constant(self.training.seed, tf.int64), self.step_count])
        return tf.unstack(tf.random.experimental.stateless_split(seed, n))


def _mean(scores):
    """Mean over heads of the mean over patches and batch."""
    return tf.add_n([tf.reduce_mean(s) for s in scores]) / len(scores)
