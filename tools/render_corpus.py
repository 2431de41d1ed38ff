"""Renders free music to train on: techno from CC0 samples, piano from public-domain scores.

    python tools/render_corpus.py --kind=techno --minutes=60 --out_dir=corpora/techno

writes OUT_DIR/train/NAME.flac and OUT_DIR/held_out/NAME.flac (16-bit stereo, 44.1 kHz), each
with NAME.json beside it: the true tempo of techno, the true note onsets of piano. Track i
depends on kind, seed and i alone, so a corpus can be made again anywhere; a run again skips
finished tracks. Techno needs Debian's sonic-pi-samples, piano needs music21, fluidsynth and
fluid-soundfont-gm.
"""

import io
import json
import math
import pathlib
import sys
import time

import soundfile
from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from corpus import mixing, piano, techno

from musika_tf import atomic, json_file
from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_enum("kind", None, ["techno", "piano"], "what to render")
flags.DEFINE_float("minutes", 60, "minutes of music, both splits together")
flags.DEFINE_string("out_dir", None, "folder for train/ and held_out/")
flags.DEFINE_integer("seed", 0, "tracks are a pure function of kind, seed and number")
flags.DEFINE_float("held_out", 0.1, "share of the tracks that goes to held_out/")
flags.DEFINE_enum("format", "flac", ["flac", "wav"], "audio format")
flags.DEFINE_string("samples_dir", "/usr/share/sonic-pi/samples", "sounds for techno")
flags.DEFINE_string("soundfont", "/usr/share/sounds/sf2/FluidR3_GM.sf2", "instrument for piano")

SPLITS = ("train", "held_out")


def is_held_out(index, share):
    """Whether track number index is held out; spreads the share evenly over the numbers."""
    return math.floor((index + 1) * share + 0.5) > math.floor(index * share + 0.5)


def refuse_other_copies(out_dir, path):
    """Raises where a track is already there in the other split or in another format."""
    for split in SPLITS:
        for other in (out_dir / split).glob(f"{path.stem}.*"):
            if other.suffix != ".json" and other != path:
                raise UserError(
                    f"--out_dir: {other} was rendered with another --held_out or --format; "
                    "use the same ones or an empty folder"
                )


def finished_seconds(path):
    """The length of a track whose audio and .json are there, as the latter says; None where it is to be rendered."""
    try:
        seconds = json_file.read(path.with_suffix(".json"))["seconds"]
    except (OSError, ValueError, LookupError, TypeError):  # none there, no JSON, or no facts
        return None
    is_length = isinstance(seconds, int | float) and 0 < seconds < math.inf
    return seconds if is_length and path.exists() else None


def write_track(path, waveform, facts):
    """Writes an audio file and the facts beside it, each complete or not at all.

    The audio takes its name last: where it exists, the track is finished.

    Args:
        path: where the audio goes, .flac or .wav.
        waveform: float32 [samples, 2] at 44.1 kHz.
        facts: what the .json beside it says.

    Raises:
        UserError: the disk is full, or can't be written.
    """
    audio = io.BytesIO()  # libsndfile would not say why it can't write to a disk
    soundfile.write(audio, waveform, mixing.SAMPLE_RATE, "PCM_16", format=path.suffix[1:].upper())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic.replacing(path) as hidden_audio, atomic.replacing(path.with_suffix(".json")) as hidden_facts:
            hidden_audio.write_bytes(audio.getvalue())
            hidden_facts.write_text(json.dumps(facts) + "\n")
    except OSError as error:
        raise UserError(
            f"{path}: can't be written with its .json ({error.strerror}); free space or give another --out_dir"
        ) from error


def render_track(player, kind, seed, index, path):
    """Renders and writes one track.

    Returns:
        Its length in seconds.
    """
    waveform, facts = player.render(index, held_out=path.parent.name == "held_out")
    seconds = len(waveform) / mixing.SAMPLE_RATE
    write_track(path, waveform, {"kind": kind, "seed": seed, "index": index, "seconds": seconds, **facts})
    return seconds


def render_corpus(player, kind, seed, minutes, out_dir, held_out, extension):
    """Renders tracks until they last the given minutes together, skipping finished ones.

    Args:
        player: has render(index, held_out) -> waveform, facts.
        kind: what the tracks are called.
        seed: the player's seed, for names and facts.
        minutes: least length of both splits together.
        out_dir: pathlib.Path; train/ and held_out/ are made below it.
        held_out: share of the tracks that is held out.
        extension: "flac" or "wav".

    Raises:
        UserError: a track is there in the other split or in another format, or can't be written.
    """
    seconds, index = 0.0, 0
    while seconds < minutes * 60:
        started = time.monotonic()
        path = out_dir / SPLITS[is_held_out(index, held_out)] / f"{kind}-{seed}-{index:04d}.{extension}"
        refuse_other_copies(out_dir, path)
        finished = finished_seconds(path)
        if finished is not None:
            seconds += finished
            outcome = "already there"
        else:
            verb = "its .json is missing or damaged, rendered again" if path.exists() else "rendered"
            seconds += render_track(player, kind, seed, index, path)
            outcome = f"{verb} in {time.monotonic() - started:.1f} s"
        print(f"{path}: {outcome}, {seconds / 60:.1f} of {minutes:g} minutes", flush=True)
        index += 1


def check_flags():
    """UserError where a flag's value can't work."""
    if FLAGS.minutes <= 0:
        raise UserError(f"--minutes={FLAGS.minutes:g}: give a number above 0, e.g. --minutes=60")
    if not 0 <= FLAGS.held_out <= 1:
        raise UserError(f"--held_out={FLAGS.held_out:g}: give a share from 0 to 1, e.g. --held_out=0.1")
    if FLAGS.seed < 0:
        raise UserError(f"--seed={FLAGS.seed}: give 0 or a number above")


def make_player(kind):
    """The player of this kind."""
    if kind == "techno":
        return techno.Techno(FLAGS.samples_dir, FLAGS.seed)
    return piano.Piano(FLAGS.soundfont, FLAGS.seed)


def main(_):
    kind, out_dir = cli.require("kind"), pathlib.Path(cli.require("out_dir"))
    check_flags()
    player = make_player(kind)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out_dir={out_dir}: can't be made ({error.strerror}); name a folder that can") from error
    render_corpus(player, kind, FLAGS.seed, FLAGS.minutes, out_dir, FLAGS.held_out, FLAGS.format)


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
