"""Which part of which piece: with the model, all that its samples depend on; as an object and as a comment tag."""

import dataclasses
import urllib.parse

from musika_tf.conditioning import steering
from musika_tf.errors import UserError
from musika_tf.generate.styles import StylePlan

MOST_SAMPLES = 2**53  # beyond it a float64 of seconds or samples is no longer exact
_READABLE = ":,=+/"  # what a comment tag holds as it is, besides letters and digits


@dataclasses.dataclass(frozen=True)
class Piece:
    """A range of a piece.

    Attributes:
      start_sample: where the range begins; may be negative.
      n_samples: None without end.
      truncation: bound of the normal distribution of anchors and styles.
      loop_samples: the piece repeats after so many samples; 0: never.
      settings: for `conditioning.steering.steer`; the style draws the signals that are not in it.
      click: whether there is a metronome.
      precision: what it is rendered in, one of `processor.PRECISIONS`.

    Raises:
      UserError: the range reaches beyond 2^53 samples.
    """

    seed: int
    style: StylePlan
    start_sample: int = 0
    n_samples: int | None = None
    truncation: float = 2.0
    loop_samples: int = 0
    settings: dict = dataclasses.field(default_factory=dict)
    click: bool = False
    precision: str = "float32"

    def __post_init__(self):
        if max(abs(self.start_sample), self.start_sample + (self.n_samples or 0)) > MOST_SAMPLES:
            raise UserError(
                "--start, --length: beyond 2^53 samples, where a piece ends (6,472 years); start earlier, or make less"
            )

    @property
    def end_sample(self):
        """One beyond the last sample, None without end."""
        return None if self.n_samples is None else self.start_sample + self.n_samples

    def steering(self, metadata):
        """The Steering of its signals, or None if the style draws all of them; UserError as `steer`."""
        end = self.loop_samples or self.end_sample
        total_seconds = None if end is None else end / metadata["sample_rate"]
        return steering.steer(self.settings, metadata, self.style.seeds[0], total_seconds)

    def bpm(self, metadata):
        """Its BPM, asked for or drawn; None if the model has neither tempo nor beat."""
        asked = self.steering(metadata)
        return asked.bpm if asked else steering.drawn_bpm(metadata, self.style.seeds[0])

    def comment(self, metadata):
        """The comment tag: `name=value` pairs with spaces between them."""
        values = [
            f"musika_tf model={_escaped(metadata['name'])} id={metadata['autoencoder_id']}",
            f"steps={metadata.get('steps', 0)}",
            f"seed={self.seed} style={self.style.text()} truncation={self.truncation!r}",
            f"start_sample={self.start_sample} n_samples={'inf' if self.n_samples is None else self.n_samples}",
        ]
        if self.loop_samples:
            values.append(f"loop_samples={self.loop_samples}")
        asked = ((flag, self.settings.get(setting)) for setting, flag in steering.SETTINGS.items())
        values += [f"{flag}={_escaped(text)}" for flag, text in asked if text]
        if self.click:
            values.append("click=1")
        if self.precision != "float32":
            values.append(f"precision={self.precision}")
        return " ".join(values)


def _escaped(text):
    """Any text as one word of a comment tag."""
    return urllib.parse.quote(text, safe=_READABLE, errors="surrogateescape")
