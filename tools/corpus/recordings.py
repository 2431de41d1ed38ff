"""Music that comes as sound: produced tracks of small games, and a rock band in stems."""

import pathlib

import numpy as np
import soundfile
import soxr

from corpus import mixing, rooms
from musika_tf.errors import UserError

# Package -> where its music lies below /usr/share/games.
GAMES = {
    "a7xpg-data": "a7xpg/sounds/*.ogg",
    "gunroar-data": "gunroar/sounds/musics/*.ogg",
    "mu-cade-data": "mu-cade/sounds/musics/*.ogg",
    "noiz2sa-data": "noiz2sa/sounds/*.ogg",
    "parsec47-data": "parsec47/sounds/*.ogg",
    "rrootage-data": "rrootage/sounds/*.ogg",
    "titanion-data": "titanion/sounds/musics/*.ogg",
    "torus-trooper-data": "torus-trooper/sounds/musics/*.ogg",
    "tumiki-fighters-data": "tumiki-fighters/sounds/*.ogg",
    "val-and-rick-data": "val-and-rick/sounds/musics/*.ogg",
}
GAMES_HELD_OUT = ("gunroar/gr2", "mu-cade/mcd3", "noiz2sa/stg1", "tumiki-fighters/panic_on_meadow")
STEMS_PACKAGE, STEMS_FOLDER = "fretsonfire-songs-sectoid", "fretsonfire/data/songs/sectoid"
GAMES_LICENCE, STEMS_LICENCE = "BSD-2-Clause, music by Kenta Cho", "MIT, music by Carlos Viola Iborra"
NEARLY_MONO = 0.98


def read(path):
    """An audio file as float32 [samples, 2] at 44.1 kHz.

    Raises:
        UserError: it can't be read.
    """
    try:
        waveform, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise UserError(f"--games_dir: {error}; install its package again") from error
    if rate != mixing.SAMPLE_RATE:
        waveform = soxr.resample(waveform, rate, mixing.SAMPLE_RATE).astype(np.float32)
    return mixing.to_stereo(waveform)


def at_speed(waveform, semitones):
    """As a record that turns faster or slower: pitch and tempo move together."""
    if not semitones:
        return waveform
    return soxr.resample(waveform, mixing.SAMPLE_RATE * 2 ** (semitones / 12), mixing.SAMPLE_RATE).astype(np.float32)


class Games:
    """Electronic music of Kenta Cho's games, mostly mono: each take has another speed and another space.

    Args:
        folder: where the games' folders are.

    Raises:
        UserError: a package is missing.
    """

    def __init__(self, folder):
        self._paths = {}
        for package, pattern in GAMES.items():
            found = sorted(pathlib.Path(folder).glob(pattern))
            if not found:
                raise UserError(f"--games_dir: {folder} lacks {pattern}; `apt-get install {package}` brings it")
            self._paths |= {f"{pattern.split('/')[0]}/{path.stem}": path for path in found}

    def pieces(self, held_out):
        """Names of the tracks in one split."""
        return tuple(name for name in sorted(self._paths) if (name in GAMES_HELD_OUT) == held_out)

    def render(self, rng, names, take):
        """One track; float32 [samples, 2] and what was drawn."""
        (name,) = names
        semitones = round(float(rng.uniform(-2.5, 2.5)), 2) if take else 0.0
        mix = at_speed(read(self._paths[name]), semitones)
        if rooms.correlation(mix) > NEARLY_MONO:
            mix = rooms.spread(mix.mean(axis=1), rng, rng.uniform(0.5, 1.0))
        response = rooms.room_response(rng, rng.uniform(0.2, 1.2), rng.uniform())
        return rooms.reverberate(mix, response, rng.uniform(-18, -8)), {"semitones": semitones}


class Stems:
    """Four recorded rock songs, each in two stems: take 0 is the mix, later takes are rebalanced.

    Args:
        folder: where the folder of the game fretsonfire is.

    Raises:
        UserError: the package is missing.
    """

    def __init__(self, folder):
        self._folder = pathlib.Path(folder, STEMS_FOLDER)
        self._songs = tuple(sorted(path.parent.name for path in self._folder.glob("*/song.ogg")))
        if not self._songs:
            raise UserError(f"--games_dir: {folder} lacks {STEMS_FOLDER}; `apt-get install {STEMS_PACKAGE}` brings it")

    def pieces(self, held_out):
        """All songs are trained on: four are too few to hold one back."""
        return () if held_out else self._songs

    def render(self, rng, names, take):
        """One song; float32 [samples, 2] and what was drawn."""
        (name,) = names
        band, guitar = (read(self._folder / name / f"{stem}.ogg") for stem in ("song", "guitar"))
        n_samples = min(len(band), len(guitar))
        band, guitar = band[:n_samples], guitar[:n_samples]
        facts = {"band_db": 0.0, "guitar_db": 0.0, "semitones": 0.0}
        if take:
            facts = {
                "band_db": round(float(rng.uniform(-7, 2)), 1),
                "guitar_db": round(float(rng.uniform(-7, 2)), 1),
                "semitones": round(float(rng.uniform(-2, 2)), 2),
            }
            guitar = guitar * mixing.pan_gains(rng.uniform(-0.6, 0.6))
            guitar = rooms.reverberate(guitar, rooms.room_response(rng, rng.uniform(0.4, 1.5)), rng.uniform(-16, -7))
            band = rooms.reverberate(band, rooms.room_response(rng, rng.uniform(0.3, 1.0)), rng.uniform(-20, -10))
        mix = band * np.float32(10 ** (facts["band_db"] / 20)) + guitar * np.float32(10 ** (facts["guitar_db"] / 20))
        return at_speed(mix, facts["semitones"]), facts
