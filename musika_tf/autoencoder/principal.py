"""Principal components of music: what the linear paths of both levels start as.

They reconstruct better than networks that started from noise do after thousands of steps, so training begins where
those end: the networks learn what is not linear.

The deviations of level 1's numbers are the roots of the components' own: the loss wants those (large ones matter most),
the networks equal ones (small ones can be learnt from). Level 2 weighs them by what they move in the spectrum, and
makes all numbers of a latent equally large, as the GAN wants them.
"""

import numpy as np

LARGEST_1, EACH_2 = 0.5, 0.25  # deviations of level 1's first number and of each at level 2: tanh is nearly linear
_SMALLEST = 1e-3  # deviation, beside the first component's and by itself, below which one counts as this large


def start_level1(autoencoder, spectra, weights):
    """Sets level 1's linear paths.

    Args:
      spectra: an iterable of log magnitudes `[b, frames, bins]`.
      weights: of the bins `[bins]`, as in the magnitude losses.
    """
    encoder, decoder = autoencoder.encoder1, autoencoder.decoder1
    root = np.sqrt(np.asarray(weights, np.float64))
    mean, components, deviations = _components((root * s for s in spectra), autoencoder.config.level1_size)
    gains = LARGEST_1 / np.sqrt(deviations * deviations[0])
    decoder.magnitude_out.bias.assign(_set_paths(encoder, decoder, root, mean, components, gains))


def start_level2(autoencoder, level1_latents):
    """Sets level 2's linear paths.

    Args:
      level1_latents: an iterable of `[b, frames, level1_size]`.
    """
    config, encoder, decoder = autoencoder.config, autoencoder.encoder2, autoencoder.decoder2
    span, size = config.frames_per_latent, config.level1_size
    moved = np.linalg.norm(autoencoder.decoder1.linear.kernel.numpy()[0], axis=1)  # by each number, in the spectrum
    metric = np.tile(np.maximum(moved, _SMALLEST * moved.max()), span).astype(np.float64)
    together = (metric * np.reshape(x, (-1, span * size)) for x in level1_latents)
    mean, components, deviations = _components(together, config.latent_size)
    mean = _set_paths(encoder, decoder, metric, mean, components, EACH_2 / deviations)
    decoder.out.bias.assign(np.mean(mean.reshape(span, size), axis=0))


def _set_paths(encoder, decoder, scale, mean, components, gains):
    """Sets both linear paths and the encoder's bias from the components of rows times `scale`; the rows' own mean."""
    into = scale[:, None] * components * gains  # [size of a row, numbers]
    encoder.linear.kernel.assign(into.reshape(encoder.linear.kernel.shape))
    encoder.out.bias.assign(-(mean / scale) @ into)
    decoder.linear.kernel.assign(((components / gains).T / scale)[None])
    return mean / scale


def _components(blocks, n):
    """Principal components of the rows of blocks `[..., size]`, the largest first.

    Returns:
      float64 mean `[size]`, orthonormal components `[size, n]` and deviations `[n]`; where n is above size, the
      components beyond are 0.
    """
    count, total, products = 0, 0.0, 0.0
    for block in blocks:
        rows = np.reshape(block, (-1, block.shape[-1])).astype(np.float64)
        count, total, products = count + len(rows), total + rows.sum(axis=0), products + rows.T @ rows
    mean = total / count
    variances, vectors = np.linalg.eigh(products / count - np.outer(mean, mean))
    components, deviations = np.zeros([len(mean), n]), np.zeros(n)
    kept = min(n, len(mean))
    components[:, :kept] = vectors[:, ::-1][:, :kept]
    deviations[:kept] = np.sqrt(np.maximum(variances[::-1][:kept], 0.0))
    return mean, components, np.maximum(deviations, _SMALLEST * max(deviations[0], 1.0))
