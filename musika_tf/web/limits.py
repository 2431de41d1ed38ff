"""What one visitor, and all of them together, may take of the machine."""

import dataclasses


class Busy(Exception):
    """All places are taken: the visitor is told to come back."""


@dataclasses.dataclass(frozen=True)
class Limits:
    """An operator's choice.

    Attributes:
      longest_seconds: of a piece with an end.
      streams: open at once, of pieces, files and radio stations together.
      waiting: renderings that may wait for their turn at once, before further ones are refused.
      wait_seconds: how long one waits for its turn.
      stall_seconds: how long a connection may take nothing before it is closed; players come back for the rest.
      keep_seconds: how long a station without listeners waits for them to come back.
      renderers: renderings at once; each uses all of TensorFlow's threads.
      kept_bytes: of rendered samples, for whoever asks for the same next.
      body_bytes: of a request.
      letters: of one field.
    """

    longest_seconds: int = 600
    streams: int = 16
    waiting: int = 16
    wait_seconds: float = 30.0
    stall_seconds: float = 60.0
    keep_seconds: float = 60.0
    renderers: int = 1
    kept_bytes: int = 128 * 2**20
    body_bytes: int = 64 * 2**10
    letters: int = 1000
