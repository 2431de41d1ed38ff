"""Renders free music to train on: techno from CC0 samples, piano from public-domain scores, or music of many kinds.

    python tools/render_corpus.py --kind=techno --minutes=60 --out_dir=corpora/techno

writes OUT_DIR/train/NAME.flac and OUT_DIR/held_out/NAME.flac (16-bit stereo, 44.1 kHz), each
with NAME.json beside it: the true tempo of techno, the true note onsets of piano. Track i
depends on kind, seed and i alone, so a corpus can be made again anywhere; a run again skips
finished tracks. Techno needs Debian's sonic-pi-samples; piano needs music21, mido, fluidsynth and
fluid-soundfont-gm; docs/corpora.md lists what general needs, which adds NOTICE (the licences) and
sources.csv (minutes, loudness and stereo width by source).
"""

import functools
import pathlib
import sys

from absl import flags

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from corpus import general, notices, piano, techno, tracks
from corpus.sources import Source, next_source

from musika_tf.errors import UserError
from musika_tf.programs import cli

FLAGS = flags.FLAGS
flags.DEFINE_enum("kind", None, ["techno", "piano", "general"], "what to render")
flags.DEFINE_float("minutes", 60, "minutes of music, both splits together")
flags.DEFINE_string("out_dir", None, "folder for train/ and held_out/")
flags.DEFINE_integer("seed", 0, "tracks are a pure function of kind, seed and number")
flags.DEFINE_float("held_out", 0.1, "share of the tracks that goes to held_out/")
flags.DEFINE_enum("format", "flac", ["flac", "wav"], "audio format")
flags.DEFINE_string("samples_dir", "/usr/share/sonic-pi/samples", "sounds for techno")
flags.DEFINE_string("soundfont", "/usr/share/sounds/sf2/FluidR3_GM.sf2", "instruments of piano and general")
flags.DEFINE_string("games_dir", "/usr/share/games", "folder of the games whose music general takes")
flags.DEFINE_string("freedoom_dir", "/usr/share/games/doom", "folder of freedoom1.wad and freedoom2.wad, for general")


def render_corpus(sources, seed, minutes, out_dir, held_out, extension):
    """Renders tracks until they last the given minutes together, skipping finished ones.

    Args:
        sources: sequence of sources.Source.
        seed: for names and facts.
        minutes: least length of all together.
        out_dir: pathlib.Path; train/ and held_out/ are made below it.
        held_out: share of the tracks that is held out, of each source that has pieces for it.
        extension: "flac" or "wav".

    Returns:
        {name of source: [(split, what the track's .json says)]}.

    Raises:
        UserError: a track is there in the other split or in another format, or can't be written.
    """
    seconds, finished = {source.name: 0.0 for source in sources}, {source.name: [] for source in sources}
    while sum(seconds.values()) < minutes * 60:
        source = next_source(sources, seconds)
        index = len(finished[source.name])
        place = tracks.place(index, held_out if source.has_held_out else 0.0)
        path = tracks.path_of(out_dir, f"{source.name}-{seed}-{index:04d}.{extension}", place.split)
        head = {"kind": source.name, "seed": seed, "index": index}
        render = functools.partial(source.render, seed, index, place.number, place.split == "held_out")
        facts, outcome = tracks.finish(path, head, render, source.facts_needed)
        finished[source.name].append((place.split, facts))
        seconds[source.name] += facts["seconds"]
        print(f"{path}: {outcome}, {sum(seconds.values()) / 60:.1f} of {minutes:g} minutes", flush=True)
    return finished


def check_flags():
    """UserError where a flag's value can't work."""
    if FLAGS.minutes <= 0:
        raise UserError(f"--minutes={FLAGS.minutes:g}: give a number above 0, e.g. --minutes=60")
    if not 0 <= FLAGS.held_out <= 1:
        raise UserError(f"--held_out={FLAGS.held_out:g}: give a share from 0 to 1, e.g. --held_out=0.1")
    if FLAGS.seed < 0:
        raise UserError(f"--seed={FLAGS.seed}: give 0 or a number above")


def make_sources(kind):
    """The sources of this kind of corpus."""
    if kind == "techno":
        return [Source(kind, techno.Techno(FLAGS.samples_dir, FLAGS.seed))]
    if kind == "piano":
        return [Source(kind, piano.Piano(FLAGS.soundfont, FLAGS.seed))]
    return general.sources(FLAGS.samples_dir, FLAGS.soundfont, FLAGS.games_dir, FLAGS.freedoom_dir, FLAGS.seed)


def main(_):
    kind, out_dir = cli.require("kind"), pathlib.Path(cli.require("out_dir"))
    check_flags()
    sources = make_sources(kind)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out_dir={out_dir}: can't be made ({error.strerror}); name a folder that can") from error
    if kind == "general":
        tracks.write_text(out_dir / "NOTICE", notices.notice(sources))
    finished = render_corpus(sources, FLAGS.seed, FLAGS.minutes, out_dir, FLAGS.held_out, FLAGS.format)
    if kind == "general":
        rows = notices.table(sources, finished)
        tracks.write_text(out_dir / "sources.csv", notices.as_csv(rows))
        print("\n".join(notices.as_lines(rows)))


if __name__ == "__main__":
    cli.run(sys.modules[__name__])
