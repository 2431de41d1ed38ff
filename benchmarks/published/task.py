"""What either side is asked to do, in the units of the published networks."""

from typing import NamedTuple

GENERATE, ENCODE, STEP = "generate", "encode", "step"
SAMPLE_RATE = 44_100
# What ours runs: the published networks, those of flags/reference.flags, and these in half precision.
PUBLISHED, PRESET, BFLOAT16 = "published", "preset", "bfloat16"
OURS = {GENERATE: (PUBLISHED, PRESET, BFLOAT16), ENCODE: (PUBLISHED, PRESET), STEP: (PUBLISHED,)}
LATENTS, SAMPLES_PER_LATENT = 256, 4096  # what their generator makes in one go, and what their encoder makes one of


class Task(NamedTuple):
    """One of GENERATE, ENCODE, STEP; how many times LATENTS to make or to encode; the batch of a step; threads."""

    what: str
    n_pieces: int
    batch_size: int
    threads: int

    @classmethod
    def read(cls, words):
        """The Task of a command line's words, as `map(str, task)` writes them."""
        return cls(words[0], *map(int, words[1:]))

    @property
    def seconds(self):
        """Of audio."""
        return self.n_pieces * LATENTS * SAMPLES_PER_LATENT / SAMPLE_RATE

    @property
    def label(self):
        return f"GAN step, batch {self.batch_size}" if self.what == STEP else f"{self.what} {self.seconds:.1f} s"
