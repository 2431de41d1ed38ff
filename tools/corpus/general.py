"""The sources of a corpus of many kinds of music, and how much of it each is."""

from corpus import ensembles, freedoom, needs, piano, recordings, scores, slow, soundfont, techno
from corpus.sources import SERIES_SEED_OFFSET, Repertoire, Series

SOUNDFONT_PACKAGE = "fluid-soundfont-gm"


def sources(samples_dir, soundfont_path, games_dir, freedoom_dir, seed):
    """The sources of the corpus; their shares add up to 1.

    Args:
        samples_dir: folder of the sounds for techno.
        soundfont_path: path of a General MIDI soundfont (.sf2).
        games_dir: folder in which the games' packages put their folders.
        freedoom_dir: folder of freedoom1.wad and freedoom2.wad.
        seed: of the corpus.

    Raises:
        UserError: a package is missing; the message says how to get it.
    """
    soundfont.check(soundfont_path, "general")
    needs.module("mido")
    series_seed = SERIES_SEED_OFFSET + seed
    free_piano = piano.Piano(soundfont_path, series_seed, scores.free_works, scores.LIKE_HELD_OUT)
    scored = dict(packages=("music21", SOUNDFONT_PACKAGE), licence=scores.LICENCE)
    chorales = scored | {"left_out": scores.LIKE_HELD_OUT}
    return (
        Repertoire("freedoom", freedoom.Freedoom(freedoom_dir, soundfont_path), 0.23,
                   ("freedoom", SOUNDFONT_PACKAGE), licence=freedoom.LICENCE),
        Series("techno", techno.Techno(samples_dir, series_seed), 0.12, ("sonic-pi-samples",), licence=techno.LICENCE),
        Repertoire("works", ensembles.Ensembles(scores.free_works, soundfont_path), 0.10, **scored),
        Series("piano", free_piano, 0.11, **scored),
        Repertoire("games", recordings.Games(games_dir), 0.08, tuple(recordings.GAMES), is_recorded=True,
                   licence=recordings.GAMES_LICENCE),
        Repertoire("chorales", ensembles.Ensembles(scores.chorales, soundfont_path), 0.09, **chorales,
                   pieces_per_track=3),
        Repertoire("ambient", slow.SlowChorales(soundfont_path, slow.AMBIENT), 0.12, **chorales,
                   pieces_per_track=2),
        Repertoire("strings", slow.SlowChorales(soundfont_path, slow.STRINGS), 0.10, **chorales,
                   pieces_per_track=2),
        Repertoire("rock", recordings.Stems(games_dir), 0.05, (recordings.STEMS_PACKAGE,), is_recorded=True,
                   licence=recordings.STEMS_LICENCE),
    )  # fmt: skip
