"""Short excerpts of audio files that stand in a page as text."""

import base64
import tempfile
from pathlib import Path

from musika_tf.audio import files
from musika_tf.audio.writer import AudioWriter

SECONDS = 12


def ogg(path, comment=""):
    """The middle 12 s of an audio file, or all of a shorter one, as OGG Vorbis: bytes, the same again."""
    n_samples, wanted = files.n_samples_at(files.probe(path)), SECONDS * files.SAMPLE_RATE
    waveform = files.read(path, max(0, (n_samples - wanted) // 2), wanted)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "excerpt.ogg"
        with AudioWriter(target, files.SAMPLE_RATE, comment, len(waveform)) as writer:
            writer.write(waveform)
        return target.read_bytes()


def address(data, kind="audio/ogg"):
    """Bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
