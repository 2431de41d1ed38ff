"""Bass, lines, chords and textures: each draws its sound and pattern and plays them into a bus.

A layer is a function (track, bars) -> bus [samples, 2]; `bars` are the numbers of the bars
in which it plays. Its loudness does not matter: techno.mix sets it.
"""

import numpy as np

from corpus import mixing, patterns, synth
from corpus.grid import STEPS_PER_BAR

TEXTURES = ("ambi_drone", "ambi_haunted_hum", "ambi_lunar_land", "ambi_dark_woosh", "ambi_glass_hum",
            "ambi_swoosh", "ambi_sauna")  # fmt: skip
# MIDI pitch at which each bass sample was recorded.
BASSES = {"bass_thick_c": 36, "bass_trance_c": 36, "bass_woodsy_c": 36, "bass_hard_c": 36,
          "bass_dnb_f": 41}  # fmt: skip
# Sixteenths of a bar on which the bass sounds.
BASS_PATTERNS = (
    (2, 6, 10, 14),
    (1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15),
    (2, 3, 6, 7, 10, 11, 14, 15),
    (2, 6, 7, 10, 14, 15),
    (3, 6, 10, 11, 14),
    (2, 5, 6, 10, 13, 14),
    (0, 3, 6, 10, 13),
)
STAB_PATTERNS = ((3, 6), (2, 10), (0, 3, 6, 10), (6, 14), (3, 11), (2, 5, 10, 13), (4, 7, 14))
SAMPLE_NAMES = {*TEXTURES, *BASSES}


def bass(track, bars):
    """A sampled or synthesised bass on off-beats or sixteenths, mono, in the key."""
    rng, bus = track.rng("bass"), track.bus()
    pattern = patterns.pick(rng, BASS_PATTERNS)
    moves = [0 if rng.random() < 0.7 else int(patterns.pick(rng, (2, 4, 6, 7))) for _ in pattern]
    follows_chords = rng.random() < 0.6
    note = _bass_voice(track, rng)
    length = rng.uniform(0.6, 1.0) * track.grid.samples_per_step / mixing.SAMPLE_RATE
    if len(pattern) < 7:
        length *= 1.7
    accents = rng.uniform(0.75, 1.0, len(pattern))
    for bar in bars:
        degree = track.chord_degree(bar) if follows_chords else 0
        # Chords above the fourth degree are played from below, which keeps the line deep.
        degree -= 7 if degree > 3 else 0
        for step, move, accent in zip(pattern, moves, accents, strict=True):
            sound = note(patterns.degree_pitch(track, degree + move, 31), length)
            position = track.grid.sample_at(bar * STEPS_PER_BAR + step)
            mixing.add_at(bus, sound, position, accent)
    return bus


def _bass_voice(track, rng):
    """A function (midi_pitch, seconds) -> sound, each note made once."""
    if rng.random() < 0.4:
        name = patterns.pick(rng, sorted(BASSES))
        cutoff = rng.uniform(500, 2500)

        def make(pitch, seconds):
            sound = mixing.to_mono(track.samples.sound(name, float(pitch - BASSES[name])))
            return mixing.cut(mixing.filtered(sound, "lowpass", cutoff), seconds)
    else:
        shape, cutoff = patterns.pick(rng, ("saw", "square", "saw")), rng.uniform(250, 1100)
        resonance = rng.uniform(0.8, 4)

        def make(pitch, seconds):
            return synth.bass_note(pitch, seconds, shape, cutoff, resonance).astype(np.float32)

    made = {}

    def note(pitch, seconds):
        if pitch not in made:
            made[pitch] = make(pitch, seconds)
        return made[pitch]

    return note


def _line(track, bars, name, base, density):
    """A line of two bars, its filter opening and closing over 16 bars in eight steps."""
    rng, bus = track.rng(name), track.bus()
    n_steps, samples_per_step = 2 * STEPS_PER_BAR, track.grid.samples_per_step
    notes = []
    for step in np.flatnonzero(rng.random(n_steps) < density):
        degree = int(patterns.pick(rng, (0, 0, 0, 0, 2, 4, 6, 7, 7, 3)))
        length = round(samples_per_step * rng.uniform(0.5, 1.0))
        slide = bool(notes) and rng.random() < 0.2
        notes.append((round(step * samples_per_step), length, patterns.degree_pitch(track, degree, base),
                      rng.random() < 0.35, slide))  # fmt: skip
    shape, resonance = patterns.pick(rng, ("saw", "saw", "square")), rng.uniform(3, 9)
    lowest, range_octaves = rng.uniform(200, 450), rng.uniform(1, 2.5)
    n_samples = round(n_steps * samples_per_step)
    levels = [
        synth.acid_line(notes, n_samples, lowest * 2 ** (range_octaves * level / 4), resonance, shape)
        for level in range(5)
    ]
    cycle = (0, 1, 2, 3, 4, 3, 2, 1)
    for bar in bars:
        half = round(n_samples / 2)
        line = levels[cycle[bar // 2 % len(cycle)]][half * (bar % 2) :][:half]
        mixing.add_at(bus, mixing.cut(line, 60, 0.005), track.grid.sample_at(bar * STEPS_PER_BAR))
    return bus


def acid(track, bars):
    """The line of a resonant bass synthesiser, with echoes that widen it."""
    bus = _line(track, bars, "acid", base=43, density=0.7)
    return bus + mixing.ping_pong(bus, round(3 * track.grid.samples_per_step), 0.3, 3)


def lead(track, bars):
    """A sparser, higher line, wide by its echoes."""
    bus = mixing.filtered(_line(track, bars, "lead", base=57, density=0.35), "highpass", 200)
    return bus * mixing.pan_gains(0.3) + mixing.ping_pong(bus, round(3 * track.grid.samples_per_step), 0.5)


def _chord_pitches(track, degree, base, n_notes):
    """Thirds piled on a scale degree, brought into the octave and a half above base."""
    pitches = [patterns.degree_pitch(track, degree + 2 * third, base) for third in range(n_notes)]
    return [pitch - 12 if pitch > base + 19 else pitch for pitch in pitches]


def stab(track, bars):
    """Short minor chords off the beat, with dotted echoes."""
    rng, bus = track.rng("stab"), track.bus()
    pattern, n_notes = patterns.pick(rng, STAB_PATTERNS), int(rng.integers(3, 5))
    seconds, cutoff, resonance = rng.uniform(0.12, 0.4), rng.uniform(900, 3500), rng.uniform(0.8, 3)
    sounds = {}
    for degree in sorted(set(track.progression)):
        chord = synth.saw_chord(_chord_pitches(track, degree, 54, n_notes), seconds, rng)
        cutoffs = cutoff * (0.5 + np.exp(-np.arange(len(chord)) / (0.1 * mixing.SAMPLE_RATE)))
        sides = [synth.sweep_lowpass(chord[:, side], cutoffs, resonance) for side in range(2)]
        sounds[degree] = mixing.decay(np.stack(sides, axis=1), seconds)
    for bar in bars:
        for step in pattern:
            position = track.grid.sample_at(bar * STEPS_PER_BAR + step)
            mixing.add_at(bus, sounds[track.chord_degree(bar)], position)
    bus = mixing.filtered(bus, "highpass", 180)
    return bus + mixing.ping_pong(bus, round(3 * track.grid.samples_per_step), rng.uniform(0.2, 0.55))


def pad(track, bars):
    """Soft, wide chords held for two bars."""
    rng, bus = track.rng("pad"), track.bus()
    seconds = 2 * STEPS_PER_BAR * track.grid.samples_per_step / mixing.SAMPLE_RATE
    cutoff = rng.uniform(500, 1800)
    sounds = {}
    for degree in sorted(set(track.progression)):
        chord = synth.saw_chord(_chord_pitches(track, degree, 52, 4), seconds + 0.3, rng)
        chord = mixing.filtered(mixing.filtered(chord, "lowpass", cutoff), "highpass", 180)
        ramp = round(0.25 * mixing.SAMPLE_RATE)
        chord[:ramp] *= np.linspace(0, 1, ramp, dtype=np.float32)[:, None]
        sounds[degree] = mixing.cut(chord, seconds + 0.3, 0.3)
    for bar in bars[::2]:
        mixing.add_at(bus, sounds[track.chord_degree(bar)], track.grid.sample_at(bar * STEPS_PER_BAR))
    return bus


def texture(track, bars):
    """A long atmospheric sample at the start of every fourth bar."""
    rng, bus = track.rng("texture"), track.bus()
    sound = track.samples.sound(patterns.pick(rng, TEXTURES), float(rng.uniform(-7, 2)))
    sound = mixing.filtered(sound, "highpass", 250)
    for bar in bars[::4]:
        place = mixing.pan_gains(rng.uniform(-0.8, 0.8))
        mixing.add_at(bus, sound * place, track.grid.sample_at(bar * STEPS_PER_BAR))
    return bus
