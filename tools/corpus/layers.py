"""The layers of a techno track beside the kick, and how they are mixed."""

import typing

from corpus import drums, tones

SAMPLE_NAMES = sorted(drums.SAMPLE_NAMES | tones.SAMPLE_NAMES)


class Layer(typing.NamedTuple):
    """How techno.mix treats a layer.

    Attributes:
        play: (track, bars) -> bus.
        loudness_db: RMS while it sounds, against that of the kick.
        room: share sent to the reverb.
        duck: depth of the ducking by the kick.
    """

    play: typing.Callable
    loudness_db: float
    room: float = 0.0
    duck: float = 0.0


LAYERS = {
    "open_hat": Layer(drums.open_hat, -8, 0.05),
    "closed_hat": Layer(drums.closed_hat, -11, 0.05),
    "clap": Layer(drums.clap, -6, 0.25),
    "perc": Layer(drums.perc, -10, 0.2),
    "ride": Layer(drums.ride, -15, 0.05),
    "bass": Layer(tones.bass, -3.5, 0.0, 0.8),
    "acid": Layer(tones.acid, -6.5, 0.1, 0.5),
    "lead": Layer(tones.lead, -10, 0.3, 0.4),
    "stab": Layer(tones.stab, -8.5, 0.3, 0.5),
    "pad": Layer(tones.pad, -11, 0.2, 0.8),
    "texture": Layer(tones.texture, -17, 0.3, 0.6),
    "accents": Layer(drums.accents, -7, 0.2),
}
