"""Loops of any length: a file whose end continues into its beginning.

The line wraps (see `gan.coordinates`): the coordinates just before sample 0 are those just before the loop's end. If
the length is a whole number of anchors the windows wrap too, and sample n equals sample n + length. Otherwise the
windows before the end and those before sample 0 have the same coordinates but different noise, and the end fades into
the pre-roll with equal power::

    line        ... pre-roll |0                                   fade | length
                  ~~~~~~~~~~~|=========================================|
    loop                     |=============================\\\\\\\\\\\\\\\\\\\\\\|======== the beginning again
                                                           ~~~~~~~~~~~~|
                                                           1 s of pre-roll, moved here
"""

import dataclasses

import numpy as np

from musika_tf.conditioning import tempo
from musika_tf.config import GanConfig
from musika_tf.errors import UserError
from musika_tf.generate import bars

LEAST_SECONDS = 1.0
_FADE_SECONDS = 1.0


def closed(metadata, piece):
    """The Piece at a tempo that makes its loop whole bars, if it loops and the model has a clock; UserError where the
    loop is too short, its plan of styles is longer, or it has no whole bars."""
    if not piece.loop_samples:
        return piece
    seconds = piece.loop_samples / metadata["sample_rate"]
    if seconds < LEAST_SECONDS:
        raise UserError(f"--loop: {seconds:g}s is too short to loop; {LEAST_SECONDS:g}s is the least")
    if piece.style.keyframes[-1][0] >= seconds:
        raise UserError(f"--loop: a keyframe of style at {piece.style.keyframes[-1][0]:g}s, in a loop of {seconds:g}s")
    if not bars.has_clock(metadata):
        return piece
    if piece.settings.get("tempo"):
        bars.check_whole(piece.loop_samples, metadata["sample_rate"], piece.bpm(metadata), metadata)
        return piece
    _, bpm = bars.nearest_tempo(seconds, piece.bpm(metadata), tempo.span(metadata))
    return dataclasses.replace(piece, settings={**piece.settings, "tempo": repr(bpm)})


def fade_samples(metadata, loop_samples):
    """Samples at the end of a loop that fade into its pre-roll; 0 where its windows repeat."""
    spacing = GanConfig(window=metadata["window"]).anchor_spacing * metadata["samples_per_latent"]
    if loop_samples % spacing == 0:
        return 0
    return min(int(_FADE_SECONDS * metadata["sample_rate"]), loop_samples // 4)


def rounds(start, end, length):
    """Cuts a range of samples at the ends of a loop's rounds: yields (begin, end) within each round."""
    while start < end:
        begin = start // length * length
        stop = min(end, begin + length)
        yield start - begin, stop - begin
        start = stop


def crossfade(leaving, coming):
    """Fades from one waveform `[n, 2]` into another with equal power, however correlated the two are: beats coincide,
    and cosine and sine alone would be up to 3 dB too loud in the middle."""
    from musika_tf.audio.limiter import KNEE, limit  # imports TensorFlow, which a refused loop need not wait for

    angle = (np.arange(len(leaving))[:, None] + 0.5) / len(leaving) * (np.pi / 2)
    power = np.sqrt(np.sum(leaving**2, dtype=np.float64) * np.sum(coming**2, dtype=np.float64))
    alike = np.sum(leaving * coming, dtype=np.float64) / power if power else 0.0
    out, into = np.cos(angle), np.sin(angle)
    both = (leaving * out + coming * into) / np.sqrt(1.0 + 2.0 * max(alike, 0.0) * out * into)
    # What either of the two reaches is no reason to bend, or the fade would begin with a step.
    knee = np.maximum(np.maximum(np.abs(leaving), np.abs(coming)), KNEE)
    return limit(both.astype(np.float32), knee.astype(np.float32)).numpy()
