"""The four phases of the autoencoder's training.

| phase | trains | frozen | loss |
|---|---|---|---|
| 1 | encoder 1, decoder 1 | - | magnitude L1 |
| 2 | decoder 1, critic | encoder 1 | magnitude, phase differences, spectral distance, consistency, hinge, features |
| 3 | encoder 2, decoder 2 | level 1 | latent L1, magnitude L1 through decoder 1 |
| 4 | decoder 2, critic | the rest; gradients flow through decoder 1 | phase 2's losses, latent L1 |

Source: the author's slides for the phases; frequency weighting and phase 3's magnitude loss are ours.
"""

import tensorflow as tf

from musika_tf.audio import spectrogram
from musika_tf.autoencoder import losses
from musika_tf.layers import sliced
from musika_tf.training import hinge
from musika_tf.training.devices import ONE
from musika_tf.training.ema import MovingAverage
from musika_tf.training.optimisers import Adam, Falling
from musika_tf.training.precision import loss_scale_of
from musika_tf.training.update import Guard, update

TRAINED = {1: ("encoder1", "decoder1"), 2: ("decoder1",), 3: ("encoder2", "decoder2"), 4: ("decoder2",)}


class AutoencoderTrainer(tf.Module):
    """Owns the step and the optimisers of one phase, 1 to 4; trains an Autoencoder in place.

    Only phases 2 and 4 have a critic, a SpectrogramCritic.
    """

    def __init__(self, autoencoder, training, phase, critic=None, devices=ONE):
        super().__init__()
        self.devices, self.loss_scale = devices, loss_scale_of(autoencoder.decoder1)
        self.autoencoder, self.training, self.phase = autoencoder, training, phase
        self.networks = autoencoder.networks
        self.n_steps = training.steps[phase - 1]
        self.step_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.guard = Guard(training.max_skips, training.max_rollbacks, self.loss_scale)
        self.trained = [v for name in TRAINED[phase] for v in self.networks[name].trainable_variables]
        betas = (training.beta_1, training.beta_2)
        share, scale = training.final_rate_share, self.guard["rate_scale"]
        schedule = Falling(training.learning_rates[phase - 1], self.n_steps, share, scale)
        self.optimiser = Adam(schedule, betas, self.trained, training.clip_norm)
        self.average = MovingAverage(self.trained, training.ema_decay)
        self.critic = critic if phase in (2, 4) else None
        if self.critic is not None:
            self.critic(tf.zeros([1, self.crop_samples]))
            self.networks["critic"] = self.critic
            self.critic_start = int(training.critic_start * self.n_steps)
            n_critic = max(self.n_steps - self.critic_start, 1)
            schedule = Falling(training.critic_learning_rate, n_critic, share, scale)
            self.critic_optimiser = Adam(schedule, betas, self.critic.trainable_variables, 10.0)
        config = autoencoder.config
        self.weights = losses.frequency_weights(config.n_bins, config.fft_length, training.frequency_knee)
        self._plain_step = devices.function(self._step)
        self._critic_step = devices.function(self._step_with_critic)

    @property
    def crop_samples(self):
        return self.training.crop_samples(self.autoencoder.config)

    def step(self, waveform):
        """Trains on `waveform` float32 `[b, crop_samples]`, mono, this worker's part; returns named scalar losses."""
        if self.critic is not None and int(self.step_count.numpy()) >= self.critic_start:
            return self._critic_step(waveform)
        return self._plain_step(waveform)

    def finish(self):
        """Puts the moving average into the networks, for the next phase and for export."""
        self.average.copy_to(self.trained)

    def _step(self, waveform):
        with tf.GradientTape() as tape:
            terms, _ = self._losses(waveform)
            loss = self._total(terms)
        update(tape, [(self.optimiser, loss)], self.guard, self.average.update, devices=self.devices)
        return self._after({**terms, "loss": loss})

    def _step_with_critic(self, waveform):
        moved = [(v.value, tf.identity(v.value)) for v in self.critic.weights]  # by spectral normalisation
        with tf.GradientTape(persistent=True) as tape:
            terms, fake = self._losses(waveform)
            real = self.inner(waveform)
            real_scores, real_features = self.critic(real, training=True)
            fake_scores, fake_features = self.critic(fake)  # apart: the decoder needs no gradient of the real one
            real_features = [tf.stop_gradient(f) for f in real_features]
            terms["adversarial"] = -hinge.mean(fake_scores)
            terms["features"] = losses.feature_matching(real_features, fake_features, self.devices.mean)
            loss = self._total(terms)
            critic_loss = (hinge.on_real(real_scores) + hinge.on_fake(fake_scores)) / 2.0
        objectives = (self.optimiser, loss), (self.critic_optimiser, critic_loss)
        update(tape, objectives, self.guard, self.average.update, moved, self.devices)
        return self._after({**terms, "critic": critic_loss, "loss": loss})

    def _after(self, scalars):
        self.step_count.assign_add(1)
        return self.devices.mean(scalars)

    def _total(self, terms):
        t = self.training
        weights = {
            "magnitude": t.magnitude_weight,
            "spectral": t.spectral_weight,
            "consistency": t.consistency_weight,
            "frequency": t.frequency_weight,
            "delay": t.delay_weight,
            "latent": t.latent_weight,
            "adversarial": t.adversarial_weight,
            "features": t.feature_weight,
        }
        return tf.add_n([weights[name] * value for name, value in terms.items()])

    def _losses(self, waveform):
        """Losses of the phase by name, and the reconstructed inner waveform (None where none is made)."""
        spectrum = spectrogram.stft(waveform, self.autoencoder.config)
        real = spectrogram.log_power(spectrogram.power(spectrum))
        if self.phase == 1:
            magnitude, *_ = self.autoencoder.decode1(self.autoencoder.encode1(real), self._noise(1, real))
            return {"magnitude": losses.magnitude_l1(real, magnitude, self.weights)}, None
        level1 = tf.stop_gradient(self.autoencoder.encode1(real))
        terms, decoded = {}, level1
        if self.phase >= 3:
            latents = self.autoencoder.encode2(level1)
            if self.phase == 4:
                latents = tf.stop_gradient(latents)
            latents += self.training.latent_noise * self._normal(3, latents.shape)
            decoded = self.autoencoder.decode2(latents, self._noise(2, real))
            terms["latent"] = tf.reduce_mean(tf.abs(level1 - decoded))
        magnitude, *phase = self.autoencoder.decode1(decoded, self._noise(1, real))
        terms["magnitude"] = losses.magnitude_l1(real, magnitude, self.weights)
        if self.phase == 3:
            return terms, None
        return self._waveform_losses(terms, waveform, spectrum, magnitude, phase)

    def _waveform_losses(self, terms, waveform, spectrum, magnitude, phase):
        config, knee = self.autoencoder.config, self.training.frequency_knee
        whole = spectrogram.inverse(magnitude, *phase, config)
        real, fake = self.inner(waveform), self.inner(whole)
        terms["spectral"] = losses.spectral_distance(real, fake, knee)
        turns = losses.phase_differences(spectrum, phase, config.window_frames, self.devices.mean)
        terms["frequency"], terms["delay"] = turns
        # Of the real one, those frames that `inner` has.
        powers = sliced(spectrogram.power(spectrum), 3, -3), spectrogram.power_spectrum(fake, config.fft_length)
        cut = [spectrogram.log_power(power, floor=1e-5) for power in powers]  # at -50 dB
        terms["consistency"] = losses.magnitude_l1(*cut, self.weights)
        return terms, fake

    def inner(self, waveform):
        """Without the 3 hops on each side where the inverse STFT is not complete."""
        edge = 3 * self.autoencoder.config.hop_length
        return sliced(waveform, edge, -edge)

    def _noise(self, level, frames):
        """Decoder noise for every window of `frames` [b, frames, bins]."""
        config = self.autoencoder.config
        windows = frames.shape[0] * frames.shape[1] // config.window_frames
        size = self.autoencoder.decoder_noise_sizes()[level - 1]
        return self._normal(level, [windows, size])

    def _normal(self, stream, shape):
        """N(0, 1) of this share's `shape`, a function of seed, step and stream: a resumed run draws the same."""
        seed = tf.stack([tf.cast(self.training.seed * 8 + stream, tf.int64), self.step_count])
        return self.devices.share(tf.random.stateless_normal([shape[0] * self.devices.n, *shape[1:]], seed))
