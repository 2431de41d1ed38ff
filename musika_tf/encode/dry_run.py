"""What encoding a collection will take: chunks of noise, timed on this machine. Nothing is written."""

import numpy as np

from musika_tf import durations
from musika_tf.encode import latents_file
from musika_tf.errors import UserError
from musika_tf.gan.latents import read_latents
from musika_tf.model.codec import CHUNK_LATENTS
from musika_tf.timing import median_seconds


def encoding(table, out_dir, encode, config):
    """What encoding will take, as lines of text.

    `table` is the collection.table.Table of what will be encoded by `encode`, a codec.StreamEncoder. What is there in
    `out_dir`, which may be None, is done.
    """
    rows = table.of("used")
    missing = [row for row in rows if not (out_dir and _is_done(row, out_dir))]
    seconds = 2 * CHUNK_LATENTS / config.latents_per_second
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, [round(seconds * config.sample_rate), 2]).astype(np.float32)
    encode([noise])
    rate = seconds / median_seconds(lambda: encode([noise]))
    to_do = sum(row.seconds for row in missing)
    return [
        f"{len(rows) - len(missing)} files are encoded already, {len(missing)} are to come, {durations.spoken(to_do)}",
        f"encoding runs at {rate:.1f} times real time on this machine: about {durations.spoken(to_do / rate)}",
    ]


def _is_done(row, out_dir):
    """Whether the latents of a file are there, and of the audio that is there now."""
    target = latents_file.target_of(row, out_dir)
    try:
        return target.exists() and latents_file.is_of(read_latents(target, ["audio_bytes", "audio_modified"]), row)
    except UserError:  # damaged, or without a record of its audio
        return False
