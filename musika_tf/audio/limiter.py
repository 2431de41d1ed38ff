"""A soft limiter: loud samples are bent instead of clipped."""

import tensorflow as tf

KNEE = 0.8  # samples below this stay as they are
CEILING = 0.99


def limit(waveform, knee=KNEE):
    """A soft limiter, sample by sample so that excerpts stay pure: identity below `knee`, then bent towards CEILING."""
    room = tf.maximum(CEILING - knee, 1e-6)
    inside = tf.clip_by_value(waveform, -knee, knee)
    return inside + room * tf.tanh((waveform - inside) / room)
