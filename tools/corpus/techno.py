"""Techno from a seed: tempo, key, form, then the layers mixed to one track.

A track is phrases of 8 bars. Layers enter and leave at phrase borders:

    phrase   0      1      2 ..    middle         ..     last
             intro  build  main    break (kick    main   outro
                                   out <= 4 bars)
"""

import dataclasses
import pathlib
import zlib

import numpy as np

from corpus import drums, layers, mixing
from corpus import grid as grids
from corpus.samples import SampleLibrary
from musika_tf.errors import UserError

BARS_PER_PHRASE = 8
LICENCE = "CC0-1.0 samples of sonic-pi-samples"
RMS_DBFS = -16.0
NOTE_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
PROGRESSIONS = ((0,), (0,), (0, 5), (0, 3), (0, 6), (0, 5, 3, 6), (0, 0, 5, 6))
SAMPLES_PACKAGE = "`apt-get install sonic-pi-samples`"


@dataclasses.dataclass(frozen=True)
class Phrase:
    """Eight bars with the same layers.

    Attributes:
        name: intro, build, main, break or outro.
        layers: names of the layers that play, keys of layers.LAYERS.
        bars_without_kick: bars at the start of the phrase whose kick is dropped, at most 4.
        fill: what the last bar brings: "roll", "toms", "gap" or "" for nothing.
        crash: a cymbal on the first beat.
    """

    name: str
    layers: frozenset
    bars_without_kick: int = 0
    fill: str = ""
    crash: bool = False


@dataclasses.dataclass(frozen=True)
class Track:
    """The plan of a track; layers read it and draw their sounds from its seed.

    Attributes:
        seed: integers that identify the track.
        grid: tempo and length.
        root: pitch class of the key, 0 is C.
        progression: scale degrees (0-based) of the chords, each held for two bars.
        phrases: the form.
        samples: the library of sounds.
    """

    seed: tuple
    grid: grids.Grid
    root: int
    progression: tuple
    phrases: tuple
    samples: SampleLibrary

    def rng(self, name):
        """A generator of its own for every name, so that no layer moves another's draws."""
        return np.random.default_rng([*self.seed, zlib.crc32(name.encode())])

    def bus(self):
        """Silence of the track's length, float32 [samples, 2]."""
        return np.zeros((self.grid.n_samples, 2), np.float32)

    def bars(self, layer):
        """Numbers of the bars in which a layer plays."""
        return [
            number * BARS_PER_PHRASE + bar
            for number, phrase in enumerate(self.phrases)
            if layer in phrase.layers
            for bar in range(BARS_PER_PHRASE)
        ]

    def kick_beats(self):
        """Numbers of the beats that have a kick: nearly all."""
        beats = []
        for number, phrase in enumerate(self.phrases):
            start = number * BARS_PER_PHRASE * grids.BEATS_PER_BAR
            stop = start + BARS_PER_PHRASE * grids.BEATS_PER_BAR
            kept = stop - 2 if phrase.fill == "gap" else stop
            beats += range(start + phrase.bars_without_kick * grids.BEATS_PER_BAR, kept)
        return beats

    def kick_positions(self):
        """Sample positions of the kicks."""
        return [self.grid.sample_at(beat * grids.STEPS_PER_BEAT) for beat in self.kick_beats()]

    def chord_degree(self, bar):
        """Scale degree of the chord that sounds in a bar."""
        return self.progression[bar // 2 % len(self.progression)]


class Techno:
    """Renders techno tracks from a folder of samples.

    Args:
        samples_dir: folder that holds the sounds of Debian's sonic-pi-samples by name.
        seed: seed of the corpus.

    Raises:
        UserError: the folder lacks a sound; the message says how to get them.
    """

    def __init__(self, samples_dir, seed):
        try:
            self._samples = SampleLibrary(pathlib.Path(samples_dir), layers.SAMPLE_NAMES)
        except UserError as error:
            raise UserError(f"--samples_dir: {error}; {SAMPLES_PACKAGE} brings them") from error
        self._seed = seed

    def render(self, index, held_out):
        """Track number index; the same bytes every time.

        Args:
            index: number of the track.
            held_out: unused; every techno track is drawn afresh, so no two share a source.

        Returns:
            float32 [samples, 2] at 44.1 kHz, and a dict for the file beside the audio.
        """
        del held_out
        track = plan((self._seed, index), self._samples)
        return mix(track), describe(track)


def plan(seed, samples):
    """Draws tempo, length, key and form of a track from its seed."""
    rng = np.random.default_rng([*seed, zlib.crc32(b"techno plan")])
    bpm = int(rng.integers(1100, 1601)) / 10
    phrase_seconds = BARS_PER_PHRASE * grids.BEATS_PER_BAR * 60 / bpm
    fewest, most = int(np.ceil(62 / phrase_seconds)), int(178 // phrase_seconds)
    n_phrases = int(rng.integers(fewest, most + 1))
    return Track(
        seed=seed,
        grid=grids.Grid(bpm, n_phrases * BARS_PER_PHRASE, float(rng.choice([0, 0, 0.04, 0.08]))),
        root=int(rng.integers(12)),
        progression=PROGRESSIONS[rng.integers(len(PROGRESSIONS))],
        phrases=_form(rng, n_phrases),
        samples=samples,
    )


def _form(rng, n_phrases):
    """Intro, build, main parts with one or two breaks, outro."""
    # Every track leaves out a few layers for good, which is most of its character.
    melodic = [["acid"], ["stab"], ["acid", "stab"], ["stab", "lead"], ["lead"]][rng.integers(5)]
    optional = [layer for layer in ("pad", "ride", "texture") if rng.random() < 0.6]
    drums = {"open_hat", "closed_hat", "clap", "accents"}
    body = drums | {"bass", "perc", *melodic, *optional}
    breaks = {n_phrases // 2} if n_phrases < 8 else {n_phrases // 3, 2 * n_phrases // 3}
    phrases = []
    for number in range(n_phrases):
        fill = ("roll", "toms", "gap", "roll", "")[rng.integers(5)]
        if number == 0:
            playing = {"open_hat", "accents", *rng.choice(["closed_hat", "perc", "bass"], 2, False)}
            phrases.append(Phrase("intro", frozenset(playing), fill=fill))
        elif number == n_phrases - 1:
            playing = drums | {"perc", rng.choice(["bass", *melodic])}
            phrases.append(Phrase("outro", frozenset(playing - {rng.choice(["clap", "closed_hat"])})))
        elif number == 1 and n_phrases > 4:
            playing = (drums | {"bass", "perc", *optional}) - {rng.choice(["clap", "perc"])}
            phrases.append(Phrase("build", frozenset(playing), fill=fill, crash=True))
        elif number in breaks:
            playing = (body | {"pad"}) - ({"bass"} if rng.random() < 0.5 else set())
            quiet = int(rng.choice([2, 4]))
            phrases.append(Phrase("break", frozenset(playing), quiet, fill, True))
        else:
            left_out = rng.choice(sorted({"perc", *melodic, *optional, "closed_hat"}))
            playing = body - {left_out} if rng.random() < 0.5 else body
            crash = bool(rng.random() < 0.7)
            phrases.append(Phrase("main", frozenset(playing), fill=fill, crash=crash))
    return tuple(phrases)


def mix(track):
    """Plays every layer, ducks, adds room, and sets width and loudness.

    Returns:
        float32 [samples, 2].
    """
    rng = track.rng("mix")
    kick = drums.kick(track)
    kick_level = _active_rms(kick)
    positions = track.kick_positions()
    pumping = min(track.grid.beat_seconds * rng.uniform(0.6, 0.9), 0.42)
    total, room = kick, track.bus()
    for name, layer in layers.LAYERS.items():
        bars = track.bars(name)
        loudness_db = layer.loudness_db + rng.uniform(-1.5, 1.5)
        if not bars:
            continue
        bus = layer.play(track, bars)
        bus *= np.float32(kick_level * 10 ** (loudness_db / 20) / max(_active_rms(bus), 1e-6))
        if layer.duck:
            bus *= mixing.ducking(len(bus), positions, layer.duck, pumping)
        total += bus
        room += np.float32(layer.room) * bus
    total += mixing.reverb(room, rng, rng.uniform(0.6, 1.8))
    total = mixing.filtered(total, "highpass", 24)
    total = mixing.set_width(total, rng.uniform(0.35, 0.75))
    total = mixing.set_loudness(total, RMS_DBFS)
    mixing.fade_out(total, 0.05)
    return total


def _active_rms(bus):
    """RMS over the twentieths of a second in which a bus sounds at all."""
    frame = mixing.SAMPLE_RATE // 20
    whole = bus[: len(bus) // frame * frame].reshape(-1, frame * 2)
    levels = np.sqrt(np.mean(np.square(whole), axis=1))
    sounding = levels[levels > 0.02 * levels.max()]
    return float(np.sqrt(np.mean(np.square(sounding)))) if len(sounding) else 0.0


def describe(track):
    """What is true of a track, for the file beside it."""
    return {
        "bpm": track.grid.bpm,
        "first_beat_seconds": 0.0,
        "beats_per_bar": grids.BEATS_PER_BAR,
        "n_bars": track.grid.n_bars,
        "key": f"{NOTE_NAMES[track.root]} minor",
        "swing": track.grid.swing,
        "form": [phrase.name for phrase in track.phrases],
        "beats_without_kick": sorted(set(range(track.grid.n_beats)) - set(track.kick_beats())),
        "licence": LICENCE,
    }
