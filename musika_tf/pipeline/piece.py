"""Which part of which piece: with the model, all that its samples depend on, and its place in a comment tag."""

import dataclasses
import re

from musika_tf.errors import UserError
from musika_tf.pipeline.steering import Steering
from musika_tf.pipeline.styles import StylePlan

MOST_SAMPLES = 2**53  # beyond it a float64 of seconds or samples is no longer exact


@dataclasses.dataclass(frozen=True)
class Piece:
    """A range of a piece.

    Attributes:
      seed: anchors and noise.
      style: StylePlan.
      start_sample: where the range begins; may be negative.
      n_samples: its length, None for one that never ends.
      truncation: bound of the normal distribution that anchors and styles are drawn from.
      loop_samples: the piece repeats after so many samples; 0: never.
      steering: Steering, or None where the style draws all signals.

    Raises:
      UserError: the range reaches beyond 2^53 samples.
    """

    seed: int
    style: StylePlan
    start_sample: int = 0
    n_samples: int | None = None
    truncation: float = 2.0
    loop_samples: int = 0
    steering: Steering | None = None

    def __post_init__(self):
        if max(abs(self.start_sample), self.start_sample + (self.n_samples or 0)) > MOST_SAMPLES:
            raise UserError("--start: beyond 2^53 samples, where a piece ends (6,472 years); start earlier")

    @property
    def end_sample(self):
        """One beyond the last sample, None for a piece that never ends."""
        return None if self.n_samples is None else self.start_sample + self.n_samples

    def comment(self, metadata):
        """The comment tag: model, seeds, range and all the rest, as `name=value` with spaces between them."""
        values = [
            f"musika_tf model={metadata['name']} id={metadata['autoencoder_id']} steps={metadata.get('steps', 0)}",
            f"seed={self.seed} style={self.style.text()} truncation={self.truncation!r}",
            f"start_sample={self.start_sample} n_samples={'inf' if self.n_samples is None else self.n_samples}",
        ]
        if self.loop_samples:
            values.append(f"loop_samples={self.loop_samples}")
        if self.steering:
            values.append(self.steering.text())
        return " ".join(values)


def read_comment(comment):
    """The Piece of a comment tag; UserError where it is not ours."""
    values = dict(re.findall(r"(\w+)=(\S+)", comment or ""))
    try:
        # The first files had one style each and named its seed.
        style = StylePlan.from_text(values["style"] if "style" in values else values["style_seed"])
        return Piece(
            seed=int(values["seed"]),
            style=style,
            start_sample=int(values["start_sample"]),
            n_samples=None if values["n_samples"] == "inf" else int(values["n_samples"]),
            truncation=float(values["truncation"]),
            loop_samples=int(values.get("loop_samples", 0)),
            steering=Steering.from_values(values),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"comment {comment!r}: not of a file that generate.py wrote") from error
