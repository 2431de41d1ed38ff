"""A soft limiter: loud samples are bent instead of clipped."""

import tensorflow as tf

KNEE = 0.8  # samples below this stay as they are


def limit(waveform, knee=KNEE):
    """A soft limiter, sample by sample so that excerpts stay pure: identity below `knee`, then bent towards 0.99."""
    room = tf.maximum(0.99 - knee, 1e-6)
    inside = tf.clip_by_value(waveform, -knee, knee)
    return inside + room * tf.tanh((waveform - inside) / room)
