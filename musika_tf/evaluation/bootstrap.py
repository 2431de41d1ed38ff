"""How sure a distance between sets of songs is: both sets are drawn again and again, song by song, with replacement.

Songs are drawn, not patches: patches of a song resemble each other and would promise too narrow an interval. What
the interval covers is the distance between all songs that the two sets are samples of.

    Frechet  basic interval  A resample is a poorer sample: its distance lies above the estimate by about as much as
                             the estimate lies above the truth. The percentile interval would count that bias twice;
                             the basic one, 2 estimate - quantiles, takes it off.
    KAD      percentile      Between songs it has no bias, and a skewed distribution, which the basic interval would
                             turn the wrong way round.

Coverage by simulation is in tests/evaluation/test_bootstrap.py. The basic interval need not hold its own estimate,
which is biased: it lies around `corrected`. Both intervals are too wide, not too narrow, where the truth is 0.

Sources: Davison & Hinkley 1997, Bootstrap Methods and Their Application, chapters 2 and 5; a song is never a pair with
its own copy, after the bootstrap of U-statistics (Arcones & Gine 1992).
"""

import dataclasses

import numpy as np

from musika_tf.evaluation.distances import checked_pair, frechet, to_gaussian

FEWEST_SONGS = 10
BASIC, PERCENTILE = "basic", "percentile"
_REFERENCE = 0  # its stream of random numbers; sets of generated songs have theirs from 1 on
_BLOCK = 32  # resamples whose covariances are in memory at once: 10 MB a matrix of 200 features


@dataclasses.dataclass(frozen=True)
class Resampling:
    """How sets are drawn again.

    Attributes:
      n_resamples: how often.
      seed: the same one gives the same draws, a function of (seed, set) alone.
      reference: whether the reference is drawn again too, as a sample of the music that is meant; False where the
        distance to this very set is asked for.
    """

    n_resamples: int = 500
    seed: int = 0
    reference: bool = True


@dataclasses.dataclass(frozen=True)
class Resampled:
    """A distance, or the difference of two, with the values that it takes on resamples.

    Attributes:
      estimate: of the sets as they are.
      replicates: float64 `[n_resamples]`.
      method: of the interval, BASIC or PERCENTILE.
    """

    estimate: float
    replicates: np.ndarray
    method: str

    @property
    def corrected(self):
        """The estimate less its bias, as far as the resamples show it."""
        return float(2 * self.estimate - self.replicates.mean())

    def interval(self, level=0.95):
        """(low, high), which covers the truth in a share `level` of all cases; low may be below 0."""
        low, high = np.quantile(self.replicates, [(1 - level) / 2, (1 + level) / 2])
        if self.method == BASIC:
            low, high = 2 * self.estimate - high, 2 * self.estimate - low
        return float(low), float(high)

    def minus(self, other):
        """This distance less another to the same reference, by the same Resampling: where the interval lies above or
        below 0, two models are told apart. ValueError where their resamples don't match."""
        if self.method != other.method or len(self.replicates) != len(other.replicates):
            raise ValueError("two distances of one kind, with equally many resamples, make a difference")
        return Resampled(self.estimate - other.estimate, self.replicates - other.replicates, self.method)


def frechet_resampled(generated, reference, resampling=None, number=1):
    """Frechet distance of two sets of songs, Resampled.

    Costs two eigendecompositions `[d, d]` a resample, and 8 d^2 bytes of memory a song.

    Args:
      generated, reference: lists of float `[patches, d]`, ten songs each or more.
      resampling: Resampling.
      number: of the set of generated songs, from 1 on. Sets of different numbers are drawn independently; of one
        number and equally many songs alike, as is right where songs are pairs, such as two codings of one track.

    Raises:
      ValueError: as `distances.checked_pair`, or fewer than ten songs in a set.
    """
    generated, reference = checked_pair(generated, reference)
    generated_counts, reference_counts = _counts(len(generated), len(reference), resampling or Resampling(), number)
    origin = np.concatenate(reference).mean(axis=0)  # fewer digits cancel
    first, second = _Moments.of(generated, origin), _Moments.of(reference, origin)
    replicates = []
    for i in range(0, len(generated_counts), _BLOCK):
        mean, covariance = second.gaussians(reference_counts[i : i + _BLOCK])
        replicates.append(to_gaussian(*first.gaussians(generated_counts[i : i + _BLOCK]), mean, _roots(covariance)))
    return Resampled(frechet(generated, reference), np.concatenate(replicates), BASIC)


def kad_resampled(sums, resampling=None, number=1):
    """KAD between songs, Resampled; the bandwidth stays as it is.

    Args:
      sums: `kernel_distance.KernelSums` of sets of ten songs or more; for the difference of two models, both by the
        bandwidth of one reference, as is the default.
      resampling, number: as of `frechet_resampled`.

    Raises:
      ValueError: fewer than ten songs in a set.
    """
    n_songs = len(sums.generated_patches), len(sums.reference_patches)
    counts = _counts(*n_songs, resampling or Resampling(), number)
    return Resampled(float(sums.kad_between_songs()), sums.kad_between_songs(*counts), PERCENTILE)


def _counts(n_generated, n_reference, resampling, number):
    """How often each song is drawn: float64 `[n_resamples, n_generated]` and `[n_resamples, n_reference]`."""
    for name, n_songs in (("generated", n_generated), ("reference", n_reference)):
        if n_songs < FEWEST_SONGS:
            raise ValueError(f"{name}: {n_songs} songs are too few for an interval; give {FEWEST_SONGS} or more")
    generated = _drawn(n_generated, resampling, number)
    drawn = _drawn(n_reference, resampling, _REFERENCE)
    return generated, drawn if resampling.reference else np.ones_like(drawn)


def _drawn(n_songs, resampling, stream):
    generator = np.random.default_rng([resampling.seed, stream])
    return generator.multinomial(n_songs, np.full(n_songs, 1 / n_songs), resampling.n_resamples).astype(float)


@dataclasses.dataclass(frozen=True)
class _Moments:
    """Of each song: how many `patches` `[songs]`, their `sums` `[songs, d]` and `products` `[songs, d, d]`."""

    patches: np.ndarray
    sums: np.ndarray
    products: np.ndarray

    @classmethod
    def of(cls, songs, origin):
        """About `origin` `[d]`."""
        songs = [song - origin for song in songs]
        patches = np.array([float(len(song)) for song in songs])
        return cls(patches, np.array([song.sum(axis=0) for song in songs]), np.array([x.T @ x for x in songs]))

    def gaussians(self, counts):
        """Means `[b, d]` and covariances `[b, d, d]` of all patches where songs count so often, `[b, songs]`."""
        n = (counts @ self.patches)[:, None]
        means = counts @ self.sums / n
        products = np.tensordot(counts, self.products, 1)
        covariances = (products - n[..., None] * means[:, :, None] * means[:, None, :]) / (n[..., None] - 1)
        return means, covariances


def _roots(covariances):
    """R with S = R^T R, `[b, d, d]` each."""
    values, vectors = np.linalg.eigh(covariances)
    return np.sqrt(np.maximum(values, 0))[..., None] * np.swapaxes(vectors, -1, -2)
