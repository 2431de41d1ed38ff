"""The training step: BEGAN's losses with both cycles, one forward pass and one simultaneous update of all networks."""

import math
import time

import tensorflow as tf

from musika_tf.training.devices import ONE
from musika_tf.training.ema import MovingAverage
from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.update import Guard, update


class Equilibrium(tf.Module):
    """Keeps the critic's error on generated clips near `gamma` times that on real ones.

    Berthelot, Schumm & Metz, BEGAN: Boundary Equilibrium Generative Adversarial Networks, 2017 (arXiv 1703.10717).

    Attributes:
      k: how much the critic minds generated clips, in [0, 1]; starts at 0.
    """

    def __init__(self, gamma, rate):
        super().__init__()
        self.gamma, self.rate = gamma, rate
        self.k = tf.Variable(0.0, trainable=False)

    def update(self, on_real, on_fake):
        """k <- k + rate (gamma on_real - on_fake), cut at 0 and 1; float32 scalars."""
        self.k.assign(tf.clip_by_value(self.k + self.rate * (self.gamma * on_real - on_fake), 0.0, 1.0))

    def convergence(self, on_real, on_fake):
        """BEGAN's measure: on_real + |gamma on_real - on_fake|."""
        return on_real + tf.abs(self.gamma * on_real - on_fake)


class UnaganTrainer(tf.Module):
    """Owns the step, the optimisers, the equilibrium and the moving average; trains an Unagan in place.

    Args:
      core_minutes: processor time of this process, on all cores together, after which it is done, in place of
        `training.steps`; that of earlier runs counts. Or None.
      devices: Devices of one device, perhaps with XLA.
    """

    def __init__(self, model, training, core_minutes=None, devices=ONE):
        super().__init__()
        self.model, self.training, self.devices, self.core_minutes = model, training, devices, core_minutes
        self.networks = {
            "generator": model.generator,
            "averaged": model.averaged,
            "critic": model.critic,
            "encoder": model.encoder,
        }
        self.standardiser = model.standardiser
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.core_seconds = tf.Variable(0.0, dtype=tf.float64, trainable=False)
        self._mark = time.process_time()
        self.guard = Guard(training.max_skips, training.max_rollbacks)
        self.equilibrium = Equilibrium(training.gamma, training.k_rate)
        schedule = Falling(training.learning_rate, 1, 1.0, self.guard["rate_scale"])
        settings = schedule, (training.beta_1, training.beta_2)
        makers = [*model.generator.trainable_variables, *model.encoder.trainable_variables]
        self.optimiser = Adam(*settings, makers, training.clip_norm)
        self.critic_optimiser = Adam(*settings, model.critic.trainable_variables, training.clip_norm)
        averages = model.averaged.trainable_variables
        self.average = MovingAverage(model.generator.trainable_variables, training.ema_decay, averages)
        self._train = devices.function(self._step)

    @property
    def n_steps(self):
        """The last step: known beforehand where steps are counted, otherwise once the time is used up."""
        if self.core_minutes is None:
            return self.training.steps
        is_spent = float(self.core_seconds.numpy()) >= 60.0 * self.core_minutes
        return int(self.step_count.numpy()) if is_spent else math.inf

    def step(self, batch):
        """Trains once; returns named scalars.

        Args:
          batch: clips of log-mel spectrograms float32 `[b, frames, 80]`, at their own scale, and something ignored.
        """
        scalars = self._train(batch[0])
        now = time.process_time()
        self.core_seconds.assign_add(now - self._mark)
        self._mark = now
        return scalars

    def _step(self, mel):
        real = self.standardiser.standardise(mel)
        noise, *fine = self._noises(real.shape[0], real.shape[1] // self.model.config.frames_per_step)
        with tf.GradientTape(persistent=True) as tape:
            # Generated clips and real ones that were encoded take the generator in one batch: its GRUs take as long.
            made = self.model.generator([tf.concat([noise, self.model.encoder(real)], axis=0), *fine])
            fake, again = tf.split(made, 2)
            on_real, on_fake = (_error(x, y) for x, y in zip((real, fake), self._judged(real, fake), strict=True))
            noise_cycle, mel_cycle = _error(self.model.encoder(fake), noise), _error(again, real)
            loss = on_fake + self.training.cycle_weight * (noise_cycle + mel_cycle)
            critic_loss = on_real - self.equilibrium.k * on_fake
        scalars = {"real": on_real, "fake": on_fake, "noise_cycle": noise_cycle, "mel_cycle": mel_cycle}
        scalars["convergence"] = self.equilibrium.convergence(on_real, on_fake)
        scalars["k"] = tf.identity(self.equilibrium.k)

        def applied():
            self.equilibrium.update(scalars["real"], scalars["fake"])
            self.average.update()

        objectives = (self.optimiser, loss), (self.critic_optimiser, critic_loss)
        update(tape, objectives, self.guard, applied)
        self.step_count.assign_add(1)
        return scalars

    def _judged(self, real, fake):
        """What the critic makes of both."""
        return tf.split(self.model.critic(tf.concat([real, fake], axis=0)), 2)

    def _noises(self, n, n_steps):
        """Noise at all scales: coarse `[n, n_steps, noise_size]`, fine for twice as many clips."""
        # Stateless, so that a resumed run draws what an unbroken one does.
        sizes = self.model.config.noise_sizes
        seed = tf.stack([tf.constant(self.training.seed, tf.int64), self.step_count])
        seeds = tf.random.experimental.stateless_split(seed, len(sizes))
        shapes = [[n * min(i + 1, 2), 2**i * n_steps, size] for i, size in enumerate(sizes)]
        return [tf.random.stateless_normal(shape, seeds[i]) for i, shape in enumerate(shapes)]


def _error(x, y):
    """Mean absolute difference."""
    return tf.reduce_mean(tf.abs(x - y))
