"""What can be wrong with an audio file."""

from musika_tf.errors import UserError


class AudioFileError(UserError):
    """An audio file or folder that can't be used: one line with its name, what is wrong and what would work.

    Attributes:
      problem: what is wrong in a word or two: not audio, corrupt, truncated, not finite, unreadable, needs ffmpeg.
      reason: the rest of it.
    """

    def __init__(self, message, problem="unreadable", reason=""):
        super().__init__(message)
        self.problem, self.reason = problem, reason
