"""Waveform -> latents -> waveform, of any length in constant memory: what the bundle's functions are made of.

The line of latents is cut into chunks that both levels decode at once. Frames overlap from chunk to chunk, so
a chunk of m latents yields (at the default sizes) 4096 m + 768 samples, of which the first 768 are still to be added to
the chunk before::

    chunk 0   |<-- 384 -->|<------- 4096 m ------->|<-- 384 -->|
    chunk 1                           |<-- 384 -->|<------- 4096 m ------->|<-- 384 -->|
                                      |<------- 768 ------>| added
"""

import numpy as np
import tensorflow as tf

from musika_tf import interruption
from musika_tf.audio import spectrogram
from musika_tf.randomness import Stream, normal_rows
from musika_tf.stereo import layouts

CHUNK_LATENTS = 144  # 13 s: large enough for the matrix products, small enough for the cache and for memory


class Codec:
    """Encodes and decodes stereo with one Autoencoder."""

    def __init__(self, autoencoder):
        self.autoencoder, self.config = autoencoder, autoencoder.config
        self.stereo = layouts.create(autoencoder.config)

    @property
    def overlap(self):
        """Samples that neighbouring chunks share."""
        return 2 * self.config.edge_samples

    def encode(self, waveform):
        """float32 `[samples, 2]` -> latents float32 `[ceil(samples / samples_per_latent), latent_channels]`."""
        config = self.config
        extended = tf.transpose(spectrogram.extend(tf.transpose(waveform), config))
        n_latents = (tf.shape(extended)[0] - self.overlap) // config.samples_per_latent

        def chunk(first, count):
            start, samples = first * config.samples_per_latent, count * config.samples_per_latent + self.overlap
            return self.encode_chunk(extended[start : start + samples])

        return self._by_chunks(chunk, n_latents, [None, config.latent_channels])

    def encode_chunk(self, samples):
        """`[m * samples_per_latent + overlap, 2]`, with context on both sides, -> latents `[m, latent_channels]`."""
        spectra = spectrogram.stft(tf.transpose(samples), self.config)  # [2, frames, bins]
        coded = self.autoencoder.encode2(self.autoencoder.encode1(self.stereo.coded(spectra)))
        return self.stereo.joined(coded, spectra)

    def decode(self, latents, seed, noise):
        """Decodes a piece that begins and ends with these latents.

        Args:
          latents: float32 `[n, latent_channels]`.
          seed, noise: int64 and float32 scalars: of the decoders' noise, 1 as trained, 0 for none.

        Returns:
          float32 `[n * samples_per_latent, 2]`; the edges are divided by the window sum that is really there.
        """
        n_latents = tf.shape(latents)[0]
        missing = -n_latents % self.config.window_latents
        # With a neighbour on either side, and up to a whole window.
        padded = tf.concat([latents[:1], latents, tf.repeat(latents[-1:], missing + 1, axis=0)], axis=0)
        n_frames = n_latents * self.config.frames_per_latent

        def piece(first, count):
            frames = self.frames(padded[first : first + count + 2], first, seed, noise)
            return frames[:, : n_frames - first * self.config.frames_per_latent]  # without the padding's

        whole = self.overlap_add(piece, n_latents + missing)
        waveform = tf.transpose(self._trim(tf.transpose(whole)))
        return waveform[: n_latents * self.config.samples_per_latent]  # none of no latents, which have edges too

    def through_level1(self, waveform, seed, noise):
        """Encodes and decodes a waveform float32 `[samples, 2]` by level 1 alone, to measure it.

        Returns:
          float32 `[n * samples_per_latent, 2]` and its magnitude as decoded, `[2, frames, bins]`, n latents long.
        """
        config = self.config
        extended = spectrogram.extend(tf.transpose(waveform), config)
        n_latents = (tf.shape(extended)[1] - self.overlap) // config.samples_per_latent
        missing = -n_latents % config.window_latents
        extended = tf.pad(extended, [[0, 0], [0, missing * config.samples_per_latent]])

        def decoded(first, count):
            start, samples = first * config.samples_per_latent, count * config.samples_per_latent + self.overlap
            spectra = spectrogram.stft(extended[:, start : start + samples], config)
            level1 = self.autoencoder.encode1(self.stereo.coded(spectra))
            own = self.stereo.joined(tf.zeros([config.n_coded, count, config.latent_size]), spectra)
            latents = tf.concat([own[:1], own, own[-1:]], axis=0)  # only their stereo counts
            return self.stereo.spread(self._decode1(level1, first, seed, noise), latents)

        def piece(first, count):
            return spectrogram.synthesis_frames(decoded(first, count), config)

        def magnitude_of(first, count):
            power = spectrogram.power(decoded(first, count))
            return tf.transpose(spectrogram.log_power(power), [1, 0, 2])

        whole = self._trim(tf.transpose(self.overlap_add(piece, n_latents + missing)))
        magnitude = self._by_chunks(magnitude_of, n_latents + missing, [None, 2, config.n_bins])
        n_frames = n_latents * config.frames_per_latent
        return tf.transpose(whole)[: n_frames * config.hop_length], tf.transpose(magnitude, [1, 0, 2])[:, :n_frames]

    def frames(self, latents, first_latent, seed, noise):
        """Time-domain frames of whole decoder windows: float32 `[2, frames, fft_length]`.

        Args:
          latents: `[m + 2, latent_channels]`, m a multiple of `window_latents`, with one neighbour on either side.
          first_latent: absolute index of the first of the m, a multiple of `window_latents`; places the noise.
          seed: int64 scalar.
          noise: float32 scalar.
        """
        own = latents[1:-1]
        rows = self._noise(Stream.DECODER2_NOISE, first_latent, tf.shape(own)[0], seed, noise)
        level1 = self.autoencoder.decode2(self.stereo.split(own), rows)
        spectra = self.stereo.spread(self._decode1(level1, first_latent, seed, noise), latents)
        return spectrogram.synthesis_frames(spectra, self.config)

    def _decode1(self, level1, first_latent, seed, noise):
        """Level-1 latents `[n_coded, frames, level1_size]` from latent `first_latent` on, decoded."""
        n_latents = tf.shape(level1)[1] // self.config.frames_per_latent
        return self.autoencoder.decode1(
            level1, self._noise(Stream.DECODER1_NOISE, first_latent, n_latents, seed, noise)
        )

    def _noise(self, stream, first_latent, n_latents, seed, noise):
        """Noise of a decoder's windows, channel after channel: `[n_coded * windows, size]`."""
        size1, size2 = self.autoencoder.decoder_noise_sizes()
        size = size1 if stream == Stream.DECODER1_NOISE else size2
        first_window = tf.cast(first_latent, tf.int64) // self.config.window_latents
        rows = normal_rows(seed, stream, first_window, n_latents // self.config.window_latents, size)
        return noise * tf.tile(rows, [self.config.n_coded, 1])  # both sides alike, or what is mono would not stay so

    def overlap_add(self, frames, n_latents, longest=lambda done: CHUNK_LATENTS):
        """Overlap-adds the frames of consecutive chunks, equally long ones but for the last.

        Args:
          frames: function (first, count) of two int32 scalars to `[2, n, fft_length]`.
          n_latents: int32 scalar; chunks cover it.
          longest: function (latents done) -> most latents of the next chunk. Both are multiples of `window_latents`.

        Returns:
          float32 `[all samples + overlap, 2]`, edges not normalised.
        """
        window = self.config.window_latents
        n_chunks = tf.maximum(-(-n_latents // CHUNK_LATENTS), 1)
        usual = -(-n_latents // (n_chunks * window)) * window  # a short rest would cost nearly as much as a chunk

        def body(i, first, output, tail):
            count = tf.minimum(tf.minimum(longest(first), usual), n_latents - first)
            samples = spectrogram.overlap_add(frames(first, count), self.config.hop_length, tail)
            n_new = tf.shape(samples)[1] - self.overlap
            tail = tf.ensure_shape(samples[:, n_new:], [2, self.overlap])
            return i + 1, first + count, output.write(i, tf.transpose(samples[:, :n_new])), tail

        output = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False, element_shape=[None, 2])
        state = 0, 0, output, tf.zeros([2, self.overlap])
        _, _, output, tail = tf.while_loop(lambda i, first, *_: first < n_latents, body, state, parallel_iterations=1)
        return tf.concat([output.concat(), tf.transpose(tail)], axis=0)

    def _by_chunks(self, function, n, element_shape):
        """Concatenates `function(first, count)` over chunks of `n`."""

        def body(i, first, output):
            count = tf.minimum(CHUNK_LATENTS, n - first)
            return i + 1, first + count, output.write(i, function(first, count))

        output = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False, element_shape=element_shape)
        _, _, output = tf.while_loop(lambda i, first, _: first < n, body, (0, 0, output), parallel_iterations=1)
        return output.concat()

    def _trim(self, waveform):
        """Cuts the outer edges of `[2, samples]`, dividing what is left of them by the window sum there."""
        first, last = spectrogram.edge_sums(self.config)
        head, tail = waveform[:, : self.overlap] / first, waveform[:, -self.overlap :] / last
        edge = self.config.edge_samples
        middle = waveform[:, self.overlap : -self.overlap]
        return tf.concat([head[:, edge:], middle, tail[:, :-edge]], axis=1)


class StreamEncoder:
    """Encodes recordings of any length in the memory of one chunk; the latents are those of `Codec.encode`. One graph
    is compiled, at the first call."""

    def __init__(self, autoencoder):
        path, self.config = Codec(autoencoder), autoencoder.config
        self._overlap = path.overlap
        signature = [tf.TensorSpec([None, 2], tf.float32)]
        self._encode_chunk = tf.function(path.encode_chunk, input_signature=signature, autograph=False)

    def __call__(self, blocks):
        """(latents float32 `[ceil(samples / samples_per_latent), latent_channels]`, how many samples there were) of
        consecutive blocks, float32 `[samples, 2]` of any lengths."""
        size = CHUNK_LATENTS * self.config.samples_per_latent
        known, n_samples = np.zeros([self.config.edge_samples, 2], np.float32), 0
        latents = [np.zeros([0, self.config.latent_channels], np.float32)]
        for block in blocks:
            known, n_samples = np.concatenate([known, block]), n_samples + len(block)
            while len(known) >= size + self._overlap:
                latents.append(self._encoded(known[: size + self._overlap]))
                known = known[size:]
        missing = -n_samples % self.config.samples_per_latent + self.config.edge_samples
        known = np.pad(known, [[0, missing], [0, 0]])
        for start in range(0, len(known) - self._overlap, size):
            latents.append(self._encoded(known[start : start + size + self._overlap]))
        return np.concatenate(latents), n_samples

    @interruption.held()
    def _encoded(self, chunk):
        return self._encode_chunk(chunk).numpy()
