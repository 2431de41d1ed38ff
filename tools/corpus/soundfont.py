"""The fluidsynth program: a MIDI file and a soundfont -> a waveform."""

import pathlib
import shutil
import subprocess
import tempfile

import soundfile

from corpus import mixing
from musika_tf.errors import UserError

PACKAGES = "`apt-get install fluidsynth fluid-soundfont-gm`"


def check(path, kind):
    """UserError where the program or the soundfont is not there."""
    if shutil.which("fluidsynth") is None:
        raise UserError(f"--kind={kind} needs the fluidsynth program: {PACKAGES}")
    if not _is_soundfont(pathlib.Path(path)):
        raise UserError(f"--soundfont: {path} is not a soundfont (.sf2); {PACKAGES} brings one")


def _is_soundfont(path):
    """Whether a file begins as a soundfont does; fluidsynth would play silence from any other."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        header = file.read(12)
    return header[:4] == b"RIFF" and header[8:] == b"sfbk"


def play(write_midi, path, reverb=None):
    """Plays a MIDI file.

    Args:
        write_midi: function that writes the MIDI file to the path that it is given.
        path: path of the soundfont.
        reverb: level of fluidsynth's own reverb, 0 to 1; None leaves it off.

    Returns:
        float32 [samples, 2] at 44.1 kHz, not normalised.

    Raises:
        RuntimeError: fluidsynth failed; the message is its own.
    """
    room = ["-R", "0"]
    if reverb is not None:
        room = ["-R", "1", "-o", f"synth.reverb.level={reverb}", "-o", "synth.reverb.room-size=0.5"]
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = pathlib.Path(folder, "track.mid"), pathlib.Path(folder, "track.wav")
        write_midi(midi)
        command = ["fluidsynth", "-n", "-i", "-q", "-r", str(mixing.SAMPLE_RATE), "-O", "float", "-T", "wav",
                   "-C", "0", *room, "-g", "0.5", "-F", str(wav), str(path), str(midi)]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not wav.exists():
            raise RuntimeError(f"fluidsynth failed: {done.stderr.strip() or done.stdout.strip()}")
        return soundfile.read(wav, dtype="float32", always_2d=True)[0]
